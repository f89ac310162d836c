package incident

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// failure tells whether a guard stands for something that went wrong, as opposed
// to something that is waited for or that a person wanted.
func (g Guard) failure() bool {
	return g == GuardBlocked || g == GuardVerification || g == GuardPointOfNoReturn
}

// leavesItToPeople tells whether nothing but a person will do something about
// what a guard holds, or not for hours: a budget. What flaps is told once, or each of
// its ups and downs would wake somebody.
func (g Guard) leavesItToPeople() bool {
	switch g {
	case GuardJournal, GuardBlind, GuardNeverOK, GuardNoDeployment, GuardBeforeDeployment, GuardCorrelated, GuardQuarantined, GuardOnce, GuardNoTarget,
		GuardBudget:
		return true
	default:
		return g.failure()
	}
}

// waitsForPerson tells whether an incident in this state waits for a person.
func (inc *Incident) waitsForPerson() bool {
	switch inc.State {
	case AwaitingApproval:
		return true
	case Held:
		_, failed := inc.Decision.failed()
		return failed || inc.Severity >= trigger.Critical && inc.Decision.HeldBy.leavesItToPeople()
	case RollingBack:
		return inc.approvalWaited() != nil
	case Firing, CountingDown, Confirming, Verifying, Closed:
	}
	return false
}

// escalationRule tells the next level, at the moments of [decide] escalate_after,
// until somebody acknowledges or decides; and once that the time to decide is over.
func (b *Brain) escalationRule(now time.Time, inc *Incident) []Effect {
	if inc.waitSince.IsZero() || inc.acked {
		return nil
	}
	level := b.levelAt(now, inc)
	deadline := inc.Decision.Deadline
	overdue := !inc.escalated && inc.State != RollingBack && !deadline.IsZero() && !now.Before(deadline)
	if level <= inc.EscalationLevel && !overdue {
		return nil
	}
	text, event := fmt.Sprintf("nobody decided by %s", shortTime(deadline)), "overdue"
	if level > inc.EscalationLevel {
		text, event = fmt.Sprintf("nobody acknowledged since %s: telling level %d", shortTime(inc.waitSince), level), "escalation"
	}
	e := b.incidentEntry(now, KindEscalated, inc, "rollbackd", text)
	e.Escalated = &EscalatedEntry{Level: max(level, inc.EscalationLevel), Overdue: overdue}
	m := b.message(now, inc, e, WaitingForYou, event)
	m.Level = e.Escalated.Level
	return []Effect{Record{Entry: e, Message: m}}
}

// levelAt is the level that must have been told by now.
func (b *Brain) levelAt(now time.Time, inc *Incident) int {
	level := 0
	for i := range b.opts.Decide.EscalateAfter {
		if at := b.levelDue(inc, i); !at.IsZero() && !now.Before(at) {
			level = i
		}
	}
	return level
}

// levelDue is when a level is to be told; zero for never.
func (b *Brain) levelDue(inc *Incident, level int) time.Time {
	if inc.waitSince.IsZero() || level <= 0 || level >= len(b.opts.Decide.EscalateAfter) {
		return time.Time{}
	}
	return inc.waitSince.Add(b.opts.Decide.EscalateAfter[level])
}
