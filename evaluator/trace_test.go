package evaluator_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// The trace holds the newest ticks in order, unknown ones too, and nothing else.
func TestTrace(t *testing.T) {
	expr, err := trigger.Parse("error_rate > 1% for 2m", trigger.ParseOptions{Units: map[string]trigger.Unit{"error_rate": trigger.Ratio}})
	if err != nil {
		t.Fatal(err)
	}
	w := evaluator.NewWatch(evaluator.WatchOptions{
		Service: "checkout", Triggers: []trigger.Spec{{Name: "errors", Expr: expr, Poll: 15 * time.Second, MaxGap: time.Minute}}, Poll: 15 * time.Second, MaxGap: time.Minute,
	})
	if got := w.Trace("none"); got != nil {
		t.Errorf("a trigger that is not there: %v, want nil", got)
	}
	begin := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	for i := range 300 {
		answer := answeredWith(float64(i) / 1000)
		if i == 298 {
			answer = trigger.Answer{Err: "timeout"}
		}
		w.Grid(begin.Add(time.Duration(i)*15*time.Second), map[string]trigger.Answer{"error_rate": answer}, i > 250)
	}
	w.Extra(begin.Add(300*15*time.Second-time.Second), map[string]trigger.Answer{"error_rate": answeredWith(0.9)})
	seen := w.Trace("errors")
	if len(seen) != 120 {
		t.Fatalf("%d ticks, want the newest 120", len(seen))
	}
	for i, s := range seen {
		n := 180 + i
		known := n != 298
		if !s.At.Equal(begin.Add(time.Duration(n)*15*time.Second)) || s.Known != known || known && s.Value != float64(n)/1000 {
			t.Fatalf("tick %d: %+v", i, s)
		}
	}
	if last := seen[118]; last.Truth != trigger.NotKnown {
		t.Errorf("the unanswered tick is %v, want not known", last.Truth)
	}
}

func answeredWith(v float64) trigger.Answer {
	return trigger.Answer{Services: map[string]trigger.Reading{"checkout": trigger.KnownValue(v)}}
}
