package prom_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/source/prom"
)

// A reason is a word for programs; why says the same to people, with what there is
// instead of what was looked for.
func TestWhyInWords(t *testing.T) {
	release := strings.ReplaceAll(vector("v1", "1"), `"service"`, `"release"`)
	tests := []struct {
		name   string
		answer *server
		want   string
	}{
		{"another service", always(200, vector("other", "1", "third", "2", "other", "3")), `no series for service="checkout"; there are: other, third`},
		{"many others", always(200, vector("a", "1", "b", "1", "c", "1", "d", "1", "e", "1", "f", "1")), `no series for service="checkout"; there are: a, b, c, d, e, …`},
		{"nothing", always(200, vector()), `no series for service="checkout", nor for any other`},
		{"another label", always(200, release), "the series have no label service; they have: pod, release (want"},
		{"two series", always(200, vector("checkout", "0.1", "checkout", "0.2")), "more than one series for the service (want one: sum by (service) (…))"},
		{"a mistake", always(400, `{"status":"error","errorType":"bad_data","error":"parse error"}`), "parse error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, options(tt.answer, prom.Metric{Name: "error_rate", Query: "q"}))
			a := s.Read(t.Context(), epoch(), []string{"error_rate"}, "checkout")["error_rate"]
			reading := a.Reading("checkout")
			if got := s.Why("error_rate", "checkout", reading.Reason); !strings.Contains(got, tt.want) {
				t.Errorf("%s: got %q, want %q", reading.Reason, got, tt.want)
			}
		})
	}
}

// What a failure says holds no secret of the address, and is the same at each poll:
// a text with the port that it was asked from would be news every time.
func TestWhyTellsNoSecretAndNoPortOfOurOwn(t *testing.T) {
	dropping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}))
	defer dropping.Close()
	var log bytes.Buffer
	opt := options(nil, prom.Metric{Name: "error_rate", Query: "q"})
	opt.URLs = []string{strings.Replace(dropping.URL, "http://", "http://ann:hunter1@", 1) + "/base?token=hunter2"}
	opt.Transport = &http.Transport{DisableKeepAlives: true}
	opt.Logger = hclog.New(&hclog.LoggerOptions{Output: &log})
	s := open(t, opt)
	a := s.Read(t.Context(), epoch(), []string{"error_rate"}, "checkout")["error_rate"]
	_, err := s.Census(t.Context(), epoch(), "versions", "version")
	if err == nil {
		t.Fatal("a census of nothing")
	}
	said := s.Why("error_rate", "checkout", a.Reading("checkout").Reason) + "\n" + err.Error() + "\n" + log.String()
	if strings.Contains(said, "hunter") || strings.Contains(said, "ann") {
		t.Errorf("a secret shows:\n%s", said)
	}
	if want := "server=" + dropping.URL + "/base"; !strings.Contains(said, "the server closed the connection") || !strings.Contains(log.String(), want) {
		t.Errorf("got\n%s\nwant what happened, and %s in the log", said, want)
	}
}

// The same failure is said in the same words, whichever port it was asked from.
func TestWhyIsTheSameEachTime(t *testing.T) {
	at := func(port int) *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }
	reset := &os.SyscallError{Syscall: "read", Err: syscall.ECONNRESET}
	tests := []struct {
		name string
		err  func(port int) error
		want string
	}{
		{"reset", func(port int) error {
			return &net.OpError{Op: "read", Net: "tcp", Source: at(port), Addr: at(9090), Err: reset}
		}, "connection reset by peer (127.0.0.1:9090)"},
		{"a proxy", func(port int) error {
			return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "read", Net: "tcp", Source: at(port), Addr: at(3128), Err: reset}}
		}, "connection reset by peer (127.0.0.1:3128)"},
		{"in passing", func(port int) error {
			return fmt.Errorf("HTTP/1.x transport connection broken: %w", &net.OpError{Op: "write", Net: "tcp", Source: at(port), Addr: at(9090), Err: net.ErrClosed})
		}, "use of closed network connection (127.0.0.1:9090)"},
		{"the name", func(port int) error {
			text := fmt.Sprintf("read udp 127.0.0.1:%d->127.0.0.53:53: read: connection refused", port)
			return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: text, Name: "prometheus"}}
		}, "the host prometheus is not known (127.0.0.53:53: read: connection refused)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			port := 40000
			opt := options(failing(func() error { port++; return tt.err(port) }), prom.Metric{Name: "error_rate", Query: "q"})
			opt.URLs = []string{"http://a:9090?token=hunter2"}
			s := open(t, opt)
			var said []string
			for range 2 {
				_, err := s.Census(t.Context(), epoch(), "versions", "version")
				said = append(said, fmt.Sprint(err))
			}
			if want := "version_query versions: connection: " + tt.want; said[0] != want || said[1] != want {
				t.Errorf("got %q, want %q twice", said, want)
			}
		})
	}
}

// failing is a transport that never gets through.
type failing func() error

// RoundTrip is http.RoundTripper's.
func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f() }
