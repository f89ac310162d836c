package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// verified is what a run's verification may have seen: the sum of the stretches
// between two ticks at which all that must be well may have been known ok.
type verified struct {
	// begun is true once it is to be verified: from is when what counts begins.
	begun bool
	from  time.Duration

	ok      time.Duration
	samples int
	last    time.Time // the newest tick, zero where a stretch cannot go on from it
	wasOK   bool
	// wrong is the newest that was not ok.
	wrong string
}

// paused ends the present stretch: what comes next begins another.
func (v *verified) paused() { v.last, v.wasOK = time.Time{}, false }

// verifying begins the verification of a run whose last change ended at a time.
// A daemon's clock that runs a little behind may begin it that much earlier.
func (r *auditedRun) verifying(from time.Duration) {
	r.seen = verified{begun: true, from: from + r.plan.Verify.Settle - clockSlack}
}

// surelyOK are the triggers of an incident's services that are surely ok at this
// moment. Where no_data or a number of requests has a part in the answer, or health,
// whose silence is left open, it is not sure.
func (a *auditor) surelyOK(i *auditedIncident) []string {
	var names []string
	for _, service := range i.touches() {
		prefix := ""
		if service != i.service {
			prefix = service + "/"
		}
		for _, t := range a.service(service).tracks {
			sure := t.exact && !t.foreign && t.spec.NoData == trigger.NoDataHold && t.spec.MinRequests == 0
			if sure && t.newest == mayOK {
				names = append(names, prefix+t.spec.Name)
			}
		}
	}
	return names
}

// mustBeOK are the triggers that a verification is about: those of the incident,
// and those that were ok before it.
func (i *auditedIncident) mustBeOK() []string {
	return slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(i.evidence), i.okBefore...))))
}

// verifyTick takes a tick into every verification.
func (a *auditor) verifyTick(in incident.Samples) {
	for _, r := range a.runs {
		if r.seen.begun && !r.ended && a.now >= r.seen.from {
			says, which := a.well(r, in)
			r.seen.tick(in.At, says, a.options.Poll)
			if says&mayOK == 0 {
				r.seen.wrong = which
			}
		}
	}
}

// well joins what everything that must be well may say: one breach is a breach, one
// unknown makes the tick unknown.
func (a *auditor) well(r *auditedRun, in incident.Samples) (says may, wrong string) {
	says = mayOK
	take := func(m may, name string) {
		if m&mayOK == 0 && (says&mayOK != 0 || m&mayUnknown == 0) {
			says, wrong = m, name
		}
	}
	i := a.incidents[r.incident]
	if i == nil {
		return mayAnything, ""
	}
	for _, name := range i.mustBeOK() {
		if t := a.trackOf(i, name); t != nil && !t.foreign {
			take(t.newest, name)
		}
	}
	for _, wish := range r.plan.Verify.When {
		take(a.says(wish, 0, readings{in.Answers, r.service}).inverse(), wish.Text)
	}
	return says, wrong
}

func (v *verified) tick(at time.Time, says may, poll time.Duration) {
	switch {
	case says&mayOK != 0:
		if v.wasOK && at.Sub(v.last) <= poll {
			v.ok += at.Sub(v.last)
		}
		v.samples++
	case says&mayUnknown == 0:
		v.ok, v.samples = 0, 0
	}
	v.last, v.wasOK = at, says&mayOK != 0
}

// runEnded holds a verification that has passed to what was seen: known ok for
// the plan's hold in all, no known breach since, and well at the last tick.
func (a *auditor) runEnded(r *auditedRun, end incident.RunEndedEntry) {
	if !r.passed && (end.State == incident.RunCompleted || end.Verification == incident.VerificationPassed) {
		a.checkVerified(r, end)
	}
	if why := heldFor(end); why != "" {
		if i := a.incidents[r.incident]; i != nil {
			i.halted = why
		}
	}
}

// minVerified is how many known ok ticks a verification needs at least.
const minVerified = 2

func (a *auditor) checkVerified(r *auditedRun, end incident.RunEndedEntry) {
	hold, v := r.plan.Verify.Hold, r.seen
	switch {
	case end.Samples == 0 || !v.begun || v.samples < minVerified:
		a.report(8, "a rollback of %s is completed, and verification saw nothing", r.service)
	case v.ok < hold:
		a.report(8, "a rollback of %s is completed, and all was known ok for %s, not for %s (%s)", r.service, v.ok, hold, v.wrong)
	case !v.wasOK:
		a.report(8, "a rollback of %s is completed, and at the last tick it was not known ok (%s)", r.service, v.wrong)
	}
}
