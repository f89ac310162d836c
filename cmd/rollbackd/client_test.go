package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/web"
)

// sent is one request as a daemon gets it.
type sent struct {
	method, path, key, user string
	body                    map[string]any
}

// listener is a daemon that notes what it is asked and answers by path.
type listener struct {
	*httptest.Server

	mu   sync.Mutex
	sent []sent
}

// listenTo answers each path with its data, and any other with an empty success.
func listenTo(t *testing.T, data map[string]any) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sent{method: r.Method, path: r.URL.Path, key: r.Header.Get("Idempotency-Key")}
		s.user, _, _ = r.BasicAuth()
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&s.body); err != nil {
				t.Error(err)
			}
			if kind := r.Header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("%s: Content-Type %q", r.URL.Path, kind)
			}
		}
		l.mu.Lock()
		l.sent = append(l.sent, s)
		l.mu.Unlock()
		answer := data[r.URL.Path]
		if answer == nil {
			answer = struct{}{}
		}
		body, err := json.Marshal(map[string]any{"status": "success", "data": answer})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(l.Close)
	return l
}

// posted are the commands that came.
func (l *listener) posted() []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	var posts []sent
	for _, s := range l.sent {
		if s.method == http.MethodPost {
			posts = append(posts, s)
		}
	}
	return posts
}

// command runs a command line against an address.
func command(t *testing.T, address string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	a := &app{stdout: &out, stderr: &said, clock: clock.New(), getenv: func(name string) string {
		if name == addressVariable {
			return address
		}
		return ""
	}}
	code = a.run(t.Context(), args)
	return code, out.String(), said.String()
}

