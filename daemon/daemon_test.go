package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that is to happen.
const patience = 2 * time.Minute

// place is a folder with a configuration, and the daemon that runs on it.
type place struct {
	t      *testing.T
	dir    string
	prom   *httptest.Server
	client *http.Client
	log    *logged
}

// logged is what a daemon has logged; it is safe for concurrent use.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "daemon") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	prom := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		kind := "vector"
		if strings.HasSuffix(r.URL.Path, "query_range") {
			kind = "matrix"
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":%q,"result":[]}}`, kind)
	}))
	t.Cleanup(prom.Close)
	p := &place{t: t, dir: dir, prom: prom, log: &logged{}}
	p.client = &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(dir, "r.sock"))
		},
	}}
	p.write(p.config(prom.URL, "1%"))
	return p
}

// config is a configuration whose trigger has the given threshold.
func (p *place) config(prometheus, threshold string) string {
	return fmt.Sprintf(`
[prometheus]
url = %q
poll_interval = "1s"
[metrics]
error_rate = { query = "error_rate", unit = "ratio" }
[services.checkout.triggers]
errors = { when = "error_rate > %s for 3s", severity = "low" }
[journal]
path = "%[3]s/var/journal.db"
reserve = "64KiB"
[web]
socket = "%[3]s/r.sock"
listen = "127.0.0.1:0"
`, prometheus, threshold, p.dir)
}

func (p *place) file() string { return filepath.Join(p.dir, "rollbackd.toml") }

func (p *place) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.file(), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) new() *daemon.Daemon {
	p.t.Helper()
	d, err := daemon.New(daemon.Options{
		ConfigFile: p.file(), Logger: hclog.New(&hclog.LoggerOptions{Output: p.log, Level: hclog.Debug}),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// run runs the daemon and waits until it is ready; stop ends it.
func (p *place) run(d *daemon.Daemon) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	p.until("/-/ready", "rollbackd is ready")
	return func() {
		p.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("stopping: %v\n%s", err, p.log)
		}
	}
}

// get reads from the socket; it returns an empty text where nobody answers.
func (p *place) get(path string) string {
	response, err := p.client.Get("http://rollbackd" + path)
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// until asks again until the answer has a text in it.
func (p *place) until(path, text string) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got := p.get(path)
		if strings.Contains(got, text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("%s did not come to say %q within %v; it says:\n%s\n%s", path, text, patience, got, p.log)
		}
	}
}

// when is the trigger's condition in force.
func (p *place) when() string {
	p.t.Helper()
	var answer struct {
		Data struct {
			Triggers []struct {
				When string `json:"when"`
			} `json:"triggers"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(p.get("/api/v1/services/checkout")), &answer); err != nil || len(answer.Data.Triggers) != 1 {
		p.t.Fatalf("got %+v, %v", answer, err)
	}
	return answer.Data.Triggers[0].When
}

func TestStartTwice(t *testing.T) {
	p := newPlace(t)
	d := p.new()
	p.run(d)()
	if _, err := os.Lstat(filepath.Join(p.dir, "r.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket's file is still there: %v", err)
	}
	stop := p.run(d) // the same object, again
	if got := p.get("/api/v1/services"); !strings.Contains(got, "checkout") {
		t.Errorf("services after the second start: %s", got)
	}
	stop()
	p.run(p.new())() // and another one
}

func TestNothingAnswersAndItStarts(t *testing.T) {
	p := newPlace(t)
	p.write(p.config("http://127.0.0.1:1", "1%") + "[nats]\nurl = \"nats://127.0.0.1:1\"\n")
	stop := p.run(p.new())
	p.until("/metrics", `rollbackd_source_up{source="prometheus"} 0`)
	p.until("/metrics", `rollbackd_source_up{source="nats"} 0`)
	p.until("/metrics", `rollbackd_trigger_state{service="checkout",state="unknown",trigger="errors"} 1`)
	stop()
}

func TestMetrics(t *testing.T) {
	p := newPlace(t)
	stop := p.run(p.new())
	for _, name := range []string{"rollbackd_build_info", "rollbackd_config_last_reload_successful 1", "rollbackd_config_last_reload_success_timestamp_seconds", "go_goroutines"} {
		p.until("/metrics", name)
	}
	stop()
}

func TestReload(t *testing.T) {
	p := newPlace(t)
	d := p.new()
	if err := d.Reload(); err == nil {
		t.Error("a daemon that does not run was reloaded")
	}
	stop := p.run(d)
	defer stop()

	p.write(p.config(p.prom.URL, "2%")) // the same sources
	if err := d.Reload(); err != nil {
		t.Fatalf("reload: %v", err)
	}
	p.until("/api/v1/services/checkout", "2%")

	p.write(p.config(p.prom.URL, "3%") + "colour = \"red\"\n")
	err := d.Reload()
	if err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("a bad file: got %v, want an error that names the key", err)
	}
	if got := p.when(); got != "error_rate > 2% for 3s" {
		t.Errorf("after a bad file: got %q, want the old one", got)
	}
	p.until("/metrics", "rollbackd_config_last_reload_successful 0")
	if !strings.Contains(p.log.String(), "colour") {
		t.Errorf("the problem was not logged:\n%s", p.log)
	}

	p.write(p.config("http://127.0.0.1:1", "4%")) // other sources
	response, err := p.client.Post("http://rollbackd/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("POST /-/reload: got %d, %v", response.StatusCode, err)
	}
	p.until("/api/v1/services/checkout", "4%")
	p.until("/metrics", `rollbackd_source_up{source="prometheus"} 0`)
	p.until("/metrics", "rollbackd_config_last_reload_successful 1")
}

func TestReloadAddsAService(t *testing.T) {
	p := newPlace(t)
	d := p.new()
	stop := p.run(d)
	defer stop()
	p.write(p.config(p.prom.URL, "1%") + "[services.search.triggers]\nerrors = { when = \"error_rate > 1%\", severity = \"low\" }\n")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	p.until("/api/v1/services/search", `"service":"search"`)
	p.write(p.config(p.prom.URL, "1%"))
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	p.until("/api/v1/services/search", "not_found")
}

func TestBadConfigurationDoesNotStart(t *testing.T) {
	p := newPlace(t)
	p.write("[prometheus]\nurll = \"x\"\n")
	_, err := daemon.New(daemon.Options{ConfigFile: p.file()})
	if err == nil || !strings.Contains(err.Error(), "urll") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	p := newPlace(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := daemon.New(daemon.Options{ConfigFile: p.file(), Listen: taken.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want that the address is in use", err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	p.run(p.new())() // journal and socket are free again
}

func TestSystemdIsTold(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(p.dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	d := p.new()
	stop := p.run(d)
	told := map[string]bool{}
	hear := func(word string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for !told[word] {
			buf := make([]byte, 512)
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s, told %v: %v", word, told, err)
			}
			told[string(buf[:n])] = true
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	hear("RELOADING=1")
	delete(told, "READY=1")
	hear("READY=1")
	stop()
	hear("STOPPING=1")
}
