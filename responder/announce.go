package responder

import "github.com/rollbackd/rollbackd/incident"

// announce makes the series that may count the end of a service's incident, once
// it has one: a counter that is first seen at 1 has not increased, and an alert on
// its increase would miss the first failure. Not for every service from the
// start: ten thousand of them would have ninety thousand series.
func (m *metrics) announce(service string) {
	for _, state := range []incident.RunState{incident.RunCompleted, incident.RunPartial, incident.RunBlocked, incident.RunAborted} {
		m.rollbacks.WithLabelValues(service, string(state))
	}
	for _, outcome := range []incident.Outcome{
		incident.Recovered, incident.RolledBack, incident.Vetoed, incident.FixedForward, incident.Unresolved,
	} {
		m.incidents.WithLabelValues(service, string(outcome))
	}
}
