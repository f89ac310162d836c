package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// Dialing and the TLS handshake are bounded, each. A host that does
	// not answer is then "nothing was sent" long before the step times out.
	connectTimeout = 10 * time.Second
	// The longest value that is read from a header file.
	maxSecret = 64 << 10
	// How many redirects of a GET are followed.
	maxRedirects = 5
)

// newTransport makes the default transport. It keeps no connection: one that the
// other side closed meanwhile could not be told from one that broke under way,
// and net/http would send a request with an Idempotency-Key again by itself.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: connectTimeout,
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}
}

// newClient makes a client that follows redirects of a GET on the same host only:
// anything else would repeat a change, or carry a secret header elsewhere.
func newClient(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0]
		reads := first.Method == http.MethodGet || first.Method == http.MethodHead
		if !reads || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// http sends the step's request once.
func (r *Runner) http(ctx context.Context, a *attempt, s Step, as role) Result {
	timeout := a.timeout(as)
	bounded, cancel := r.o.Clock.WithTimeout(ctx, timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(bounded, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := newHTTPRequest(traced, a, s, as)
	if err != nil {
		return notRun(fmt.Errorf("%s: %w", requestName(s), err))
	}
	resp, err := r.client.Do(req)
	if err != nil {
		sent := connected.Load() || !r.tracing && !isDialError(err)
		switch {
		case ctx.Err() != nil:
			return a.ended(ctx, interrupted(requestName(s)+": the daemon stopped before the answer came"))
		case bounded.Err() != nil:
			return Result{State: Uncertain, Error: fmt.Sprintf("%s: no answer within %s", requestName(s), timeout), NothingChanged: !sent}
		case !sent:
			return notRun(fmt.Errorf("%s: nothing was sent: %w", requestName(s), withoutURL(err)))
		default:
			return Result{State: Uncertain, Error: fmt.Sprintf("%s: broke after it was sent: %v", requestName(s), withoutURL(err))}
		}
	}
	return answered(a, s, as, resp)
}

// answered judges an answer by its status. The body is for people: that it broke
// off does not change what the status says.
func answered(a *attempt, s Step, as role, resp *http.Response) Result {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, tailSize+slack))
	_ = resp.Body.Close()
	status := "HTTP " + resp.Status
	body := head(a.mask.clean(string(raw)), tailSize-len(status)-1)
	res := Result{State: Done, Output: strings.TrimSuffix(status+"\n"+body, "\n")}
	expected := resp.StatusCode >= 200 && resp.StatusCode <= 299
	want := "any 2xx"
	if len(s.Expect) > 0 {
		expected = slices.Contains(s.Expect, resp.StatusCode)
		want = strings.Trim(fmt.Sprint(s.Expect), "[]")
	}
	if !expected && as == asIf && resp.StatusCode == http.StatusNotFound {
		res.Skipped = true
		return res
	}
	if !expected {
		res.State = Failed
		res.Error = fmt.Sprintf("%s: answered %s; want %s", requestName(s), resp.Status, want)
	}
	return res
}

func newHTTPRequest(ctx context.Context, a *attempt, s Step, as role) (*http.Request, error) {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL, strings.NewReader(s.Body))
	if err != nil {
		return nil, errors.New("the URL cannot be used")
	}
	if s.Body == "" {
		req.Body = http.NoBody
	}
	// Without it net/http cannot send the body a second time behind our back.
	req.GetBody = nil
	req.Header.Set("User-Agent", "rollbackd")
	switch {
	case s.Body == "":
	case json.Valid([]byte(s.Body)):
		req.Header.Set("Content-Type", "application/json")
	default:
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	for name, value := range s.Headers {
		setHeader(req, name, value)
	}
	for name, path := range s.HeaderFiles {
		secret, err := readSecret(path)
		if err != nil {
			return nil, fmt.Errorf("header_files.%s: %w", name, err)
		}
		a.mask.add(secret)
		setHeader(req, name, secret)
	}
	if !as.looks() {
		// A probe with the step's own key could be given the step's answer.
		req.Header.Set("Idempotency-Key", idempotencyKey(a.req))
	}
	return req, nil
}

// idempotencyKey is the same for every attempt of a step, or of one of its units,
// within a run, so that a
// server that saw an attempt whose answer was lost gives that answer again. A
// server may remember keys for days. A later rollback of the same incident must
// not be given the earlier one's answer while nothing is done, so its keys begin
// with the run ("<incident>.2") instead of the incident.
func idempotencyKey(req Request) string {
	scope := req.Incident
	if nth, ok := strings.CutPrefix(req.Run, req.Incident+"."); ok {
		if n, err := strconv.Atoi(nth); err == nil && n >= 2 {
			scope = req.Run
		}
	}
	key := url.PathEscape(scope) + "/" + url.PathEscape(req.Name)
	if req.Unit != "" {
		key += "/" + url.PathEscape(req.Unit)
	}
	return key
}

func setHeader(req *http.Request, name, value string) {
	if strings.EqualFold(name, "Host") {
		req.Host = value
		return
	}
	req.Header.Set(name, value)
}

// readSecret reads a header's value. Its errors never hold the value.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	secret := strings.TrimSpace(string(raw))
	switch {
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case len(raw) > maxSecret:
		return "", fmt.Errorf("%s is longer than %d bytes", path, maxSecret)
	case strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%s holds more than one line", path)
	}
	return secret, nil
}

// requestName names a request without what may be secret in its URL.
func requestName(s Step) string {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "http " + method
	}
	return fmt.Sprintf("http %s %s://%s%s", method, u.Scheme, u.Host, u.EscapedPath())
}

// withoutURL takes the URL, which may hold a secret in its query, off an error.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// isDialError tells whether an error came up while the connection was made.
func isDialError(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	return dns
}
