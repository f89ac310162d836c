package responder

import "github.com/rollbackd/rollbackd/incident"

// InFlight are the incidents of which a run has begun to change something and has
// not ended. What the journal's reserve may be spent on follows from it.
type InFlight map[string]bool

// NewInFlight is what is in flight at a start: runs of an earlier life.
func NewInFlight(incidents []*incident.Incident) InFlight {
	f := InFlight{}
	for _, in := range incidents {
		if run := in.Rollback; run != nil && run.Changed && !run.State.Ended() {
			f[in.ID] = true
		}
	}
	return f
}

// Note takes in an entry that has just become durable.
func (f InFlight) Note(e incident.Entry) {
	switch e.Kind {
	case incident.KindStepBegun:
		if e.Step.Changes {
			f[e.Incident] = true
		}
	case incident.KindRunEnded:
		delete(f, e.Incident)
	}
}

// MaySpend tells whether the journal's reserve may be spent on an entry: so that
// a rollback in flight can finish, a person can stop it, and an incident exists
// that people are told of. Nothing is begun on it: neither a rollback nor the
// first change of one.
func (f InFlight) MaySpend(e incident.Entry) bool {
	if f[e.Incident] {
		return true // whatever it is, of any section and for any unit: what has begun must come to an end
	}
	switch e.Kind {
	case incident.KindDeployment, incident.KindRunning, incident.KindRolledOut, incident.KindSignal, incident.KindCaptured:
		// The brain takes in what happened in order: the end of a step that is in
		// flight may stand in line behind any of these.
		return len(f) > 0
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
