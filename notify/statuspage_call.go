package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// statusPagePause is the wait where the page says that it was too much: it allows
// one request a second.
const statusPagePause = 10 * time.Second

// send carries out one request to the page's incidents and returns the answer.
func (p *StatusPage) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	token, err := readSecret("status page token", p.options.Token)
	if err != nil {
		return nil, err
	}
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("status page: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(content))
	if err != nil {
		return nil, bare(err)
	}
	request.Header.Set("Authorization", "OAuth "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rollbackd")
	a, err := ask(p.client, request)
	if err != nil {
		return nil, err
	}
	return a.body, p.explain(a)
}

// explain is judge, with what the page's codes mean there.
func (p *StatusPage) explain(a answer) error {
	failure, failed := errors.AsType[*DeliveryError](a.judge(p.options.Clock.Now()))
	if !failed {
		return nil
	}
	switch a.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Problem += ": put a valid API key into token_file"
	case http.StatusNotFound:
		return &missing{*failure}
	case 420: // what it answers to a client that asks too often
		failure.Refused = false
		failure.RetryAfter = max(statusPagePause, retryAfter(a.header.Get("Retry-After"), p.options.Clock.Now()))
	}
	return failure
}

// missing is the answer about something that is not on the page.
type missing struct{ DeliveryError }

func isMissing(err error) bool {
	_, is := errors.AsType[*missing](err)
	return is
}
