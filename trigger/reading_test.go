package trigger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func TestAnswerOfOneService(t *testing.T) {
	answer := trigger.Answer{
		Services: map[string]trigger.Reading{"a": trigger.KnownValue(1), "b": trigger.KnownValue(2)},
		Failed:   map[string]string{"b": "timeout"},
	}
	broken := answer
	broken.Err = "http 503"
	tests := []struct {
		name    string
		answer  trigger.Answer
		service string
		want    trigger.Reading
	}{
		{"a value", answer, "a", trigger.KnownValue(1)},
		{"its own query failed", answer, "b", trigger.UnknownBecause("timeout")},
		{"no series", answer, "c", trigger.Reading{Presence: trigger.Missing, Reason: "no series"}},
		{"the whole answer is unusable", broken, "a", trigger.UnknownBecause("http 503")},
		{"and then nothing is missing", broken, "c", trigger.UnknownBecause("http 503")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.answer.Reading(tt.service)); diff != "" {
				t.Errorf("Reading (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeverityWords(t *testing.T) {
	for _, want := range append(trigger.Severities(), 0) {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		got := trigger.High
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s read back as %v, %v", text, got, err)
		}
	}
	if _, err := trigger.ParseSeverity("none"); err == nil {
		t.Error(`a configuration may not say severity "none"`)
	}
}

func TestExprMetricsAndHealth(t *testing.T) {
	tests := []struct {
		when                          string
		metrics, signals              []string
		uses, healthOnly, eventDriven bool
	}{
		{"error_rate > 1% and queue absent and error_rate < 50%", []string{"error_rate", "queue"}, nil, false, false, false},
		{"3 consecutive health failures and health failing", nil, nil, true, true, true},
		{"health failing and queue > 3", []string{"queue"}, nil, true, false, false},
		{"event a and event b and event a for 2m", nil, []string{"a", "b"}, false, false, true},
		{"health failing and event a", nil, []string{"a"}, true, false, true},
		{"queue > 3 and event a", []string{"queue"}, []string{"a"}, false, false, false},
	}
	for _, tt := range tests {
		e := spec(t, tt.when).Expr
		if diff := cmp.Diff(tt.metrics, e.Metrics()); diff != "" {
			t.Errorf("%s: metrics (-want +got):\n%s", tt.when, diff)
		}
		if diff := cmp.Diff(tt.signals, e.Signals()); diff != "" {
			t.Errorf("%s: signals (-want +got):\n%s", tt.when, diff)
		}
		if e.UsesHealth() != tt.uses || e.HealthOnly() != tt.healthOnly || e.EventDriven() != tt.eventDriven {
			t.Errorf("%s: uses health %v, health only %v, event driven %v", tt.when, e.UsesHealth(), e.HealthOnly(), e.EventDriven())
		}
	}
}
