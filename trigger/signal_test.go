package trigger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func TestSignalNames(t *testing.T) {
	for name, want := range map[string]bool{
		"deployment_failed": true, "ci.smoke-tests_7": true, "x": true, "X": true, strings.Repeat("x", 64): true,
		"": false, "7up": false, "_x": false, "two words": false, "ä": false, "a>b": false, "${vars.x}": false, strings.Repeat("x", 65): false,
		"for": false, "in": false, "and": false, "absent": false, "For": true,
	} {
		if got := trigger.IsSignalName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
		if _, err := trigger.Parse("event "+name, options()); (err == nil) != want && name != "absent" {
			t.Errorf("event %s: %v, want it readable: %v", name, err, want)
		}
	}
}

func TestEvaluateEvents(t *testing.T) {
	stands := map[string]trigger.Signal{
		"a": {At: at(-time.Minute), Source: "api", By: "alice"}, "b": {At: at(-time.Second), Source: "nats"}, "c": {At: at(-time.Hour)},
	}
	breach := func(since time.Duration, reason string) trigger.Evaluation {
		return trigger.Evaluation{Truth: trigger.Breach, Since: at(since), Reason: reason}
	}
	high := trigger.Reading{Presence: trigger.Known, Value: 9}
	tests := []struct {
		when  string
		queue trigger.Reading
		want  trigger.Evaluation
	}{
		{"event nobody_said", high, trigger.Evaluation{Truth: trigger.OK}},
		{"event a", high, breach(-time.Minute, "signal a by alice (api)")},
		{"event b", high, breach(-time.Second, "signal b (nats)")},
		{"event c", high, breach(-time.Hour, "signal c")},
		{"event a and event b", high, breach(-time.Second, "signal a by alice (api)")},
		{"event a and event nobody_said", high, trigger.Evaluation{Truth: trigger.OK}},
		{"event a and queue > 3", high, breach(-time.Minute, "signal a by alice (api)")},
		{"event a and queue > 30", high, trigger.Evaluation{Truth: trigger.OK, Value: 9, HasValue: true}},
		{"event a and queue > 3", trigger.UnknownBecause("timeout"), trigger.Evaluation{Reason: "timeout"}},
		{"event nobody_said and queue > 3", trigger.UnknownBecause("timeout"), trigger.Evaluation{Truth: trigger.OK}},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			got := trigger.Evaluate(spec(t, tt.when), trigger.Quorum{}, view{
				readings: map[string]trigger.Reading{"queue": tt.queue}, signals: stands, now: start,
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

// A window on a signal alone began with the signal, whenever it was looked at; one
// on a metric too began at its first breaching tick.
func TestTheOnsetOfASignal(t *testing.T) {
	said := trigger.Evaluation{Truth: trigger.Breach, Since: at(-10 * time.Second)}
	for when, want := range map[string]time.Time{"event a": at(-10 * time.Second), "event a and queue > 3": start} {
		w := trigger.NewWindow(spec(t, when))
		w.Observe(trigger.Observation{At: start, Evaluation: said, Grid: true, Live: true})
		if st := w.Status(); st.State != trigger.Firing || !st.Since.Equal(want) {
			t.Errorf("%s: %s since %v, want firing since %v", when, st.State, st.Since, want)
		}
	}
}
