package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/benbjohnson/clock"
)

// poster is an HTTP client for messages; nil is Go's default transport.
func poster(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport,
		// A redirected POST may become a GET, whose success would mean nothing.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// postJSON posts a value as JSON and returns the beginning of the answer's body,
// also where the answer was a failure. Its errors never hold the address.
func postJSON(ctx context.Context, client *http.Client, c clock.Clock, address string, value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("message cannot be written as JSON: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, bare(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rollbackd")
	return exchange(client, request, c)
}

// exchange sends a request and judges the answer; the beginning of its body is
// returned in any case.
func exchange(client *http.Client, request *http.Request, c clock.Clock) ([]byte, error) {
	a, err := ask(client, request)
	if err != nil {
		return nil, err
	}
	return a.body, a.judge(c.Now())
}

// answer is what a receiver answered, with the beginning of the body.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// ask sends a request.
func ask(client *http.Client, request *http.Request) (answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return answer{}, bare(err)
	}
	defer func() { _ = response.Body.Close() }()
	// Reading to the end lets the connection be used again; a receiver that
	// goes on and on is not worth one.
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return answer{response.StatusCode, response.Header, body}, nil
}

// judge turns an answer into nil or a DeliveryError.
func (a answer) judge(now time.Time) error {
	code := a.code
	if code >= 200 && code < 300 {
		return nil
	}
	failure := &DeliveryError{Problem: "answered " + strconv.Itoa(code) + excerpt(a.body)}
	switch {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		failure.RetryAfter = retryAfter(a.header.Get("Retry-After"), now)
	case code == http.StatusRequestTimeout || code >= 500:
	default:
		failure.Refused = true
	}
	return failure
}

// retryAfter reads the header's seconds or date; 0 where it is neither, or past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		// More than a message lives for is all the same, and must not overflow.
		return time.Duration(min(max(seconds, 0), int64(Lifetime/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), Lifetime)
	}
	return 0
}

// excerpt is the beginning of an answer's first line, fit for a log.
func excerpt(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if line == "" {
		return ""
	}
	if runes := []rune(line); len(runes) > 120 {
		line = string(runes[:120]) + "…"
	}
	return ": " + line
}

// bare is an HTTP client's error without the URL, which may hold a secret.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil && errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("post: %w by %s", syscall.ECONNREFUSED, op.Addr)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("post: %w", e.Err)
	}
	return err
}

// httpAddress reads an address that can be posted to. Its error does not hold it.
func httpAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("url is not an http or https address")
	}
	return u, nil
}

// readSecret reads what a secret must hold: something. what names it in errors,
// which never hold any of it.
func readSecret(what string, read func() (string, error)) (string, error) {
	if read == nil {
		return "", &DeliveryError{Problem: what + ": none is configured", Refused: true}
	}
	content, err := read()
	if err != nil {
		return "", &DeliveryError{Problem: fmt.Sprintf("%s: %s", what, err), Refused: true}
	}
	secret := strings.TrimSpace(content)
	if secret == "" {
		return "", &DeliveryError{Problem: what + ": it is empty", Refused: true}
	}
	return secret, nil
}
