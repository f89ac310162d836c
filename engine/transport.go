package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
)

// Transport answers the two queries of Prometheus's HTTP API, /api/v1/query and
// /api/v1/query_range, from a store: without a network, and in its own words.
//
// Two things are not Prometheus's. A query must say its time, because there is no
// clock here; and the parameter timeout is read but bounds nothing, so that the
// answer does not depend on how fast this machine is. The request's context does.
func Transport(e *Engine, s *Store) http.RoundTripper { return &transport{engine: e, store: s} }

type transport struct {
	engine *Engine
	store  *Store
}

// maxForm bounds a request's body.
const maxForm = 16 << 20

// RoundTrip is http.RoundTripper's.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	form, err := formOf(r)
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a := answer{form: form}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return respond(r, http.StatusMethodNotAllowed, []byte("Method Not Allowed")), nil
	case strings.HasSuffix(r.URL.Path, "/api/v1/query"):
		t.instant(r.Context(), &a)
	case strings.HasSuffix(r.URL.Path, "/api/v1/query_range"):
		t.overRange(r.Context(), &a)
	default:
		return respond(r, http.StatusNotFound, []byte("404 page not found")), nil
	}
	// An answer that comes when nobody waits any more is none.
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, body := a.encode()
	return respond(r, status, body), nil
}

// formOf are the parameters of a request, from its address and its body.
func formOf(r *http.Request) (url.Values, error) {
	form := r.URL.Query()
	if r.Body == nil {
		return form, nil
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm))
	if err != nil {
		return nil, fmt.Errorf("read the query: %w", err)
	}
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read the query: %w", err)
	}
	for key, values := range form {
		posted[key] = append(posted[key], values...)
	}
	return posted, nil
}

func respond(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// maxPoints is how many points of a series a range query may ask for.
const maxPoints = 11000

// instant is /api/v1/query.
func (t *transport) instant(ctx context.Context, a *answer) {
	at := a.time("time")
	o := a.options()
	if a.failed() {
		return
	}
	q, err := t.engine.promql.NewInstantQuery(ctx, t.store, o, a.query(), at)
	t.evaluate(ctx, a, q, err)
}

// overRange is /api/v1/query_range.
func (t *transport) overRange(ctx context.Context, a *answer) {
	start, end := a.time("start"), a.time("end")
	if !a.failed() && end.Before(start) {
		a.invalid("end", errors.New("end timestamp must not be before start time"))
	}
	step := a.duration("step")
	switch {
	case a.failed():
	case step <= 0:
		a.invalid("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case end.Sub(start)/step > maxPoints:
		a.fail(errorBadData, errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"))
	}
	o := a.options()
	if a.failed() {
		return
	}
	q, err := t.engine.promql.NewRangeQuery(ctx, t.store, o, a.query(), start, end, step)
	t.evaluate(ctx, a, q, err)
}

// evaluate carries out a query. Its error is that of its making.
func (t *transport) evaluate(ctx context.Context, a *answer, q promql.Query, err error) {
	if err != nil {
		a.invalid("query", err)
		return
	}
	defer q.Close() // what it holds is written by then
	result := q.Exec(ctx)
	a.take(result)
}

func (a *answer) query() string { return a.form.Get("query") }

// options are the parameters that both queries have.
func (a *answer) options() promql.QueryOpts {
	if a.form.Get("timeout") != "" {
		a.duration("timeout")
	}
	if text := a.form.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err == nil && limit < 0 {
			err = errors.New("limit must be non-negative")
		}
		if err != nil {
			a.invalid("limit", err)
		}
		a.limit = limit
	}
	var lookback time.Duration
	if text := a.form.Get("lookback_delta"); text != "" {
		var err error
		if lookback, err = parseDuration(text); err != nil {
			a.fail(errorBadData, fmt.Errorf("error parsing lookback delta duration: %w", err))
		}
	}
	return promql.NewPrometheusQueryOpts(false, lookback)
}

// time is a parameter that is a time: Unix seconds, or as RFC 3339 has it.
func (a *answer) time(name string) time.Time {
	text := a.form.Get(name)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		whole, rest := math.Modf(seconds)
		rest = math.Round(rest*1000) / 1000
		return time.Unix(int64(whole), int64(rest*float64(time.Second))).UTC()
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		a.invalid(name, fmt.Errorf("cannot parse %q to a valid timestamp", text))
	}
	return t
}

func (a *answer) duration(name string) time.Duration {
	d, err := parseDuration(a.form.Get(name))
	if err != nil {
		a.invalid(name, err)
	}
	return d
}

// parseDuration reads seconds, or a duration as Prometheus writes it.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ns := seconds * float64(time.Second)
		if ns > math.MaxInt64 || ns < math.MinInt64 || math.IsNaN(ns) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
		}
		return time.Duration(ns), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
	}
	return time.Duration(d), nil
}
