package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// nowhere carries nothing out: the benchmark measures the brain.
type nowhere struct{}

func (nowhere) Record(incident.Entry, *incident.Message) error { return nil }
func (nowhere) Carry(incident.Effect)                          {}

// BenchmarkHealthEvents is one passing check after the other through the
// brain's door, over ten services of ten instances.
func BenchmarkHealthEvents(b *testing.B) {
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	o := options(names...)
	for name, s := range o.Services {
		e, err := trigger.Parse("3 consecutive health failures", trigger.ParseOptions{})
		if err != nil {
			b.Fatal(err)
		}
		s.Triggers = append(s.Triggers, trigger.Spec{Name: "health", Severity: trigger.Critical, Expr: e, Poll: o.Poll, MaxGap: o.MaxGap})
		o.Services[name] = s
	}
	brain := incident.New(o)
	now := start
	incident.Drive(brain, now, incident.Restored{To: now}, nowhere{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Millisecond)
		incident.Drive(brain, now, incident.Health{
			Service: names[i%10],
			Check:   trigger.HealthCheck{Instance: instances[i/10%10], Boot: "b", Seq: uint64(i), Status: trigger.HealthPass, At: now},
		}, nowhere{})
	}
}

var instances = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
