package page

import (
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Tone is how a word is coloured. It repeats what the word and its sign say.
type Tone string

// The tones.
const (
	Good Tone = "good"
	Dim  Tone = "dim"
	Act  Tone = "act"
	Warn Tone = "warn"
	Bad  Tone = "bad"
)

// State is a state as it is shown: a word, a sign of its own and a tone.
type State struct {
	Word, Sign string
	Tone       Tone
	// rank is its place in the order of urgency, the most urgent first.
	rank int
}

// serviceState is a service's state. inc is its open incident; nil without one.
func serviceState(word string, inc *incident.Incident) State {
	if inc != nil && inc.State != incident.Closed {
		return incidentState(inc)
	}
	switch word {
	case "firing":
		return State{"firing", "●", Bad, 5}
	case "pending":
		return State{"pending", "◐", Warn, 8}
	case "unknown":
		return State{"unknown", "?", Warn, 9}
	case "ok":
		return State{"ok", "✓", Good, 11}
	}
	return State{words(word), "●", Warn, 7}
}

// failed tells whether a rollback has ended in another way than it should.
func failed(inc *incident.Incident) bool {
	run := inc.Rollback
	return run != nil && (run.State == incident.RunPartial || run.State == incident.RunBlocked)
}

// waitsAtStep is the approval step that a rollback waits at; nil when it waits at none.
func waitsAtStep(inc *incident.Incident) *incident.StepRun {
	if inc.Rollback == nil || inc.Rollback.State.Ended() || len(inc.Needs) == 0 {
		return nil
	}
	for i := range inc.Rollback.Steps {
		if s := &inc.Rollback.Steps[i]; s.State == incident.StepRunning {
			return s
		}
	}
	return nil
}

// incidentState is an incident's state, the open ones by what they want of people.
func incidentState(inc *incident.Incident) State {
	switch inc.State {
	case incident.Held:
		if failed(inc) {
			return heldAfter(inc.Rollback.State)
		}
		return State{"held", "■", Warn, 2}
	case incident.AwaitingApproval:
		return State{"waiting for you", "▲", Bad, 1}
	case incident.CountingDown:
		return State{"countdown", "◔", Warn, 3}
	case incident.RollingBack:
		if waitsAtStep(inc) != nil {
			return State{"waiting for you", "▲", Bad, 1}
		}
		return State{"rolling back", "↶", Act, 4}
	case incident.Confirming:
		return State{"confirming", "◌", Act, 4}
	case incident.Verifying:
		return State{"verifying", "◑", Act, 6}
	case incident.Firing:
		return State{"firing", "●", Bad, 5}
	case incident.Closed:
		return outcomeState(inc.Outcome)
	}
	return State{words(string(inc.State)), "●", Warn, 7}
}

// heldAfter is an incident that is held because its rollback ended in another way
// than it should: held, as everywhere, and more urgent than what a guard holds.
func heldAfter(s incident.RunState) State {
	return State{"held, rollback " + words(string(s)), "✖", Bad, 0}
}

// outcomeState is how an incident ended.
func outcomeState(o incident.Outcome) State {
	switch o {
	case incident.RolledBack:
		return State{"rolled back", "✓", Good, 12}
	case incident.Recovered:
		return State{"recovered", "✓", Good, 12}
	case incident.FixedForward:
		return State{"fixed forward", "»", Good, 12}
	case incident.Vetoed:
		return State{"vetoed", "⊘", Dim, 12}
	case incident.Unresolved:
		return State{"unresolved", "✖", Bad, 12}
	}
	return State{"closed", "–", Dim, 12}
}

func triggerState(s trigger.State) State {
	switch s {
	case trigger.Firing:
		return State{"firing", "●", Bad, 0}
	case trigger.Pending:
		return State{"pending", "◐", Warn, 1}
	case trigger.StateUnknown:
		return State{"unknown", "?", Warn, 2}
	case trigger.Inactive:
		return State{"ok", "✓", Good, 3}
	}
	return State{s.String(), "●", Warn, 2}
}

func stepState(s incident.StepState) State {
	switch s {
	case incident.StepDone:
		return State{"done", "✓", Good, 0}
	case incident.StepRunning:
		return State{"running", "↻", Act, 0}
	case incident.StepFailed:
		return State{"failed", "✖", Bad, 0}
	case incident.StepUncertain:
		return State{"uncertain", "?", Bad, 0}
	case incident.StepSkipped:
		return State{"skipped", "–", Dim, 0}
	case incident.StepPending:
		return State{"to come", "○", Dim, 0}
	}
	return State{words(string(s)), "●", Warn, 0}
}

func runState(s incident.RunState) State {
	switch s {
	case incident.RunCompleted:
		return State{"completed", "✓", Good, 0}
	case incident.RunPartial:
		return State{"partial", "✖", Bad, 0}
	case incident.RunBlocked:
		return State{"blocked", "✖", Bad, 0}
	case incident.RunAborted:
		return State{"aborted", "⊘", Dim, 0}
	case incident.RunPlanned, incident.RunChecking, incident.RunRunning:
		return State{words(string(s)), "↻", Act, 0}
	case incident.RunVerifying:
		return State{"verifying", "◑", Act, 0}
	}
	return State{words(string(s)), "●", Warn, 0}
}

func foundState(s incident.VerificationState) State {
	switch s {
	case incident.VerificationPassed:
		return State{"passed", "✓", Good, 0}
	case incident.VerificationFailed:
		return State{"failed", "✖", Bad, 0}
	case incident.VerificationUnknown:
		return State{"unknown", "?", Warn, 0}
	}
	return State{"not yet", "○", Dim, 0}
}

func standingState(word string) State {
	switch word {
	case "good":
		return State{"good", "✓", Good, 0}
	case "presumed_good":
		return State{"presumed good", "✓", Dim, 0}
	case "quarantined":
		return State{"quarantined", "⊘", Bad, 0}
	}
	return State{words(word), "○", Dim, 0}
}

func severityState(s trigger.Severity) State {
	switch s {
	case trigger.Critical:
		return State{"critical", "▲▲▲", Bad, 0}
	case trigger.High:
		return State{"high", "▲▲", Warn, 1}
	case trigger.Medium:
		return State{"medium", "▲", Warn, 2}
	case trigger.Low:
		return State{"low", "△", Dim, 3}
	}
	return State{s.String(), "△", Dim, 4}
}

func healthState(word string) State {
	switch word {
	case "pass":
		return State{"pass", "✓", Good, 0}
	case "warn":
		return State{"warn", "◐", Warn, 0}
	case "fail":
		return State{"fail", "✖", Bad, 0}
	case "silent":
		return State{"silent", "?", Warn, 0}
	}
	return State{words(word), "?", Warn, 0}
}
