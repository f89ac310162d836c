package main

import (
	"fmt"
	"net/http"
	"sync"
)

// shop answers requests and counts its answers.
type shop struct {
	db *database

	mu    sync.Mutex
	asked int
	codes map[int]int
}

// every is how seldom a request meets the fault of v2's new prices.
const every = 4

func (s *shop) routes() http.Handler {
	s.codes = map[int]int{}
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", s.orders)
	mux.HandleFunc("/metrics", s.metrics)
	return mux
}

// orders says how many orders there are, in the words of its release's schema.
func (s *shop) orders(w http.ResponseWriter, _ *http.Request) {
	column := "total"
	if version == "v1" {
		column = "total_cents"
	}
	n, err := s.db.one("SELECT count(*) FROM orders WHERE " + column + " >= 0")
	if err == nil && version != "v1" {
		err = s.newPrices()
	}
	code, text := http.StatusOK, version+" "+n
	if err != nil {
		code, text = http.StatusInternalServerError, version+" "+err.Error()
	}
	s.mu.Lock()
	s.codes[code]++
	s.mu.Unlock()
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // the caller has gone
}

// newPrices is what is wrong with v2: while its flag is on, one request in a few
// cannot be priced.
func (s *shop) newPrices() error {
	on, err := s.db.one("SELECT enabled FROM flags WHERE name = 'new_prices'")
	if err != nil || on != "t" {
		return err
	}
	s.mu.Lock()
	s.asked++
	bad := s.asked%every == 0
	s.mu.Unlock()
	if bad {
		return fmt.Errorf("this order has no price")
	}
	return nil
}

// metrics has a series for a status only once it was answered with.
func (s *shop) metrics(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = fmt.Fprintln(w, "# TYPE http_requests_total counter")
	for code, n := range s.codes {
		_, _ = fmt.Fprintf(w, "http_requests_total{service=\"shop\",release=%q,code=\"%d\"} %d\n", version, code, n)
	}
}
