package trigger_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

// start is on the grid of every poll interval used in these tests.
var start = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// view is a service at one instant, written down.
type view struct {
	readings map[string]trigger.Reading
	existed  map[string]bool
	health   *trigger.Health
	signals  map[string]trigger.Signal
	now      time.Time
}

func (v view) Reading(metric string) trigger.Reading { return v.readings[metric] }
func (v view) Existed(metric string) bool            { return v.existed[metric] }
func (v view) Health() *trigger.Health               { return v.health }
func (v view) Now() time.Time                        { return v.now }

func (v view) Signal(name string) (trigger.Signal, bool) {
	s, ok := v.signals[name]
	return s, ok
}

func spec(tb testing.TB, when string) trigger.Spec {
	tb.Helper()
	e, err := trigger.Parse(when, options())
	if err != nil {
		tb.Fatal(err)
	}
	return trigger.Spec{Name: "test", Severity: trigger.Critical, Expr: e, Poll: 15 * time.Second, MaxGap: 45 * time.Second}
}

func TestAnd(t *testing.T) {
	tests := []struct{ a, b, want trigger.Truth }{
		{trigger.OK, trigger.OK, trigger.OK},
		{trigger.OK, trigger.NotKnown, trigger.OK},
		{trigger.OK, trigger.Breach, trigger.OK},
		{trigger.NotKnown, trigger.NotKnown, trigger.NotKnown},
		{trigger.NotKnown, trigger.Breach, trigger.NotKnown},
		{trigger.Breach, trigger.Breach, trigger.Breach},
	}
	for _, tt := range tests {
		if got := tt.a.And(tt.b); got != tt.want {
			t.Errorf("%v and %v = %v, want %v", tt.a, tt.b, got, tt.want)
		}
		if got := tt.b.And(tt.a); got != tt.want {
			t.Errorf("%v and %v = %v, want %v", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestEvaluateOneCondition(t *testing.T) {
	missing := trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
	known := func(truth trigger.Truth, v float64, reason string) trigger.Evaluation {
		return trigger.Evaluation{Truth: truth, Value: v, HasValue: true, Reason: reason}
	}
	tests := []struct {
		name    string
		when    string
		noData  trigger.NoData
		reading trigger.Reading
		existed bool
		want    trigger.Evaluation
	}{
		{"over", "error_rate > 1%", trigger.NoDataHold, trigger.KnownValue(0.05), true, known(trigger.Breach, 0.05, "error_rate 0.05 > 1%")},
		{"at the threshold", "error_rate > 1%", trigger.NoDataHold, trigger.KnownValue(0.01), true, known(trigger.OK, 0.01, "")},
		{"at or over", "error_rate >= 1%", trigger.NoDataHold, trigger.KnownValue(0.01), true, known(trigger.Breach, 0.01, "error_rate 0.01 >= 1%")},
		{"under", "error_rate < 1%", trigger.NoDataHold, trigger.KnownValue(0.001), true, known(trigger.Breach, 0.001, "error_rate 0.001 < 1%")},
		{"not under", "error_rate < 1%", trigger.NoDataHold, trigger.KnownValue(0.01), true, known(trigger.OK, 0.01, "")},
		{"at or under", "error_rate <= 1%", trigger.NoDataHold, trigger.KnownValue(0.01), true, known(trigger.Breach, 0.01, "error_rate 0.01 <= 1%")},
		{"equal", "queue == 3", trigger.NoDataHold, trigger.KnownValue(3), true, known(trigger.Breach, 3, "queue 3 == 3")},
		{"not equal", "queue != 3", trigger.NoDataHold, trigger.KnownValue(3), true, known(trigger.OK, 3, "")},
		{"known and not a number", "queue != 3", trigger.NoDataHold, trigger.KnownValue(math.NaN()), true, trigger.Evaluation{Reason: "not a finite number"}},
		{"unknown", "error_rate > 1%", trigger.NoDataBreach, trigger.UnknownBecause("timeout"), true, trigger.Evaluation{Reason: "timeout"}},
		{"nobody filled it in", "error_rate > 1%", trigger.NoDataBreach, trigger.Reading{}, true, trigger.Evaluation{Reason: "unknown"}},
		{"missing, hold", "error_rate > 1%", trigger.NoDataHold, missing, true, trigger.Evaluation{Reason: "no series"}},
		{"missing, ok", "error_rate > 1%", trigger.NoDataOK, missing, true, trigger.Evaluation{Truth: trigger.OK, FromNoData: true, Reason: `no series, no_data = "ok"`}},
		{"missing, breach", "error_rate > 1%", trigger.NoDataBreach, missing, true, trigger.Evaluation{Truth: trigger.Breach, FromNoData: true, Reason: `no series, no_data = "breach"`}},
		{"gone", "error_rate absent", trigger.NoDataOK, missing, true, trigger.Evaluation{Truth: trigger.Breach, Reason: "the series is gone"}},
		{"never there", "error_rate absent", trigger.NoDataBreach, missing, false, trigger.Evaluation{Reason: "no series so far"}},
		{"there", "error_rate absent", trigger.NoDataHold, trigger.KnownValue(0.2), true, known(trigger.OK, 0.2, "")},
		{"cannot be seen", "error_rate absent", trigger.NoDataBreach, trigger.UnknownBecause("partial"), true, trigger.Evaluation{Reason: "partial"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := spec(t, tt.when)
			s.NoData = tt.noData
			metric := s.Expr.Conditions[0].Metric
			got := trigger.Evaluate(s, trigger.Quorum{}, view{
				readings: map[string]trigger.Reading{metric: tt.reading}, existed: map[string]bool{metric: tt.existed}, now: start,
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvaluateTheDecidingConditionSpeaks(t *testing.T) {
	s := spec(t, "error_rate > 1% and latency_p99 > 500ms and queue > 5")
	s.NoData = trigger.NoDataBreach
	missing := trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
	tests := []struct {
		name                   string
		errors, latency, queue trigger.Reading
		want                   trigger.Evaluation
	}{
		{
			"all breach", trigger.KnownValue(0.2), trigger.KnownValue(2), trigger.KnownValue(9),
			trigger.Evaluation{Truth: trigger.Breach, Value: 0.2, HasValue: true, Reason: "error_rate 0.2 > 1%"},
		},
		{
			"a breach rests on no data", trigger.KnownValue(0.2), trigger.KnownValue(2), missing,
			trigger.Evaluation{Truth: trigger.Breach, Value: 0.2, HasValue: true, Reason: "error_rate 0.2 > 1%", FromNoData: true},
		},
		{
			"one cannot be seen", missing, trigger.UnknownBecause("timeout"), trigger.UnknownBecause("nan"),
			trigger.Evaluation{Reason: "timeout"},
		},
		{
			"one is healthy", missing, trigger.UnknownBecause("timeout"), trigger.KnownValue(1),
			trigger.Evaluation{Truth: trigger.OK, Value: 1, HasValue: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := trigger.Evaluate(s, trigger.Quorum{}, view{readings: map[string]trigger.Reading{
				"error_rate": tt.errors, "latency_p99": tt.latency, "queue": tt.queue,
			}, now: start})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

// fleet makes a service of instances with the given checks, ten seconds apart,
// the last of each at start; p, w, f and u are the outcomes.
func fleet(checks ...string) *trigger.Health {
	h := trigger.NewHealth(0)
	outcome := map[rune]trigger.HealthStatus{'p': trigger.HealthPass, 'w': trigger.HealthWarn, 'f': trigger.HealthFail, 'u': trigger.HealthUnknown}
	for i, row := range checks {
		for j, c := range row {
			h.Observe(trigger.HealthCheck{
				Instance: fmt.Sprintf("i%d", i), Status: outcome[c], At: at(-time.Duration(len(row)-1-j) * 10 * time.Second),
			})
		}
	}
	return h
}

func TestEvaluateQuorum(t *testing.T) {
	any1, all, share60 := trigger.Quorum{Any: true}, trigger.Quorum{All: true}, trigger.Quorum{Share: 0.6}
	const three = "3 consecutive health failures"
	tests := []struct {
		name   string
		when   string
		quorum trigger.Quorum
		checks []string
		want   trigger.Truth
		reason string
	}{
		{"nobody", three, trigger.Quorum{}, nil, trigger.NotKnown, "no health check received"},
		{"one fails", three, trigger.Quorum{}, []string{"pfff"}, trigger.Breach, "1 of 1 instances failing"},
		{"one fails, all asked", three, all, []string{"fff"}, trigger.Breach, "1 of 1 instances failing"},
		{"not yet", three, trigger.Quorum{}, []string{"pff"}, trigger.NotKnown, "2 of 3 consecutive failures"},
		{"a pass between", three, trigger.Quorum{}, []string{"ffpff"}, trigger.NotKnown, "2 of 3 consecutive failures"},
		{"a warning between", three, trigger.Quorum{}, []string{"ffwuf"}, trigger.Breach, "1 of 1 instances failing"},
		{"warnings only", three, trigger.Quorum{}, []string{"www"}, trigger.NotKnown, "1 of 1 instances unknown"},
		{"half of four", three, trigger.Quorum{}, []string{"fff", "fff", "p", "p"}, trigger.Breach, "2 of 4 instances failing"},
		{"less than half", three, trigger.Quorum{}, []string{"fff", "p", "p"}, trigger.OK, ""},
		{"an unknown one could tip it", three, trigger.Quorum{}, []string{"fff", "u", "p", "p"}, trigger.NotKnown, "1 of 4 instances unknown"},
		{"a building one could tip it", three, trigger.Quorum{}, []string{"fff", "f", "p", "p"}, trigger.NotKnown, "3 of 3 consecutive failures"},
		{"the unknown one cannot tip it", three, trigger.Quorum{}, []string{"u", "p", "p"}, trigger.OK, ""},
		{"any", three, any1, []string{"fff", "p", "p"}, trigger.Breach, "1 of 3 instances failing"},
		{"any, one unknown", three, any1, []string{"u", "p", "p"}, trigger.NotKnown, "1 of 3 instances unknown"},
		{"all but one", three, all, []string{"fff", "fff", "p"}, trigger.OK, ""},
		{"sixty percent of five", three, share60, []string{"fff", "fff", "fff", "p", "p"}, trigger.Breach, "3 of 5 instances failing"},
		{"too few report", three, trigger.Quorum{MinInstances: 3}, []string{"fff", "fff"}, trigger.NotKnown, "2 of at least 3 instances report"},
		{"last check failed", "health failing", trigger.Quorum{}, []string{"pf"}, trigger.Breach, "1 of 1 instances failing"},
		{"last check warned", "health failing", trigger.Quorum{}, []string{"fw"}, trigger.OK, ""},
		{"last check unknown", "health failing", trigger.Quorum{}, []string{"fu"}, trigger.NotKnown, "1 of 1 instances unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := trigger.Evaluate(spec(t, tt.when), tt.quorum, view{health: fleet(tt.checks...), now: start})
			if got.Truth != tt.want || got.Reason != tt.reason {
				t.Errorf("%v (%s), want %v (%s)", got.Truth, got.Reason, tt.want, tt.reason)
			}
		})
	}
}

func TestEvaluateHealthTellsSinceWhen(t *testing.T) {
	tests := []struct {
		name   string
		when   string
		checks []string
		want   trigger.Evaluation
	}{
		{
			"the earliest of the failing", "3 consecutive health failures",
			[]string{"pffff", "fff", "p"},
			trigger.Evaluation{Truth: trigger.Breach, Value: 4, HasValue: true, Reason: "2 of 3 instances failing", Since: at(-30 * time.Second)},
		},
		{
			"building", "3 consecutive health failures",
			[]string{"pff"},
			trigger.Evaluation{Value: 2, HasValue: true, Reason: "2 of 3 consecutive failures", Building: true, Since: at(-10 * time.Second)},
		},
		{
			"failing", "health failing",
			[]string{"pff", "p"},
			trigger.Evaluation{Truth: trigger.Breach, Value: 0.5, HasValue: true, Reason: "1 of 2 instances failing", Since: at(-10 * time.Second)},
		},
		{
			"both together began with the later", "health failing and 2 consecutive health failures",
			[]string{"pff"},
			trigger.Evaluation{Truth: trigger.Breach, Value: 1, HasValue: true, Reason: "1 of 1 instances failing", Since: at(-10 * time.Second)},
		},
		{
			"one there, one building", "health failing and 3 consecutive health failures",
			[]string{"pff"},
			trigger.Evaluation{Value: 2, HasValue: true, Reason: "2 of 3 consecutive failures", Building: true, Since: at(-10 * time.Second)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := trigger.Evaluate(spec(t, tt.when), trigger.Quorum{}, view{health: fleet(tt.checks...), now: start})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Evaluate (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuildingNeedsEveryOtherConditionToBreach(t *testing.T) {
	s := spec(t, "error_rate > 1% and 3 consecutive health failures")
	for name, tt := range map[string]struct {
		reading trigger.Reading
		want    bool
	}{
		"breaching": {trigger.KnownValue(0.1), true}, "healthy": {trigger.KnownValue(0), false}, "unknown": {trigger.UnknownBecause("timeout"), false},
	} {
		got := trigger.Evaluate(s, trigger.Quorum{}, view{readings: map[string]trigger.Reading{"error_rate": tt.reading}, health: fleet("pf"), now: start})
		if got.Building != tt.want {
			t.Errorf("%s: building %v, want %v", name, got.Building, tt.want)
		}
	}
}

func TestSilentInstancesDoNotReport(t *testing.T) {
	h := fleet("fff", "p")
	for _, tt := range []struct {
		after time.Duration
		want  trigger.Truth
	}{{30 * time.Second, trigger.Breach}, {30*time.Second + 1, trigger.NotKnown}} {
		got := trigger.Evaluate(spec(t, "3 consecutive health failures"), trigger.Quorum{}, view{health: h, now: at(tt.after)})
		if got.Truth != tt.want {
			t.Errorf("after %v: %v (%s), want %v", tt.after, got.Truth, got.Reason, tt.want)
		}
	}
}
