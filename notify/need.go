package notify

import "slices"

// need is what a message asks of a person. Channels that page, and those that keep
// a state of their own, go by it.
type need string

const (
	needNothing  need = ""
	needApproval need = "approval" // a yes to a plan or to a step
	needFailed   need = "failed"   // a rollback, a step or a verification did not end well
	needHeld     need = "held"     // nothing will happen by itself
	needGlass    need = "break_glass"
	needDaemon   need = "daemon" // rollbackd itself cannot work as it should
)

// over tells whether an incident waits for nobody any longer: it is closed, or
// became well by itself.
func over(m Message) bool { return m.Event == "closed" || m.Headline == "RECOVERED" }

// needOf says what a message asks of a person.
func needOf(m Message) need {
	switch {
	case m.Event == "trigger_blind":
		return needNothing
	case m.Incident == "":
		return needDaemon
	case over(m):
		return needNothing
	case m.Headline == "FAILED":
		return needFailed
	case m.Event == "break_glass":
		return needGlass
	case waitsForYes(m):
		return needApproval
	case failed(m):
		return needFailed
	case m.Headline == "WAITING FOR YOU":
		return needHeld
	case m.Headline == "HELD" && m.Severity == "critical" && !stoppedByPerson(m):
		return needHeld
	}
	return needNothing
}

// waitsForYes tells whether an approval is missing, for the rollback or for a step
// of it.
func waitsForYes(m Message) bool {
	return m.About.State == "awaiting_approval" || len(m.About.Needs) > 0
}

// failed tells whether what went wrong holds the incident, whatever else does (a
// pause, say), so that a reminder of it is known for one.
func failed(m Message) bool {
	if m.About.State != "held" {
		return false
	}
	wrong := func(guard string) bool {
		return guard == "blocked" || guard == "verification" || guard == "point_of_no_return"
	}
	return wrong(m.About.Decision.HeldBy) || slices.ContainsFunc(m.About.Decision.Holds, func(h Hold) bool { return wrong(h.Guard) })
}

// stoppedByPerson tells whether a person has just said no: they know, and nobody
// else need be woken.
func stoppedByPerson(m Message) bool {
	return m.About.Decision.HeldBy == "vetoed" || m.About.Decision.HeldBy == "aborted"
}
