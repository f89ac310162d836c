package incident

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// IfNothing says what follows if nobody does anything, as messages do.
func (inc *Incident) IfNothing() string { return nextText(inc) }

// Command is the one command that fits the incident's state best, as messages
// have it.
func (inc *Incident) Command() string { return commandFor(inc) }

// Deadline is the time that a reader must know of: the end of a countdown, of the
// time to decide, of the SLA. It is zero where there is none.
func (inc *Incident) Deadline() time.Time { return deadline(inc) }

// Sentence is the evidence as people are told: "errors 8.1% > 1% since 03:02:30
// UTC, 4m after v2 by alice". d is the deployment that may explain it; nil for none.
func (ev Evidence) Sentence(d *Deployment) string { return evidenceText(ev, d) }

// ValueText is a value of a trigger in the unit of its threshold, as people are told it.
func ValueText(spec trigger.Spec, v float64) string {
	return evidenceOf(spec, trigger.Status{Value: v, HasValue: true}).ValueText
}

// Blindness is a source that does not answer.
type Blindness struct {
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// Blind are the sources of metrics that do not answer at present, from the first
// question on that was not answered.
func (b *Brain) Blind() []Blindness {
	if b.sight.since.IsZero() {
		return nil
	}
	return []Blindness{{Source: metricSource, Since: b.sight.since, Reason: b.sight.reason}}
}
