package notify

import (
	"encoding/json"
	"fmt"
)

// The words of a status page for how far an incident is.
const (
	investigating = "investigating"
	identified    = "identified"
	monitoring    = "monitoring"
	resolved      = "resolved"
)

// forCustomers tells whether a message is about something that is, or was, done to a
// live service. A rehearsal is not.
func forCustomers(m Message) bool {
	a := m.About
	if m.Incident == "" || a.Mode != "live" || rehearsed(m) {
		return false
	}
	return a.State == "rolling_back" || a.State == "verifying" || a.Rollback != nil && !a.Rollback.StartedAt.IsZero()
}

// rehearsed tells whether the incident only tries a plan out in another place.
func rehearsed(m Message) bool {
	var body struct {
		Rehearses json.RawMessage `json:"rehearses"`
	}
	return json.Unmarshal(m.Body, &body) == nil && len(body.Rehearses) > 0
}

// statusWord is how far the incident is. Closed is resolved only where that was
// seen; what went unverified, or was closed by a word, stays watched.
func statusWord(m Message) string {
	switch m.About.State {
	case "rolling_back":
		return identified
	case "verifying":
		return monitoring
	case "closed":
		switch m.About.Outcome {
		case "recovered", "rolled_back", "fixed_forward":
			return resolved
		}
		return monitoring
	}
	return investigating
}

// statusText is what customers read: no version, no person, no command.
func statusText(status, name string) string {
	switch status {
	case identified:
		return fmt.Sprintf("We know what causes the problem with %s and are putting it right.", name)
	case monitoring:
		return fmt.Sprintf("We have acted on the problem with %s and are watching the result.", name)
	case resolved:
		return fmt.Sprintf("The problem with %s is solved.", name)
	}
	return fmt.Sprintf("We are looking into a problem with %s.", name)
}
