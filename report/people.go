package report

import (
	"github.com/rollbackd/rollbackd/incident"
)

// wordsOf is what people said and did, in the order of time.
func wordsOf(inc *incident.Incident) []Word {
	words := []Word{}
	for _, m := range inc.Timeline {
		verb, spoken := spokenVerb(m)
		if !spoken {
			continue
		}
		words = append(words, Word{At: m.At, Who: m.Actor, Verb: verb, Reason: m.Reason, Text: m.Text})
	}
	return words
}

// spokenVerb is what a person did at a moment; false where it was rollbackd, or a
// source that only reports.
func spokenVerb(m incident.Moment) (verb string, spoken bool) {
	if m.Verb != "" {
		return m.Verb, true
	}
	if m.Actor == "" || m.Actor == "rollbackd" {
		return "", false
	}
	switch m.Kind {
	case incident.KindPardon:
		return "pardon", true
	case incident.KindClosed:
		return "close", true
	case incident.KindDecided: // a rollback that was asked for
		return "rollback", m.HeldBy == ""
	default:
		return "", false
	}
}

// holdsOf are the stretches in which a guard held the incident. Decisions that are
// held by the same guard, one after the other, are one stretch.
func holdsOf(inc *incident.Incident) []Held {
	holds := []Held{}
	var last *Held
	for _, m := range inc.Timeline {
		if last != nil && last.Until.IsZero() && releases(m, last.Guard) {
			last.Until, last.ReleasedBy = m.At, m.Text
		}
		if m.HeldBy == "" || last != nil && last.Until.IsZero() {
			continue
		}
		holds = append(holds, Held{Guard: m.HeldBy, From: m.At, Text: m.Text})
		last = &holds[len(holds)-1]
	}
	return holds
}

// releases tells whether a moment ends a stretch that a guard held: another
// decision, a person's yes, the rollback itself, or the end.
func releases(m incident.Moment, held incident.Guard) bool {
	switch m.Kind {
	case incident.KindDecided:
		return m.HeldBy != held
	case incident.KindApproved, incident.KindPlanned, incident.KindClosed, incident.KindStoodDown:
		return true
	default:
		return false
	}
}
