package trigger

import (
	"fmt"
	"math"
	"time"
)

// Evaluate gives the three-valued answer of an expression, hold aside. The
// instances say when health conditions take a service for failing. Value and
// Reason are those of the condition that decided: the first that is ok, else
// the first that is not known, else the first.
func Evaluate(s Spec, instances Quorum, v View) Evaluation {
	if len(s.Expr.Conditions) == 0 {
		return Evaluation{Reason: "no condition"}
	}
	whole := evaluateCondition(s.Expr.Conditions[0], s.NoData, instances, v)
	for _, c := range s.Expr.Conditions[1:] {
		whole = whole.and(evaluateCondition(c, s.NoData, instances, v))
	}
	return whole
}

// and joins the answers of two conditions.
func (e Evaluation) and(other Evaluation) Evaluation {
	joined := e
	truth := e.Truth.And(other.Truth)
	if truth != e.Truth {
		joined = other
	}
	joined.Since = time.Time{}
	joined.FromNoData = joinedFromNoData(truth, e, other)
	// The whole is on its way to a breach where each part is there or on its way.
	joined.Building = truth == NotKnown && e.breachingOrBuilding() && other.breachingOrBuilding()
	if truth == Breach || joined.Building {
		// Both together began when the later of them did.
		joined.Since = e.Since
		if other.Since.After(e.Since) {
			joined.Since = other.Since
		}
	}
	return joined
}

// joinedFromNoData: a breach rests on no data where any part does, an ok where all
// parts that are ok do.
func joinedFromNoData(truth Truth, e, other Evaluation) bool {
	switch truth {
	case Breach:
		return e.FromNoData || other.FromNoData
	case OK:
		return (e.Truth != OK || e.FromNoData) && (other.Truth != OK || other.FromNoData)
	case NotKnown:
	}
	return false
}

func (e Evaluation) breachingOrBuilding() bool { return e.Truth == Breach || e.Building }

func evaluateCondition(c Condition, missing NoData, instances Quorum, v View) Evaluation {
	switch c.Kind {
	case Compare:
		return evaluateCompare(c, missing, v.Reading(c.Metric))
	case Absent:
		return evaluateAbsent(v.Reading(c.Metric), v.Existed(c.Metric))
	case ConsecutiveFailures, HealthFailing:
		return evaluateHealth(c, instances, v.Health(), v.Now())
	case Event:
		return evaluateEvent(c, v)
	}
	return Evaluation{Reason: "unknown kind of condition"}
}

func evaluateCompare(c Condition, missing NoData, r Reading) Evaluation {
	switch r.Presence {
	case Unknown:
		return Evaluation{Reason: orElse(r.Reason, "unknown")}
	case Missing:
		return evaluateMissing(missing, orElse(r.Reason, "no series"))
	case Known:
		return compare(c, r.Value)
	}
	return Evaluation{Reason: r.Presence.String()}
}

// evaluateMissing applies no_data.
func evaluateMissing(n NoData, reason string) Evaluation {
	switch n {
	case NoDataOK:
		return Evaluation{Truth: OK, FromNoData: true, Reason: reason + `, no_data = "ok"`}
	case NoDataBreach:
		return Evaluation{Truth: Breach, FromNoData: true, Reason: reason + `, no_data = "breach"`}
	case NoDataHold:
	}
	return Evaluation{Reason: reason}
}

func compare(c Condition, v float64) Evaluation {
	// A source never calls these known; were one to, "!=" would hold.
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Evaluation{Reason: "not a finite number"}
	}
	var passes bool
	switch c.Op {
	case Greater:
		passes = v > c.Threshold
	case GreaterOrEqual:
		passes = v >= c.Threshold
	case Less:
		passes = v < c.Threshold
	case LessOrEqual:
		passes = v <= c.Threshold
	case Equal:
		passes = v == c.Threshold
	case NotEqual:
		passes = v != c.Threshold
	default:
		return Evaluation{Reason: "unknown comparison"}
	}
	if !passes {
		return Evaluation{Truth: OK, Value: v, HasValue: true}
	}
	return Evaluation{
		Truth: Breach, Value: v, HasValue: true,
		Reason: fmt.Sprintf("%s %g %s %s", c.Metric, v, c.Op, c.ThresholdText),
	}
}

func evaluateAbsent(r Reading, existed bool) Evaluation {
	switch r.Presence {
	case Known:
		return Evaluation{Truth: OK, Value: r.Value, HasValue: true}
	case Missing:
		if existed {
			return Evaluation{Truth: Breach, Reason: "the series is gone"}
		}
		return Evaluation{Reason: "no series so far"}
	case Unknown:
	}
	return Evaluation{Reason: orElse(r.Reason, "unknown")}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
