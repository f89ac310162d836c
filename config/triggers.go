package config

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Trigger is one trigger of one service.
type Trigger struct {
	// When is the condition as written.
	When string
	// Spec is what the brain gets.
	Spec trigger.Spec
	// PlanName is the shared plan that this trigger asks for; empty for the
	// service's. Plan is nil without one.
	PlanName string
	Plan     *Plan
	// Scope limits the rollback to the steps of one scope; empty means all.
	Scope string

	// warmUpWritten tells that warm_up is not to be filled in by unit.
	warmUpWritten bool
	at            *path
}

func readTrigger(name string, t *table) Trigger {
	tr := Trigger{When: t.required("when"), at: t.path, warmUpWritten: t.has("warm_up")}
	tr.Spec = trigger.Spec{
		Name:        name,
		Severity:    t.severity("severity"),
		NoData:      t.noData(),
		MinSamples:  t.integer("min_samples", 0, 1),
		MinRequests: t.number("min_requests"),
		WarmUp:      t.durationOrZero("warm_up", 0),
		Receivers:   t.strings("receivers"),
	}
	tr.PlanName, tr.Scope = t.str("plan", ""), t.str("scope", "")
	t.later("enabled")
	t.done()
	return tr
}

func (t *table) severity(key string) trigger.Severity {
	if !t.must(key, " (want critical, high, medium or low)") {
		return trigger.Low
	}
	word := t.choice(key, "low", severityWords()...)
	s, err := trigger.ParseSeverity(word)
	if err != nil {
		return trigger.Low
	}
	return s
}

func severityWords() []string {
	var words []string
	for _, s := range trigger.Severities() {
		words = append(words, s.String())
	}
	return words
}

func (t *table) noData() trigger.NoData {
	switch t.choice("no_data", "hold", "hold", "ok", "breach") {
	case "ok":
		return trigger.NoDataOK
	case "breach":
		return trigger.NoDataBreach
	}
	return trigger.NoDataHold
}

func noDataWord(n trigger.NoData) string {
	switch n {
	case trigger.NoDataHold:
		return "hold"
	case trigger.NoDataOK:
		return "ok"
	case trigger.NoDataBreach:
		return "breach"
	}
	return "hold"
}

// minSamples is the number of known grid samples a trigger asks for, with the
// default filled in.
func (t Trigger) minSamples() int {
	switch {
	case t.Spec.MinSamples > 0:
		return t.Spec.MinSamples
	case t.Spec.Expr.Hold.None():
		return 1
	}
	return 2
}

// warmUp is the default by what the condition looks at: latencies are bad while
// caches are cold, health while processes start.
func warmUp(e trigger.Expr, metrics map[string]Metric) time.Duration {
	var longest time.Duration
	for _, c := range e.Conditions {
		switch c.Kind {
		case trigger.ConsecutiveFailures, trigger.HealthFailing:
			longest = max(longest, 2*time.Minute)
		case trigger.Event: // what somebody says needs no time to settle
		case trigger.Compare, trigger.Absent:
			switch metrics[c.Metric].Unit {
			case trigger.Seconds, trigger.Milliseconds:
				longest = max(longest, 5*time.Minute)
			case trigger.NoUnit, trigger.Ratio, trigger.Percent, trigger.Bytes, trigger.Count, trigger.PerSecond:
			}
		}
	}
	return longest
}
