package page

import "github.com/rollbackd/rollbackd/incident"

// limitOf is what a trigger's value is compared with. Beside a value that breaches it
// reads as a sentence ("8% > 1%"); beside any other that would be an untrue one, so
// it is called a limit.
func limitOf(t incident.TriggerView) string {
	if t.Threshold == "" || t.Truth == "breach" {
		return t.Threshold
	}
	return "limit " + t.Threshold
}
