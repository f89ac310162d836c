package incident

import "time"

// owedWord is a person's word that is on record, and what it is for.
type owedWord struct {
	guard         Guard
	actor, reason string
}

// owe takes in a veto or an abort. The entry that carries it out, a hold or a
// stop, follows at once and takes it out again; only a crash between the two, or
// a journal that is full, leaves it.
func (inc *Incident) owe(g Guard, e Entry) {
	inc.owed = &owedWord{guard: g, actor: e.Actor}
	if e.Command != nil {
		inc.owed.reason = e.Command.Reason
	}
}

// owedRule does what a person's word on record asks for and was not done: what a
// person has stopped stays stopped, whatever happened right after.
func (b *Brain) owedRule(now time.Time, inc *Incident) []Effect {
	word := inc.owed
	if word == nil {
		return nil
	}
	said := Command{Actor: word.actor, Reason: word.reason}
	switch inc.State {
	case RollingBack, Verifying:
		run := inc.Rollback
		if word.guard != GuardAborted || run == nil || run.State.Ended() || run.Stopping != "" {
			return nil
		}
		return b.stopRun(now, inc, word.actor, abortedBy(said), GuardAborted)
	case Firing, CountingDown, AwaitingApproval, Held, Confirming:
		return b.holdByPerson(now, inc, word.guard, said)
	case Closed:
	}
	return nil
}
