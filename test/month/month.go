// Package month makes a month of three services, seeded: the same seed is the same
// month. It holds deployments, most of them good, and twelve incidents that people
// have written down, so that a backtest over it can be held against what is known.
package month

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Length, and the time between two samples.
const (
	Days = 30
	Step = time.Minute
)

// Start is when the month begins.
func Start() time.Time { return time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) }

// End is its last sample.
func End() time.Time { return Start().Add(Days*24*time.Hour - Step) }

// Incident is one of the twelve, as people have written it down.
type Incident struct {
	Service, Name string
	From, To      time.Time
	// BadVersion is the version to blame; empty where no deployment was.
	BadVersion string
	// Seen is false for one that happened while Prometheus was down.
	Seen bool

	errors  float64 // the share of requests that fail
	latency float64 // seconds
}

// Month is a month of samples, deployments and incidents.
type Month struct {
	Incidents []Incident
	// Outage is when Prometheus was down.
	OutageFrom, OutageTo time.Time

	seed    uint64
	changes map[string][]change
}

// change is a version from a time on.
type change struct {
	at      time.Time
	version string
}

// fault is an incident as it is planned: a bad deployment of a service on a day,
// and how it shows.
type fault struct {
	service string
	day     int
	name    string
	errors  float64
	latency float64
	// after is how long after the deployment it begins, lasts how long it goes on.
	after, lasts time.Duration
	// nobody deployed: it has another cause.
	nobody bool
	outage bool
}

const (
	usualErrors  = 0.001
	usualLatency = 0.12
)

func faults() []fault {
	const soon, hour = 2 * time.Minute, time.Hour
	return []fault{
		{service: "checkout", day: 2, name: "every request fails", errors: 1, after: soon, lasts: hour},
		{service: "checkout", day: 7, name: "a fifth fails", errors: 0.2, after: soon, lasts: hour},
		{service: "checkout", day: 12, name: "one in twenty fails", errors: 0.05, after: 4 * time.Minute, lasts: hour},
		{service: "checkout", day: 17, name: "slow", latency: 0.9, after: soon, lasts: hour},
		{service: "cart", day: 4, name: "one in twelve fails", errors: 0.08, after: soon, lasts: hour},
		{service: "cart", day: 9, name: "one in thirty fails", errors: 0.033, after: soon, lasts: 2 * hour},
		{service: "cart", day: 14, name: "too few to notice", errors: 0.006, after: soon, lasts: hour},
		{service: "search", day: 6, name: "a third fails", errors: 0.3, after: soon, lasts: hour},
		{service: "search", day: 11, name: "slower and slower", latency: 0.7, after: 10 * time.Minute, lasts: hour},
		{service: "search", day: 16, name: "leaks for three hours first", errors: 0.4, after: 3 * hour, lasts: hour},
		{service: "cart", day: 20, name: "the database is down", errors: 0.5, lasts: 30 * time.Minute, nobody: true},
		{service: "checkout", day: 23, name: "while nobody was looking", errors: 0.6, after: soon, lasts: 40 * time.Minute, outage: true},
	}
}

// Services are the services of the month.
func Services() []string { return []string{"cart", "checkout", "search"} }

// New makes the month of a seed.
func New(seed uint64) *Month {
	m := &Month{seed: seed, changes: map[string][]change{}}
	random := rand.New(rand.NewPCG(seed, 1))
	for _, service := range Services() {
		m.deployments(service, random)
	}
	return m
}

// deployments lets a service be deployed about every other day, and on the days of
// its faults; a bad version is taken back when the incident is over.
func (m *Month) deployments(service string, random *rand.Rand) {
	running := 1
	m.changes[service] = []change{{Start(), "v1"}}
	newest := 1
	for day := 1; day < Days; day++ {
		at := Start().Add(time.Duration(day)*24*time.Hour + time.Duration(9*60+random.IntN(300))*time.Minute)
		f, bad := faultOf(service, day)
		if !bad && random.IntN(2) == 0 {
			continue
		}
		if bad && f.nobody {
			m.add(f, at, "")
			continue
		}
		newest++
		m.changes[service] = append(m.changes[service], change{at, version(newest)})
		if !bad {
			running = newest
			continue
		}
		end := m.add(f, at, version(newest))
		m.changes[service] = append(m.changes[service], change{end, version(running)})
	}
}

func version(n int) string { return fmt.Sprintf("v%d", n) }

