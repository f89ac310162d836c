package bench_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

const (
	// faulty is how many services turn bad, each once, at random within spread.
	faulty = 15
	spread = time.Minute
	// window is the `for` of all, and span the range of their query.
	window, span = 10 * time.Second, 10 * time.Second
)

// recorder notes when each party first acted on each service.
type recorder struct {
	mu    sync.Mutex
	acted map[string]map[string]time.Time // party, service
}

func (r *recorder) note(party, service string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.acted[party] == nil {
		r.acted[party] = map[string]time.Time{}
	}
	if _, before := r.acted[party][service]; !before {
		r.acted[party][service] = time.Now()
	}
}

func (r *recorder) count(party string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acted[party])
}

// overshoots are how much later than a full window after its fault each service
// was acted on.
func (r *recorder) overshoots(party string, faults map[string]time.Time) []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var late []time.Duration
	for service, at := range r.acted[party] {
		late = append(late, at.Sub(faults[service])-window)
	}
	slices.Sort(late)
	return late
}

// ServeHTTP takes a rollback step's request (/act/SERVICE) and an
// Alertmanager's (/alert/PARTY).
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var party, service string
	if n, err := fmt.Sscanf(request.URL.Path, "/act/%s", &service); n == 1 && err == nil {
		r.note("rollbackd", service)
		return
	}
	if _, err := fmt.Sscanf(request.URL.Path, "/alert/%s", &party); err != nil {
		http.NotFound(w, request)
		return
	}
	var body struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, alert := range body.Alerts {
		if alert.Status == "firing" {
			r.note(party, alert.Labels["service"])
		}
	}
}

const alertRule = `groups:
  - name: services
    rules:
      - alert: errors
        expr: sum by (service) (rate(http_requests_total{code=~"5.."}[10s])) / sum by (service) (rate(http_requests_total[10s])) > 0.01
        for: 10s
`

// BenchmarkOvershoot breaks services and measures, beyond the window, when each
// party acts: rollbackd by the request of its first step, the peers by the
// webhook of their Alertmanager. All see the same services, scraped each second.
func BenchmarkOvershoot(b *testing.B) {
	rec := &recorder{acted: map[string]map[string]time.Time{}}
	server := httptest.NewServer(rec)
	defer server.Close()
	var services []*world.Service
	var targets []string
	dir := shortDir(b)
	text := ""
	for i := range faulty {
		s := world.NewService(b, fmt.Sprintf("s%d", i))
		services, targets = append(services, s), append(targets, s.Target())
		text += fmt.Sprintf(overshootService, s.Name, server.URL)
	}
	tuned := peer(b, server.URL, peerOptions{name: "tuned", evaluation: "1s", wait: "0s", interval: "1s"}, targets)
	peer(b, server.URL, peerOptions{name: "defaults", evaluation: "1m", wait: "30s", interval: "5m"}, targets)
	d := startDaemon(b, build(b), dir, fmt.Sprintf(overshootConfig, tuned.URL, dir)+text)
	d.AwaitTrigger(b, services[faulty-1].Name, "errors", time.Minute, world.InTruth("ok"))
	began := time.Now()
	world.Await(b, "a whole range of warming up", time.Minute, func() (bool, string) { return time.Since(began) > span+5*time.Second, "" })

	for b.Loop() {
		faults := breakThem(b, services)
		world.Await(b, "everybody to act", 4*time.Minute, func() (bool, string) {
			seen := [3]int{rec.count("rollbackd"), rec.count("tuned"), rec.count("defaults")}
			return seen == [3]int{faulty, faulty, faulty}, fmt.Sprint(seen)
		})
		compare(b, rec, faults)
	}
}

// breakThem breaks the services one after the other, at random within spread.
func breakThem(b *testing.B, services []*world.Service) map[string]time.Time {
	b.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	offsets := make([]time.Duration, len(services))
	for i := range offsets {
		offsets[i] = time.Duration(rnd.Int64N(int64(spread)))
	}
	slices.Sort(offsets)
	faults, began := map[string]time.Time{}, time.Now()
	for i, s := range services {
		world.Await(b, "the next fault", spread, func() (bool, string) { return time.Since(began) >= offsets[i], "" })
		s.Behave("v1", world.Behaviour{Errors: 0.5})
		faults[s.Name] = time.Now()
	}
	return faults
}

func compare(b *testing.B, rec *recorder, faults map[string]time.Time) {
	b.Helper()
	median := func(party string) time.Duration { return rec.overshoots(party, faults)[faulty/2] }
	ours, tuned, defaults := median("rollbackd"), median("tuned"), median("defaults")
	b.ReportMetric(float64(ours)/float64(tuned), "of-tuned")
	b.ReportMetric(float64(ours)/float64(defaults), "of-defaults")
	shown := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	report(fmt.Sprintf("overshoot beyond %s, median of %d: rollbackd", window, faulty), shown(ours), "")
	report("  Prometheus and Alertmanager, tuned (1s, group_wait 0s)", shown(tuned), "")
	report("  the same with their defaults (rules each 1m, group_wait 30s)", shown(defaults), "")
	report("  rollbackd / tuned", fmt.Sprintf("%.2f", float64(ours)/float64(tuned)), "at most 1.10")
	report("  rollbackd / defaults", fmt.Sprintf("%.2f", float64(ours)/float64(defaults)), "at most 0.25")
}
