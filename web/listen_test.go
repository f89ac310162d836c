package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/web"
)

// socketDir is a directory with a path short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "web") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, path, tcp string) *web.Listeners {
	t.Helper()
	l, err := web.Listen(t.Context(), path, tcp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve answers in the background; the function it returns stops that.
func serve(t *testing.T, w *world, l *web.Listeners) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.server().Serve(ctx, l) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func dial(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
}

func TestTheKernelNamesTheActor(t *testing.T) {
	w := newWorld()
	l := listen(t, filepath.Join(socketDir(t), "r.sock"), "127.0.0.1:0")
	stop := serve(t, w, l)
	response, err := dial(l.SocketPath()).Post("http://rollbackd/api/v1/services/checkout/pause", "application/json", strings.NewReader(`{"reason":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %d, %v", response.StatusCode, err)
	}
	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if len(w.commands) != 1 || w.commands[0].Actor != me.Username {
		t.Errorf("got %+v, want one command by %s", w.commands, me.Username)
	}
	if _, err := os.Lstat(l.SocketPath()); !os.IsNotExist(err) {
		t.Errorf("the socket's file is still there: %v", err)
	}
}

func TestTCPServesReads(t *testing.T) {
	l := listen(t, filepath.Join(socketDir(t), "r.sock"), "127.0.0.1:0")
	stop := serve(t, newWorld(), l)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + l.TCPAddr() + "/api/v1/services")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.Body.Close() != nil {
		t.Fatal(err)
	}
	var e web.Envelope
	if err := json.Unmarshal(body, &e); err != nil || e.Status != "success" {
		t.Errorf("got %s, %v", body, err)
	}
	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestSocketMode(t *testing.T) {
	dir := socketDir(t)
	path := filepath.Join(dir, "r.sock")
	listen(t, path, "")
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("got %v, want a socket with mode 0660", info.Mode())
	}
	left, err := filepath.Glob(filepath.Join(dir, ".s*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(socketDir(t), "r.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, newWorld(), listen(t, path, ""))
	response, err := dial(path).Get("http://rollbackd/-/healthy")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("got %d, %v", response.StatusCode, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestSocketOfALivingDaemonIsRefused(t *testing.T) {
	path := filepath.Join(socketDir(t), "r.sock")
	listen(t, path, "")
	if _, err := web.Listen(t.Context(), path, ""); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("got %v, want that another daemon uses it", err)
	}
	// Another program's socket, which has no lock of ours.
	foreign := filepath.Join(socketDir(t), "f.sock")
	l, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := web.Listen(t.Context(), foreign, ""); err == nil || !strings.Contains(err.Error(), "answers on it") {
		t.Errorf("got %v, want that another daemon answers", err)
	}
	if _, err := os.Lstat(foreign); err != nil {
		t.Errorf("the living socket was removed: %v", err)
	}
}

func TestAFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(socketDir(t), "r.sock")
	if err := os.WriteFile(path, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := web.Listen(t.Context(), path, ""); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v, want that it is not a socket", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "notes" {
		t.Errorf("the file is now %q, %v", content, err)
	}
}

func TestATakenPortGivesTheSocketBack(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	path := filepath.Join(socketDir(t), "r.sock")
	if _, err := web.Listen(t.Context(), path, taken.Addr().String()); err == nil || !strings.Contains(err.Error(), "web.listen") {
		t.Errorf("got %v, want an error that names web.listen", err)
	}
	listen(t, path, "") // the same path again: nothing holds it
}