func faultOf(service string, day int) (fault, bool) {
	for _, f := range faults() {
		if f.service == service && f.day == day {
			return f, true
		}
	}
	return fault{}, false
}

// add adds a fault's incident, and gives its end.
func (m *Month) add(f fault, deployed time.Time, bad string) time.Time {
	i := Incident{
		Service: f.service, Name: f.name, From: deployed.Add(f.after), BadVersion: bad, Seen: !f.outage,
		errors: max(f.errors, usualErrors), latency: max(f.latency, usualLatency),
	}
	i.To = i.From.Add(f.lasts)
	m.Incidents = append(m.Incidents, i)
	if f.outage {
		m.OutageFrom, m.OutageTo = i.From.Add(-10*time.Minute), i.To.Add(20*time.Minute)
	}
	return i.To
}

// running is the version of a service at a time.
func (m *Month) running(service string, at time.Time) string {
	v := ""
	for _, c := range m.changes[service] {
		if !c.at.After(at) {
			v = c.version
		}
	}
	return v
}

// now is what share of requests fails and how slow they are.
func (m *Month) now(service string, at time.Time) (errors, latency float64) {
	errors, latency = usualErrors, usualLatency
	for _, i := range m.Incidents {
		if i.Service == service && !at.Before(i.From) && at.Before(i.To) {
			errors, latency = i.errors, i.latency
		}
	}
	return errors, latency
}

// counters are what a service has counted since the month began.
type counters struct{ good, bad float64 }

// WriteDays writes the month as OpenMetrics, a day at a time, as `promtool tsdb
// create-blocks-from openmetrics` takes it: it reads its input once for each two
// hours in it.
func (m *Month) WriteDays(open func(day int) (io.WriteCloser, error)) error {
	random := rand.New(rand.NewPCG(m.seed, 2))
	counted := map[string]*counters{}
	for _, service := range Services() {
		counted[service] = &counters{}
	}
	for day := range Days {
		text := m.day(day, counted, random)
		w, err := open(day)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, text); err != nil {
			_ = w.Close() // the first error counts
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Month) day(day int, counted map[string]*counters, random *rand.Rand) string {
	var requests, latencies, builds strings.Builder
	requests.WriteString("# TYPE http_requests counter\n")
	latencies.WriteString("# TYPE latency_seconds gauge\n")
	builds.WriteString("# TYPE build gauge\n")
	from := Start().Add(time.Duration(day) * 24 * time.Hour)
	for at := from; at.Before(from.Add(24 * time.Hour)); at = at.Add(Step) {
		down := !at.Before(m.OutageFrom) && at.Before(m.OutageTo)
		for _, service := range Services() {
			errors, latency := m.now(service, at)
			// Fewer people come at night.
			all := 600 * (1.2 + math.Sin(2*math.Pi*float64(at.Unix())/86400)) * (0.9 + 0.2*random.Float64())
			bad := min(all, all*errors*(0.7+0.6*random.Float64()))
			latency *= 0.85 + 0.3*random.Float64()
			c := counted[service]
			c.good, c.bad = c.good+math.Round(all-bad), c.bad+math.Round(bad)
			if down {
				continue
			}
			fmt.Fprintf(&requests, "http_requests_total{service=%q,code=\"200\"} %g %d\n", service, c.good, at.Unix())
			fmt.Fprintf(&requests, "http_requests_total{service=%q,code=\"500\"} %g %d\n", service, c.bad, at.Unix())
			fmt.Fprintf(&latencies, "latency_seconds{service=%q} %.4f %d\n", service, latency, at.Unix())
			fmt.Fprintf(&builds, "build{service=%q,version=%q} 4 %d\n", service, m.running(service, at), at.Unix())
		}
	}
	return requests.String() + latencies.String() + builds.String() + "# EOF\n"
}

// Labels are the incidents as a file of labels.
func (m *Month) Labels() string {
	var b strings.Builder
	for _, i := range m.Incidents {
		fmt.Fprintf(&b, "[[incident]]\nservice = %q\nname = %q\nfrom = %s\nto = %s\n", i.Service, i.Name, i.From.Format(time.RFC3339), i.To.Format(time.RFC3339))
		if i.BadVersion == "" {
			b.WriteString("deployment = false\n\n")
		} else {
			fmt.Fprintf(&b, "bad_version = %q\n\n", i.BadVersion)
		}
	}
	return b.String()
}
