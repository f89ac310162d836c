package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// frozen is what the configuration forbids for a time: the newest answer of
// [guards] hold_when. Its zero value is not known, which forbids it too.
type frozen struct {
	at    time.Time
	clear bool // it was answered, and returned nothing
}

// holdWhen takes in the answer of [guards] hold_when, whatever read it came with.
func (a *auditor) holdWhen(in incident.Samples) {
	answer, asked := in.Answers[incident.HoldWhenMetric]
	if !asked || in.At.Before(a.frozen.at) {
		return
	}
	_, there := answer.Services[""]
	a.frozen = frozen{at: in.At, clear: answer.Err == "" && !there && len(answer.Failed) == 0}
}

// checkFrozen holds an automatic run to the windows in which no more than a person
// may be asked, and to hold_when. They have no number among the invariants.
func (a *auditor) checkFrozen(r *auditedRun, at time.Time) {
	if a.options.Guards.HoldWhen && !a.frozen.clear {
		a.report(0, "%s is rolled back automatically, and hold_when holds or is not known", r.service)
	}
	for _, w := range a.options.Windows {
		if w.Cap > evaluator.Approve {
			continue
		}
		about := len(w.Services) == 0 || slices.ContainsFunc(r.legs, func(leg incident.Member) bool { return slices.Contains(w.Services, leg.Service) })
		if in, until := w.At(at); in && about {
			a.report(0, "%s is rolled back automatically in the window %q until %s, which allows no more than %s", r.service, w.Name, until, w.Cap)
		}
	}
}
