package main

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"
)

// answerTime is how long the shop thinks about a request.
const answerTime = 3 * time.Millisecond

// bounds are the upper bounds of the duration histogram, in seconds.
func bounds() []float64 { return []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5} }

// shop serves requests and counts them. It is safe for concurrent use.
type shop struct {
	release release

	mu      sync.Mutex
	served  uint64         // requests to "/", for the share that fails
	byCode  map[int]uint64 // http_requests_total
	buckets []uint64       // cumulative, one for each of bounds
	sum     float64        // seconds
	count   uint64
}

// newShop makes the handler of one release: "/" is the business, "/-/ready"
// answers with the version whatever the release does to requests.
func newShop(r release) http.Handler {
	s := &shop{release: r, byCode: map[int]uint64{}, buckets: make([]uint64, len(bounds()))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.sell)
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, r.Version) })
	mux.HandleFunc("GET /metrics", s.metrics)
	return mux
}

// sell is the request that customers make.
func (s *shop) sell(w http.ResponseWriter, _ *http.Request) {
	began := time.Now()
	time.Sleep(answerTime)
	code := s.next()
	w.Header().Set("Shop-Version", s.release.Version)
	w.WriteHeader(code)
	if code == http.StatusOK {
		fmt.Fprintln(w, s.release.Version)
	} else {
		fmt.Fprintf(w, "%s cannot sell anything just now\n", s.release.Version)
	}
	s.observe(code, time.Since(began))
}

// next decides how the next request ends. Failures are spread evenly, so that
// 8% is 8% of any hundred requests and the demo shows the same every time.
func (s *shop) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := math.Floor(float64(s.served) * s.release.FailShare)
	s.served++
	if math.Floor(float64(s.served)*s.release.FailShare) > before {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// observe counts one answered request.
func (s *shop) observe(code int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byCode[code]++
	s.count++
	s.sum += took.Seconds()
	for i, bound := range bounds() {
		if took.Seconds() <= bound {
			s.buckets[i]++
		}
	}
}

// metrics writes the counters in Prometheus's text format. A code that was
// never answered has no series, as with most services: the configuration has
// to cope with an error counter that is not there yet.
func (s *shop) metrics(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprintln(w, "# HELP http_requests_total Requests answered, by status code.\n# TYPE http_requests_total counter")
	for _, code := range []int{http.StatusOK, http.StatusInternalServerError} {
		if n := s.byCode[code]; n > 0 {
			fmt.Fprintf(w, "http_requests_total{service=\"shop\",code=\"%d\"} %d\n", code, n)
		}
	}
	const name = "http_request_duration_seconds"
	fmt.Fprintf(w, "# HELP %s Time to answer.\n# TYPE %s histogram\n", name, name)
	for i, bound := range bounds() {
		fmt.Fprintf(w, "%s_bucket{service=\"shop\",le=\"%g\"} %d\n", name, bound, s.buckets[i])
	}
	fmt.Fprintf(w, "%s_bucket{service=\"shop\",le=\"+Inf\"} %d\n", name, s.count)
	fmt.Fprintf(w, "%s_sum{service=\"shop\"} %g\n%s_count{service=\"shop\"} %d\n", name, s.sum, name, s.count)
}
