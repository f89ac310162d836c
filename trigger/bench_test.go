package trigger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// healthView is a view that allocates nothing, for measuring.
type healthView struct {
	health *trigger.Health
	now    time.Time
}

func (*healthView) Reading(string) trigger.Reading { return trigger.Reading{} }
func (*healthView) Existed(string) bool            { return false }
func (v *healthView) Health() *trigger.Health      { return v.health }
func (v *healthView) Now() time.Time               { return v.now }

func (*healthView) Signal(string) (trigger.Signal, bool) { return trigger.Signal{}, false }

// BenchmarkHealthToWindow takes a health event all the way: stream, condition,
// window, state.
func BenchmarkHealthToWindow(b *testing.B) {
	for _, instances := range []int{1, 10, 100, 1000} {
		for _, outcome := range []trigger.HealthStatus{pass, fail} {
			b.Run(fmt.Sprintf("instances=%d/%v", instances, outcome), func(b *testing.B) {
				v := &healthView{health: trigger.NewHealth(0), now: start}
				w := trigger.NewWindow(spec(b, "3 consecutive health failures"))
				names := make([]string, instances)
				for i := range names {
					names[i] = fmt.Sprintf("checkout-%d", i)
				}
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n++
					v.now = v.now.Add(time.Millisecond)
					v.health.Observe(trigger.HealthCheck{Instance: names[n%instances], Status: outcome, At: v.now, Boot: "b", Seq: uint64(n)})
					e := trigger.Evaluate(w.Spec(), trigger.Quorum{}, v)
					w.Observe(trigger.Observation{At: v.now, Evaluation: e, Event: true, Live: true})
					if w.Status().State == trigger.StateUnknown && instances == 1 && n > 3 {
						b.Fatal("the window sees nothing")
					}
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	opt := options()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := trigger.Parse("error_rate > 1% and latency_p99 > 500ms for 2m", opt); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAHealthyEventAllocatesNothing(t *testing.T) {
	v := &healthView{health: trigger.NewHealth(0), now: start}
	w := trigger.NewWindow(spec(t, "3 consecutive health failures"))
	seq := uint64(0)
	allocations := testing.AllocsPerRun(1000, func() {
		seq++
		v.now = v.now.Add(time.Second)
		v.health.Observe(trigger.HealthCheck{Instance: "a", Status: pass, At: v.now, Boot: "b", Seq: seq})
		e := trigger.Evaluate(w.Spec(), trigger.Quorum{}, v)
		w.Observe(trigger.Observation{At: v.now, Evaluation: e, Event: true, Live: true})
	})
	if allocations != 0 {
		t.Errorf("%v allocations an event, want none", allocations)
	}
}
