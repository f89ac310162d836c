package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The questions that the configuration asks. The stand-in knows these and no
// others: it is no PromQL engine.
const (
	badQuery     = `sum by (service) (rate(http_requests_total{code=~"5.."}[10s]))`
	totalQuery   = `sum by (service) (rate(http_requests_total[10s]))`
	latencyQuery = `histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[10s])))`
)

// standIn answers those questions from the shop's own counters where there is
// no Prometheus: it scrapes the shop every second and computes rates over the
// last ten.
type standIn struct {
	target   string
	scrapes  scrapes
	server   *http.Server
	listener net.Listener
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// startStandIn starts to scrape and to answer.
func startStandIn(target string) (*standIn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &standIn{target: "http://" + target + "/metrics", listener: listener, cancel: cancel}
	s.server = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second}
	s.done.Go(func() { s.scrapeAlways(ctx) })
	s.done.Go(func() { _ = s.server.Serve(listener) }) // always returns ErrServerClosed, after End
	return s, nil
}

// URL is where it answers.
func (s *standIn) URL() string { return "http://" + s.listener.Addr().String() }

// About says that this is no Prometheus.
func (s *standIn) About() string {
	return "no Prometheus here: the demo answers the queries itself"
}

// Gone is never an error: it lives in this process.
func (s *standIn) Gone() error { return nil }

// End stops scraping and answering.
func (s *standIn) End() error {
	s.cancel()
	err := s.server.Close()
	s.done.Wait()
	return err
}

// scrapeAlways scrapes once a second. A scrape that fails leaves a gap, as in
// Prometheus.
func (s *standIn) scrapeAlways(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if one, err := s.scrape(ctx); err == nil {
			s.scrapes.add(one)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// scrape asks the shop for its counters.
func (s *standIn) scrape(ctx context.Context) (scrape, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target, nil)
	if err != nil {
		return scrape{}, err
	}
	at := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return scrape{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return scrape{}, errors.New(response.Status)
	}
	return parseScrape(at, response.Body)
}

// handler serves the part of Prometheus's API that rollbackd uses.
func (s *standIn) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		at, err := readTime(r, "time")
		if err != nil {
			refuse(w, err)
			return
		}
		value, found, err := s.answer(r.FormValue("query"), at)
		if err != nil {
			refuse(w, err)
			return
		}
		result := []any{}
		if found {
			result = append(result, map[string]any{"metric": labels(), "value": point(at, value)})
		}
		answer(w, "vector", result)
	})
	mux.HandleFunc("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		points, err := s.answerRange(r)
		if err != nil {
			refuse(w, err)
			return
		}
		result := []any{}
		if len(points) > 0 {
			result = append(result, map[string]any{"metric": labels(), "values": points})
		}
		answer(w, "matrix", result)
	})
	return mux
}

// answer computes one query at one instant; false when there is no series.
func (s *standIn) answer(query string, at time.Time) (float64, bool, error) {
	rates := s.scrapes.rates(at)
	switch strings.TrimSpace(query) {
	case badQuery:
		sum, found := sumOf(rates, "http_requests_total{", `code="5`)
		return sum, found, nil
	case totalQuery:
		sum, found := sumOf(rates, "http_requests_total{", "")
		return sum, found, nil
	case latencyQuery:
		value, found := quantile(0.99, bucketsOf(rates, "http_request_duration_seconds_bucket{"))
		return value, found, nil
	}
	return 0, false, fmt.Errorf("the demo's stand-in for Prometheus does not know the query %q", query)
}

// answerRange computes one query at every step of a range.
func (s *standIn) answerRange(r *http.Request) ([]any, error) {
	start, err := readTime(r, "start")
	if err != nil {
		return nil, err
	}
	end, err := readTime(r, "end")
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseFloat(r.FormValue("step"), 64)
	step := time.Duration(seconds * float64(time.Second))
	if err != nil || step < time.Millisecond || end.Sub(start) > 11_000*step {
		return nil, fmt.Errorf("cannot use step %q: a number of seconds, at most 11000 points", r.FormValue("step"))
	}
	var points []any
	for at := start; !at.After(end); at = at.Add(step) {
		value, found, err := s.answer(r.FormValue("query"), at)
		if err != nil {
			return nil, err
		}
		if found {
			points = append(points, point(at, value))
		}
	}
	return points, nil
}

// readTime reads a time as Unix seconds or RFC 3339; without one it is now.
func readTime(r *http.Request, name string) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.UnixMilli(int64(math.Round(seconds * 1000))), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read %s=%q: want Unix seconds or RFC 3339", name, text)
	}
	return at, nil
}

// labels are those of the only series there is.
func labels() map[string]string { return map[string]string{"service": service} }

// point is a sample as the API writes it.
func point(at time.Time, value float64) []any {
	return []any{float64(at.UnixMilli()) / 1000, strconv.FormatFloat(value, 'g', -1, 64)}
}

// answer and refuse write the API's two envelopes. A write fails only where the
// asker has gone.
func answer(w http.ResponseWriter, kind string, result []any) {
	write(w, http.StatusOK, map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": result}})
}

func refuse(w http.ResponseWriter, err error) {
	write(w, http.StatusBadRequest, map[string]any{"status": "error", "errorType": "bad_data", "error": err.Error()})
}

func write(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