func TestEachCommandHasAKeyOfItsOwn(t *testing.T) {
	l := listenTo(t, map[string]any{"/api/v1/services/checkout": map[string]any{"service": "checkout"}})
	for range 2 {
		if code, _, said := command(t, l.URL, "lock", "checkout", "--reason", "x"); code != 0 {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	posts := l.posted()
	if len(posts) != 2 || len(posts[0].key) < 20 || len(posts[1].key) < 20 || posts[0].key == posts[1].key {
		t.Errorf("got %+v, want two commands with two keys", posts)
	}
	for _, s := range l.sent {
		if s.method == http.MethodGet && s.key != "" {
			t.Errorf("%s has a key, and only reads", s.path)
		}
	}
}

// TestACommandIsSentOnce: net/http would send a request with a key again when the
// connection that it was sent on, used before, breaks without an answer.
func TestACommandIsSentOnce(t *testing.T) {
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	posts := 0
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if r.Method == http.MethodPost {
						mu.Lock()
						posts++
						mu.Unlock()
						_, _ = io.Copy(io.Discard, r.Body)
						return // taken in, and no answer: it may have been carried out
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"status\":\"success\",\"data\":{}}")
				}
			}()
		}
	}()
	defer func() { _ = l.Close() }()
	client, err := newClient("http://"+l.Addr().String(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.get(t.Context(), "/api/v1/services/checkout", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.post(t.Context(), "/api/v1/services/checkout/rollback", map[string]string{"reason": "x"}, nil); err == nil {
		t.Error("no error, though there was no answer")
	}
	mu.Lock()
	defer mu.Unlock()
	if posts != 1 {
		t.Errorf("the command was sent %d times, want once", posts)
	}
}

func TestHTTPConfigFile(t *testing.T) {
	l := listenTo(t, map[string]any{"/api/v1/services/checkout": map[string]any{"service": "checkout"}})
	file := filepath.Join(t.TempDir(), "me.yml")
	if err := os.WriteFile(file, []byte("basic_auth: {username: ann, password: secret}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, said := command(t, l.URL, "lock", "checkout", "--reason", "x", "--http.config.file", file); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	for _, s := range l.sent {
		if s.user != "ann" {
			t.Errorf("%s %s by %q, want ann", s.method, s.path, s.user)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "me.yml")
	if err := os.WriteFile(file, []byte("basic_auth: {username: ann, password: secret}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		status int
		body   string
		named  bool
		code   int
		want   string
	}{
		{"no password", 401, "Unauthorized\n", false, 64, "wants a user and the right password (--http.config.file names a file that has them)\n"},
		{"another password", 401, "Unauthorized\n", true, 64, "wants a user and the right password\n"},
		{"TCP", 403, `{"status":"error","error_type":"forbidden","error":"TCP only reads"}`, false, 64, "TCP only reads (--web.address " + defaultAddress + ")\n"},
		{"a role", 403, `{"status":"error","error_type":"forbidden","error":"rollback needs the role approver"}`, true, 64, "rollback needs the role approver\n"},
		{"locked", 409, `{"status":"error","error_type":"refused","error":"locked by bob","guard":"locked"}`, false, 2, "locked by bob; to lift it: rollbackd unlock checkout --reason … (or --all"},
		{"no target", 409, `{"status":"error","error_type":"refused","error":"nothing is known","guard":"no_target"}`, false, 2, "nothing is known; what is known: rollbackd versions checkout\n"},
		{"too often", 429, "Too Many Requests\n", false, 1, "asked too often"},
	}
	for _, tt := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		args := []string{"rollback", "checkout", "--reason", "x"}
		if tt.named {
			args = append(args, "--http.config.file", file)
		}
		code, _, said := command(t, server.URL, args...)
		if code != tt.code || !strings.Contains(said, tt.want) {
			t.Errorf("%s: got %d %q, want %d and %q in it", tt.name, code, said, tt.code, tt.want)
		}
		server.Close()
	}
}

func TestDeployingIsRollingAndDeployedIsNot(t *testing.T) {
	for verb, want := range map[string]any{"deploying": true, "deployed": nil} {
		l := listenTo(t, nil)
		if code, _, said := command(t, l.URL, verb, "checkout", "--version", "v2"); code != 0 {
			t.Fatalf("%s: exit code %d: %s", verb, code, said)
		}
		posts := l.posted()
		if len(posts) != 1 || posts[0].body["rolling"] != want || posts[0].body["version"] != "v2" {
			t.Errorf("%s: got %+v, want one report with rolling %v", verb, posts, want)
		}
	}
}

func TestRollbackSendsScopeAndGlass(t *testing.T) {
	l := listenTo(t, map[string]any{"/api/v1/services/checkout/rollback": web.Done{Incident: "inc-1"}})
	code, out, said := command(t, l.URL, "rollback", "checkout", "--reason", "x", "--scope", "cache", "--break-glass", "--detach")
	if code != 0 || out != "inc-1\n" {
		t.Fatalf("exit code %d, %q: %s", code, out, said)
	}
	if posts := l.posted(); len(posts) != 1 || posts[0].body["scope"] != "cache" || posts[0].body["break_glass"] != true {
		t.Errorf("got %+v, want scope and break_glass", posts)
	}
}

// A rehearsal in another service is refused for that one's sake, which the path does
// not name: what is offered names none.
func TestARefusedRehearsalOffersNoWrongService(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"status":"error","error_type":"refused","error":"locked by bob","guard":"locked"}`)
	}))
	defer server.Close()
	_, _, said := command(t, server.URL, "rehearse", "checkout", "--in", "staging", "--yes")
	if !strings.Contains(said, "locked by bob; to lift it: rollbackd unlock SERVICE --reason") {
		t.Errorf("got %q, want no service named", said)
	}
}

// The list of services is there even where the incidents cannot be had, and JSON does
// not ask for them.
func TestServicesWithoutIncidents(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/services" {
			_, _ = io.WriteString(w, `{"status":"success","data":[{"service":"checkout","state":"held","incident":"i1"}]}`)
			return
		}
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	for i, output := range []string{"json", "table"} {
		code, out, said := command(t, server.URL, "services", "-o", output)
		if code != 0 || !strings.Contains(out, "checkout") || asked != i {
			t.Errorf("%s: got %d %q %q after %d more questions, want the list and %d", output, code, out, said, asked, i)
		}
	}
}
