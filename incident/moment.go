package incident

import "strings"

// momentOf is an entry as a line of its incident's timeline. Beside the text it
// keeps what a report must not have to read out of a sentence.
func momentOf(e Entry) Moment {
	m := Moment{At: e.At, Kind: e.Kind, Actor: e.Actor, Text: e.Text}
	switch {
	case e.Command != nil:
		m.Verb, m.Reason = e.Command.Verb, e.Command.Reason
	case e.Closed != nil && e.Closed.ByPerson:
		m.Verb, m.Reason = "close", personsReason(e)
	case e.Decided != nil:
		m.HeldBy = e.Decided.HeldBy
	case e.Escalated != nil:
		m.Level = e.Escalated.Level
	}
	return m
}

// personsReason is why a person closed an incident, without their name before it.
func personsReason(e Entry) string {
	reason := strings.TrimPrefix(e.Closed.Reason, "by "+e.Actor)
	return strings.TrimPrefix(reason, ": ")
}
