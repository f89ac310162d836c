package action_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

// serve is a server for one test; it is closed when the test ends.
func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

func post(t *testing.T, url string) action.Request {
	t.Helper()
	return request(mustJSON(t, action.Step{Kind: action.KindHTTP, Method: http.MethodPost, URL: url}))
}

func TestHTTPSendsWhatIsWritten(t *testing.T) {
	type seen struct{ Method, Path, Key, Header, Secret, Type, Body string }
	var got seen
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{r.Method, r.URL.String(), r.Header.Get("Idempotency-Key"), r.Header.Get("X-Version"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
	})
	w := newWorld(t, action.Options{})
	write(t, w.path("token"), "Bearer abc123\n")
	req := request(mustJSON(t, action.Step{
		Kind: action.KindHTTP, Method: http.MethodPut, URL: url + "/v/${target_version}?now=1", Body: `{"to":"${target_version}"}`,
		Headers: map[string]string{"X-Version": "${target_version}"}, HeaderFiles: map[string]string{"Authorization": w.path("token")},
	}))
	req.Name, req.Values = "flip the flag/ä", map[string]string{"target_version": "v1"}
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "HTTP 200 OK"})
	want := seen{"PUT", "/v/v1?now=1", "inc-1/flip%20the%20flag%2F%C3%A4", "v1", "Bearer abc123", "application/json", `{"to":"v1"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A server that remembers keys must not give a later rollback of the incident the
// answer of an earlier one; within a run a repeated attempt is given it.
func TestIdempotencyKey(t *testing.T) {
	var got string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Idempotency-Key") })
	for _, tt := range []struct{ incident, run, want string }{
		{"checkout-20261121-021543", "checkout-20261121-021543.1", "checkout-20261121-021543/restart"},
		{"checkout-20261121-021543", "checkout-20261121-021543.2", "checkout-20261121-021543.2/restart"},
		{"checkout-20261121-021543", "checkout-20261121-021543.10", "checkout-20261121-021543.10/restart"},
		{"a.2", "a.2.1", "a.2/restart"},
		{"a", "a.2.1", "a/restart"},
		{"inc-1", "another-run", "inc-1/restart"},
	} {
		for attempt := range 2 {
			w := newWorld(t, action.Options{})
			req := post(t, url)
			req.Incident, req.Run, req.Attempt = tt.incident, tt.run, attempt+1
			checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "200"})
			if got != tt.want {
				t.Errorf("run %s, attempt %d: key %q; want %q", tt.run, attempt+1, got, tt.want)
			}
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/conflict":
			rw.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(rw, "already\x1b[31m off")
		case "/away":
			http.Redirect(rw, r, "/fine", http.StatusTemporaryRedirect)
		case "/elsewhere":
			http.Redirect(rw, r, "http://127.0.0.1:1/", http.StatusFound)
		case "/broken":
			rw.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(rw, "half")
		case "/long":
			_, _ = io.WriteString(rw, strings.Repeat("ü", 1<<20))
		}
	})
	for _, tt := range []struct {
		name, method, path string
		expect             []int
		want               action.Result
	}{
		{"2xx", "POST", "/fine", nil, action.Result{State: action.Done, Output: "HTTP 200 OK"}},
		{"not 2xx", "POST", "/conflict", nil, action.Result{State: action.Failed, Output: "HTTP 409 Conflict\nalready off", Error: "want any 2xx"}},
		{"expected", "POST", "/conflict", []int{200, 409}, action.Result{State: action.Done, Output: "409"}},
		{"2xx not expected", "POST", "/fine", []int{204}, action.Result{State: action.Failed, Output: "200", Error: "answered 200 OK; want 204"}},
		{"redirect of a change", "POST", "/away", nil, action.Result{State: action.Failed, Output: "307", Error: "answered 307"}},
		{"redirect of a read", "GET", "/away", nil, action.Result{State: action.Done, Output: "200"}},
		{"redirect to another host", "GET", "/elsewhere", nil, action.Result{State: action.Failed, Output: "302", Error: "answered 302"}},
		{"body that breaks off", "POST", "/broken", nil, action.Result{State: action.Done, Output: "HTTP 200 OK\nhalf"}},
		{"long body", "POST", "/long", nil, action.Result{State: action.Done, Output: "HTTP 200 OK\nüüü"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			step := action.Step{Kind: action.KindHTTP, Method: tt.method, URL: url + tt.path, Expect: tt.expect}
			got := w.Run(context.Background(), request(mustJSON(t, step)))
			checkResult(t, got, tt.want)
			if len(got.Output) > 4096 {
				t.Errorf("the output has %d bytes", len(got.Output))
			}
		})
	}
}

// Where nothing was sent, nothing can have changed.
func TestHTTPThatCannotBeSent(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request arrived")
	}))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	noName := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "lb.invalid", IsNotFound: true}}
	}}
	for _, tt := range []struct {
		name, url string
		rt        http.RoundTripper
		want      string
	}{
		{"refused", closed.URL, nil, "connection refused"},
		{"an untrusted certificate", untrusted.URL, nil, "certificate"},
		{"no TLS at all", strings.Replace(serve(t, nil), "http:", "https:", 1), nil, "nothing was sent"},
		{"no such name", "http://lb.invalid", noName, "no such host"},
		{"no such name, by another transport", "http://lb.invalid", brokenTransport{&net.DNSError{Err: "no such host"}}, "no such host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, action.Options{HTTP: tt.rt})
			got := w.Run(context.Background(), post(t, tt.url+"/off?key=s3cr3t"))
			checkResult(t, got, action.Result{State: action.Failed, NothingChanged: true, Error: tt.want})
			if strings.Contains(got.Error, "s3cr3t") {
				t.Errorf("the query is shown: %s", got.Error)
			}
		})
	}
}

// brokenTransport fails every request.
type brokenTransport struct{ err error }

func (b brokenTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

// Once something was sent, only an answer tells what happened.
func TestHTTPThatBreaks(t *testing.T) {
	release := make(chan struct{})
	var requests atomic.Int32
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/hangs" {
			<-release
			return
		}
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})
	defer close(release)
	for _, tt := range []struct {
		name, path string
		rt         http.RoundTripper
		want       action.Result
	}{
		{"closed", "/closes", nil, action.Result{State: action.Uncertain, Error: "broke after it was sent"}},
		{"no answer", "/hangs", nil, action.Result{State: action.Uncertain, Error: "no answer within LIMIT"}},
		{"another transport", "/", brokenTransport{errors.New("broken")}, action.Result{State: action.Uncertain, Error: "broke after it was sent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inTime(t, func(limit time.Duration) bool {
				requests.Store(0)
				w := newWorld(t, action.Options{HTTP: tt.rt})
				req := post(t, url+tt.path)
				req.Timeout = limit
				got := w.Run(context.Background(), req)
				n := requests.Load()
				if tt.rt == nil && n == 0 {
					return false
				}
				tt.want.Error = strings.ReplaceAll(tt.want.Error, "LIMIT", limit.String())
				checkResult(t, got, tt.want)
				if tt.rt == nil && n != 1 {
					t.Errorf("%d requests arrived; want 1", n)
				}
				return true
			})
		})
	}
}

func TestHTTPIsInterruptedAndCut(t *testing.T) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	defer close(release)
	w := newWorld(t, action.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan action.Result)
	req := post(t, url)
	go func() { done <- w.Run(ctx, req) }()
	<-arrived
	cancel()
	checkResult(t, <-done, action.Result{State: action.Uncertain, Interrupted: true, Error: "the daemon stopped"})

	req.Section = "checks"
	go func() { done <- w.Run(context.Background(), req) }()
	<-arrived
	if !w.Cut("run-1") {
		t.Error("there was nothing to cut")
	}
	checkResult(t, <-done, action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"})
}

func TestHeaderFilesAreHidden(t *testing.T) {
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		secret := r.Header.Get("Authorization")
		_, token, _ := strings.Cut(secret, " ")
		_, _ = io.WriteString(rw, secret+"|"+token+"|"+base64.StdEncoding.EncodeToString([]byte(token))+"|t%2Fo%2Fken+1")
	})
	w := newWorld(t, action.Options{})
	write(t, w.path("token"), "Bearer t/o/ken 1\n")
	req := request(mustJSON(t, action.Step{Kind: action.KindHTTP, URL: url, HeaderFiles: map[string]string{"Authorization": w.path("token")}}))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Failed, Output: "\n<secret>|<secret>|<secret>|<secret>", Error: "403"})

	for content, want := range map[string]string{"": "is empty", "two\nlines": "more than one line", strings.Repeat("x", 70<<10): "longer than"} {
		write(t, w.path("token"), content)
		got := w.Run(context.Background(), req)
		checkResult(t, got, action.Result{State: action.Failed, NothingChanged: true, Error: want})
		if content != "" && strings.Contains(got.Error, content) {
			t.Errorf("the error shows the secret: %s", got.Error)
		}
	}
}
