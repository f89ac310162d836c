package incident

import (
	"fmt"
	"slices"
	"time"
)

// followUpRule does what is left of a plan once its rollback is verified: cleaning
// up, flags. The service is well, so nothing of it can make the rollback less than
// completed, nobody waits for it, and whatever comes in between (a brake, a newer
// deployment, an abort) just ends it. None of its steps asks people: the configuration
// refuses that.
func (b *Brain) followUpRule(now time.Time, l *live, inc *Incident, run *Run) []Effect {
	if step := run.underWay(); step != nil {
		return b.resume(now, l, inc, step)
	}
	why := b.noFollowUp(now, inc, run)
	if why == "" {
		if e, wait := b.sectionStep(now, inc, run, SectionFollowUp); e != nil || wait {
			return e
		}
	}
	end := verified(run.VerifiedAt, run, progress{samples: inc.Verification.Samples})
	if left := run.left(SectionFollowUp); why != "" && left > 0 {
		end.Reason += fmt.Sprintf("; %d of the follow-up steps were left out: %s", left, why)
	} else if failure := run.sectionFailed(SectionFollowUp); failure != "" {
		end.Reason += "; of the follow-up, " + failure
	}
	return b.runEnded(now, inc, end)
}

// noFollowUp says why no further follow-up step begins; empty where one may.
func (b *Brain) noFollowUp(now time.Time, inc *Incident, run *Run) string {
	if guard, why := b.brakedMeanwhile(now, inc, run); guard != "" {
		return why
	}
	if run.Stopping != "" {
		return run.Stopping
	}
	if run.Automatic && !run.charged {
		return "the rollback itself changed nothing" // and so no budget was asked for it
	}
	if l := b.live[inc.Service]; l != nil && l.stop != nil && l.stop.Run == run.ID {
		return l.stop.Reason
	}
	if newer := b.newerThan(inc, run); newer != "" {
		return newer + " was deployed meanwhile"
	}
	if l := b.live[inc.Service]; l != nil && b.anyFiring(l) {
		return "a trigger fires again"
	}
	return ""
}

// left counts the steps of a section that have not begun.
func (run *Run) left(section Section) int {
	n := 0
	for i := range run.Steps {
		if run.Steps[i].Section == section && run.Steps[i].State == StepPending {
			n++
		}
	}
	return n
}

// undone are the follow-up steps of a run that has ended that did not end well, or
// had no turn.
func (run *Run) undone() []string {
	if run == nil {
		return nil
	}
	var titles []string
	for i := range run.Steps {
		step := &run.Steps[i]
		if step.Section == SectionFollowUp && step.State != StepDone && step.State != StepSkipped {
			titles = append(titles, step.title())
		}
	}
	return titles
}

// brokeSince tells whether a trigger that fired after the rollback was verified has
// not cleared.
func (inc *Incident) brokeSince() bool {
	run := inc.Rollback
	if run == nil || run.VerifiedAt.IsZero() {
		return false
	}
	return slices.ContainsFunc(inc.Triggers, func(ev Evidence) bool { return ev.FiredAt.After(run.VerifiedAt) && ev.ClearedAt.IsZero() })
}

// followingUp tells whether a verified rollback of the service is not over yet.
func (s *serviceMemory) followingUp() bool {
	return s.Open != nil && s.Open.Rollback != nil && !s.Open.Rollback.VerifiedAt.IsZero() && !s.Open.Rollback.State.Ended()
}

// brokenMeanwhile tells whether a trigger that fires now is the first to do so while
// a follow-up step runs, which may take long: nothing is decided before its end.
func (inc *Incident) brokenMeanwhile() bool {
	run := inc.Rollback
	if run == nil || run.VerifiedAt.IsZero() || run.State.Ended() || run.underWay() == nil {
		return false
	}
	return !slices.ContainsFunc(inc.Triggers, func(ev Evidence) bool { return ev.FiredAt.After(run.VerifiedAt) })
}

// passed records that verification has passed, before the follow-up begins.
func (b *Brain) passed(now time.Time, inc *Incident, run *Run, p progress) []Effect {
	e := b.incidentEntry(now, KindVerified, inc, "rollbackd",
		fmt.Sprintf("verified: every trigger was known ok for %s (%d samples); what follows up comes next", run.Plan.Verify.Hold, p.samples))
	e.Verified = &VerifiedEntry{Run: run.ID, Samples: p.samples}
	return []Effect{Record{Entry: e}}
}
