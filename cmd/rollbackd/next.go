package main

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// nextAct is what an open incident does by itself, when, and what says otherwise:
// "rolls back at 13:54:48 UTC, in 37s; stop it: rollbackd veto checkout --reason …".
// It is empty where nothing happens at a time that is known.
func nextAct(i *incident.Incident, now time.Time) string {
	what, word := "rolls back at ", "; stop it: rollbackd veto "
	switch {
	case i.Decision.Deadline.IsZero():
		return ""
	case i.State == incident.CountingDown, i.State == incident.AwaitingApproval && i.Decision.Silence:
	case i.State == incident.AwaitingApproval:
		what, word = "to be decided by ", "; say yes: rollbackd approve "
	default:
		return ""
	}
	return what + clockTime(i.Decision.Deadline, now) + word + i.Service + " --reason …"
}

// clockTime is a time of day that is near, and how far it is.
func clockTime(t, now time.Time) string {
	text := t.UTC().Format(time.TimeOnly) + " UTC"
	if y, m, d := t.UTC().Date(); !sameDay(now, y, m, d) {
		text = instant(t)
	}
	if left := t.Sub(now); left > 0 {
		return text + ", in " + span(max(left.Round(time.Second), time.Second))
	}
	return text + ", which is over"
}

func sameDay(t time.Time, y int, m time.Month, d int) bool {
	ty, tm, td := t.UTC().Date()
	return ty == y && tm == m && td == d
}

// nextActs says under a list which incidents act by themselves, and when.
func (p *page) nextActs(list []*incident.Incident) {
	for _, i := range list {
		if next := nextAct(i, p.now); next != "" {
			p.line("%s", p.bold(plain(i.Service+" "+next)))
		}
	}
}
