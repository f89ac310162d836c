package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
)

// healthServices and healthInstances are how many the events are spread over.
const (
	healthServices  = 10
	healthInstances = 10
)

// nowhere carries effects to nowhere; what is recorded counts as durable.
type nowhere struct{}

func (nowhere) Record(incident.Entry, *incident.Message) error { return nil }
func (nowhere) Carry(incident.Effect)                          {}

// BenchmarkHealthEvents takes health checks from the bytes on the wire to the
// windows of the whole brain, on one processor.
func BenchmarkHealthEvents(b *testing.B) {
	const events = 500_000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	_, services := healthBrain(b)
	rules := bus.Rules{Services: map[string]bool{}, Window: time.Hour}
	for _, name := range services {
		rules.Services[name] = true
	}
	bodies := make([][]byte, events)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, `{"status":"pass","time":"2026-11-20T10:00:00.25Z","seq":%d,"boot":"b1f3","version":"2.4.1","ttl":"45s",`+
			`"checks":{"db":{"status":"pass","output":"ok in 3 ms"},"queue":{"status":"pass"}}}`, 1+i/(healthServices*healthInstances))
	}
	instances := make([]string, healthInstances)
	for i := range instances {
		instances[i] = "checkout-7d9f-" + strconv.Itoa(i)
	}
	at := time.Date(2026, 11, 20, 10, 0, 1, 0, time.UTC)
	var took time.Duration
	for b.Loop() {
		brain, _ := healthBrain(b)
		began := time.Now()
		for i, body := range bodies {
			e := bus.Event{Service: services[i%healthServices], Instance: instances[i/healthServices%healthInstances], Data: body, At: at}
			h, _, err := bus.ParseHealth(e, rules)
			if err != nil {
				b.Fatal(err)
			}
			incident.Drive(brain, at, h, nowhere{})
			at = at.Add(50 * time.Microsecond) // each of a hundred instances every 5 ms: no rate limit is measured here
		}
		took = time.Since(began)
	}
	perSecond := events / took.Seconds()
	b.ReportMetric(perSecond, "events/s")
	report("health events, bytes to window, GOMAXPROCS=1", fmt.Sprintf("%.0f a second", perSecond), "at least 100000 a second")
}

// healthBrain is a brain of ten services, each with a trigger on health.
func healthBrain(b *testing.B) (*incident.Brain, []string) {
	b.Helper()
	text := "[nats]\nurl = \"nats://127.0.0.1:4222\"\n"
	var names []string
	for i := range healthServices {
		name := "service" + strconv.Itoa(i)
		names = append(names, name)
		text += fmt.Sprintf("[services.%s.triggers]\nhealth = { when = \"3 consecutive health failures\", severity = \"low\" }\n", name)
	}
	file := filepath.Join(b.TempDir(), "rollbackd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	c, report := config.Load(file)
	if c == nil {
		b.Fatal(report.Err())
	}
	return incident.New(c.BrainOptions()), names
}
