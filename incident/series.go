package incident

import (
	"strconv"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Series is what one trigger showed over a stretch of time: what a chart of its
// evidence is drawn from.
type Series struct {
	Trigger string `json:"trigger"`
	// Unit is that of the values, in the words of the configuration; empty for a
	// plain number.
	Unit string `json:"unit,omitempty"`
	// Threshold is the level that the values are compared with, in their own unit;
	// nil where the condition has none, or more than one.
	Threshold *float64 `json:"threshold,omitempty"`
	// ThresholdText is the comparison as it is written: "> 1%".
	ThresholdText string `json:"threshold_text,omitempty"`
	// Points are in the order of time.
	Points []Point `json:"points"`
}

// Point is what a trigger's condition said at one tick.
type Point struct {
	At time.Time `json:"at"`
	// Value is nil where none was known.
	Value *float64 `json:"value"`
	// Truth is ok, breach or unknown.
	Truth string `json:"truth"`
}

// Impact is what an incident did to those who use the service, by the queries of
// [report], from the onset of the first breach to the end of the last. What was not
// asked for, or not answered, is nil.
type Impact struct {
	From           time.Time `json:"from"`
	To             time.Time `json:"to"`
	Requests       *float64  `json:"requests,omitempty"`
	FailedRequests *float64  `json:"failed_requests,omitempty"`
	AffectedUsers  *float64  `json:"affected_users,omitempty"`
	// DowntimeSeconds is how long the incident's triggers breached.
	DowntimeSeconds *float64 `json:"downtime_seconds,omitempty"`
	// Problem says why something is missing; empty where nothing is.
	Problem string `json:"problem,omitempty"`
}

// Horizon is one stretch after a rollback in which the service had to stay well.
type Horizon struct {
	// Name is immediate, short or long.
	Name  string            `json:"name"`
	State VerificationState `json:"state"`
	From  time.Time         `json:"from"`
	// Until is its end; a horizon that has failed ended earlier.
	Until   time.Time `json:"until"`
	Samples int       `json:"samples"`
	Reason  string    `json:"reason,omitempty"`
}

// Recent is what each trigger of a service showed lately, in the triggers' order;
// nil for a service that is not configured.
func (b *Brain) Recent(service string) []Series {
	l, ok := b.live[service]
	if !ok {
		return nil
	}
	var all []Series
	for _, spec := range l.watch.Triggers() {
		all = append(all, seriesOf(spec, l.watch.Trace(spec.Name), time.Time{}))
	}
	return all
}

// seriesOf makes a series of what was seen after a time.
func seriesOf(spec trigger.Spec, seen []evaluator.Seen, after time.Time) Series {
	s := Series{Trigger: spec.Name, Points: []Point{}}
	if c := onlyComparison(spec.Expr); c != nil {
		level := c.Threshold
		s.Threshold, s.ThresholdText, s.Unit = &level, string(c.Op)+" "+c.ThresholdText, unitOf(*c)
	}
	for _, one := range seen {
		if !one.At.After(after) {
			continue
		}
		p := Point{At: one.At, Truth: one.Truth.String()}
		if one.Known {
			v := one.Value
			p.Value = &v
		}
		s.Points = append(s.Points, p)
	}
	return s
}

// onlyComparison is the one comparison of an expression; nil where there is none,
// or several, whose values would not fit one axis.
func onlyComparison(e trigger.Expr) *trigger.Condition {
	var found *trigger.Condition
	for i := range e.Conditions {
		if e.Conditions[i].Kind != trigger.Compare {
			continue
		}
		if found != nil {
			return nil
		}
		found = &e.Conditions[i]
	}
	return found
}

// unitOf is the unit of a comparison's values. The brain does not know metrics;
// how the threshold is written and what it is worth says the unit of both.
func unitOf(c trigger.Condition) string {
	number := strings.TrimRight(c.ThresholdText, "%abcdefghijklmnopqrstuvwxyzKMGTPEB/")
	written, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return ""
	}
	same := written == c.Threshold
	switch suffix := c.ThresholdText[len(number):]; {
	case suffix == "":
		return ""
	case suffix == "%" && same && written != 0:
		return "percent"
	case suffix == "%":
		return "ratio"
	case suffix == "ms" && same && written != 0:
		return "milliseconds"
	case strings.HasSuffix(suffix, "B"):
		return "bytes"
	case strings.HasPrefix(suffix, "/"):
		return "per_second"
	default:
		return "seconds"
	}
}
