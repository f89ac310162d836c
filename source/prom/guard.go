package prom

import (
	"context"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/api"
)

// maxErrorBody is how much of an error's body is read: its first lines say what
// is wrong, and a proxy's page of HTML says no more after them.
const maxErrorBody = 64 << 10

// guard is the api.Client beneath client_golang's v1 API for one query. It is
// where an answer is bounded, before anything is decoded.
type guard struct {
	api.Client
	http    *http.Client
	agent   string
	trimmer *trimmer
	// status is that of the last response; zero while there is none.
	status int
}

// Do is api.Client's.
func (g *guard) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	g.status = 0
	req.Header.Set("User-Agent", g.agent)
	resp, err := g.http.Do(req.WithContext(ctx)) //nolint:gosec // the address is the operator's own, from the configuration
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	g.status = resp.StatusCode
	if resp.StatusCode/100 != 2 {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return resp, body, err
	}
	if resp.ContentLength > g.trimmer.maxBody {
		return resp, nil, errTooLarge
	}
	body, err := g.trimmer.trim(resp.Body)
	if err != nil {
		return resp, nil, err
	}
	// A connection is only reused when its body was read to the end.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 512))
	return resp, body, nil
}
