package responder

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// estimate says how long a rollback is likely to take: as long as it took before,
// and where it never ran, at least what its plan waits by itself.
func (r *rehearsal) estimate() incident.TimeEstimate {
	run := r.what.Run
	e := incident.TimeEstimate{Measured: r.what.Measured, SLASeconds: run.Plan.SLA.Seconds(), TimeoutSeconds: run.Plan.Timeout.Seconds()}
	var least, worst time.Duration
	before := map[stepPlace]bool{}
	for _, s := range r.what.Steps() {
		least += shortest(s, before)
		worst += longest(s)
	}
	verify := run.Plan.Verify
	e.StepsSeconds = least.Seconds()
	e.LeastSeconds = (least + verify.Settle + verify.Hold).Seconds()
	e.WorstSeconds = (worst + verify.Within).Seconds()
	var took []float64
	for _, m := range e.Measured {
		took = append(took, m.Seconds)
	}
	if slices.Sort(took); len(took) > 0 {
		e.ExpectedSeconds, e.SlowestSeconds = took[len(took)/2], took[len(took)-1]
	}
	return e
}

// stepPlace is a step of a plan, whatever its unit.
type stepPlace struct {
	section incident.Section
	index   int
}

// shortest is what a step takes though it ends at once: a wait, the hold of a
// query, and the soak after the unit before. What runs only past the point of no
// return, or for a deployment that still rolls out, is not among it.
func shortest(s incident.RehearsalStep, before map[stepPlace]bool) time.Duration {
	switch s.Start.Ref.Section {
	case incident.SectionForward, incident.SectionStopDeploy, incident.SectionReversible, incident.SectionPrepare, incident.SectionFollowUp:
		return 0
	case incident.SectionChecks, incident.SectionSteps, incident.SectionFinally:
	}
	var least time.Duration
	at := stepPlace{s.Start.Ref.Section, s.Start.Ref.Index}
	if before[at] {
		least += s.Spec.Soak
	}
	before[at] = true
	if s.Start.If != nil {
		return least // it may be skipped
	}
	if step, err := action.Decode(s.Start.Do); err == nil {
		least += step.For + step.Hold
	}
	return least
}

// longest is as long as a step may take with all its attempts.
func longest(s incident.RehearsalStep) time.Duration {
	if s.Start.Ref.Section == incident.SectionForward || s.Start.Ref.Section == incident.SectionFollowUp {
		return 0
	}
	once := s.Start.Timeout
	if step, err := action.Decode(s.Start.Do); err == nil && step.Kind == action.KindWait {
		once = step.For
	}
	return time.Duration(1+s.Spec.Retries)*once + s.Spec.Soak
}

// timeLines hold an estimate to what was agreed.
func timeLines(e incident.TimeEstimate) []incident.RehearsalLine {
	line := incident.RehearsalLine{About: "time", Name: "sla", Found: incident.FindingOK}
	sla := e.SLASeconds > 0
	switch n := len(e.Measured); {
	case n > 0 && sla && e.ExpectedSeconds > e.SLASeconds:
		line.Found = incident.FindingProblem
		line.Why = fmt.Sprintf("it takes %s (%s), and the SLA is %s", length(e.ExpectedSeconds), measuredText(e), length(e.SLASeconds))
	case n > 0:
		line.Why = fmt.Sprintf("it takes %s (%s)", length(e.ExpectedSeconds), measuredText(e))
	case sla && e.LeastSeconds > e.SLASeconds:
		line.Found = incident.FindingProblem
		line.Why = fmt.Sprintf("waits, soaks and verification alone take %s, and the SLA is %s", length(e.LeastSeconds), length(e.SLASeconds))
	default:
		line.Found = incident.FindingNotKnown
		line.Why = fmt.Sprintf("no run has been measured; waits, soaks and verification alone take %s", length(e.LeastSeconds))
	}
	lines := []incident.RehearsalLine{line}
	if e.TimeoutSeconds > 0 && e.StepsSeconds >= e.TimeoutSeconds {
		lines = append(lines, incident.RehearsalLine{
			About: "time", Name: "timeout", Found: incident.FindingProblem,
			Why: fmt.Sprintf("waits and soaks alone take %s, and the plan's timeout of %s stops it before its end", length(e.StepsSeconds), length(e.TimeoutSeconds)),
		})
	}
	return lines
}

func measuredText(e incident.TimeEstimate) string {
	if len(e.Measured) == 1 {
		return "measured once"
	}
	return fmt.Sprintf("the median of %d measured runs; the slowest took %s", len(e.Measured), length(e.SlowestSeconds))
}

// length is a length of time in words, to the second.
func length(seconds float64) string {
	return model.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Second)).String()
}
