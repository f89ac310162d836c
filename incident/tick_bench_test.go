package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// forgetful carries nothing out: a quiet tick has no effect worth carrying.
type forgetful struct{}

// Record implements incident.Carrier.
func (forgetful) Record(incident.Entry, *incident.Message) error { return nil }

// Carry implements incident.Carrier.
func (forgetful) Carry(incident.Effect) {}

// BenchmarkQuietTick gives a brain with 100 services of three triggers each one
// tick of the grid after the other, on which everything is well. It is what a
// backtest does most of the time.
func BenchmarkQuietTick(b *testing.B) {
	const services = 100
	names := make([]string, services)
	for i := range names {
		names[i] = fmt.Sprintf("service-%03d", i)
	}
	o := options(names...)
	units := map[string]trigger.Unit{"error_rate": trigger.Ratio, "latency": trigger.Seconds, "errors": trigger.NoUnit}
	for _, name := range names {
		s := o.Services[name]
		s.Triggers = nil
		for _, text := range []string{"error_rate > 1% for 2m", "latency > 500ms for 5m", "errors > 5 in 3 of 5 samples"} {
			expr, err := trigger.Parse(text, trigger.ParseOptions{Units: units})
			if err != nil {
				b.Fatal(err)
			}
			s.Triggers = append(s.Triggers, trigger.Spec{Name: text[:5], Expr: expr, Severity: trigger.Critical, Poll: o.Poll, MaxGap: o.MaxGap})
		}
		o.Services[name] = s
	}
	answers := map[string]trigger.Answer{}
	for _, metric := range []string{"error_rate", "latency", "errors"} {
		a := trigger.Answer{Services: map[string]trigger.Reading{}}
		for _, name := range names {
			a.Services[name] = trigger.NewReading(0.001, trigger.NoUnit)
		}
		answers[metric] = a
	}
	brain := incident.New(o)
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	incident.Drive(brain, at, incident.Restored{To: at}, forgetful{})
	for b.Loop() {
		at = at.Add(o.Poll)
		incident.Drive(brain, at, incident.Samples{At: at, Kind: incident.Grid, Answers: answers}, forgetful{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/services, "ns/service")
}
