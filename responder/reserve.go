package responder

import "github.com/rollbackd/rollbackd/incident"

// begin takes up which runs of an earlier life have changed something.
func (l *loop) begin(incidents []*incident.Incident) {
	for _, in := range incidents {
		if run := in.Rollback; run != nil && run.Changed && !run.State.Ended() {
			l.changed[in.ID] = true
		}
	}
}

// noteChange keeps track of which incidents have a run in flight: one that has
// begun to change something and has not ended.
func (l *loop) noteChange(e incident.Entry) {
	switch e.Kind {
	case incident.KindStepBegun:
		if e.Step.Changes {
			l.changed[e.Incident] = true
		}
	case incident.KindRunEnded:
		delete(l.changed, e.Incident)
	}
}

// maySpend tells whether the journal's reserve may be spent on an entry: so that
// a rollback in flight can finish, a person can stop it, and an incident exists
// that people are told of. Nothing is begun on it: neither a rollback nor the
// first change of one.
func (l *loop) maySpend(e incident.Entry) bool {
	if l.changed[e.Incident] {
		return true // whatever it is, of any section and for any unit: what has begun must come to an end
	}
	switch e.Kind {
	case incident.KindDeployment, incident.KindRunning, incident.KindRolledOut, incident.KindSignal, incident.KindCaptured:
		// The brain takes in what happened in order: the end of a step that is in
		// flight may stand in line behind any of these.
		return len(l.changed) > 0
	case incident.KindBrake:
		return e.Brake != nil && e.Brake.On
	case incident.KindStepEnded, incident.KindStopping, incident.KindInterrupted, incident.KindVerifying, incident.KindSLAMissed,
		incident.KindRunEnded, incident.KindAborted, incident.KindVetoed, incident.KindOpened, incident.KindDecided,
		incident.KindEscalated, incident.KindClock, incident.KindReopened:
		return true
	default:
		return false
	}
}
