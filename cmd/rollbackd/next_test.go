package main

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

func TestNextActSaysWhenAndHowToStopIt(t *testing.T) {
	now := time.Date(2026, 3, 1, 13, 54, 11, 0, time.UTC)
	at := now.Add(37 * time.Second)
	tests := []struct {
		name     string
		state    incident.State
		decision incident.Decision
		want     string
	}{
		{"a countdown", incident.CountingDown, incident.Decision{Deadline: at}, "rolls back at 13:54:48 UTC, in 37s; stop it: rollbackd veto checkout --reason …"},
		{"silence is a yes", incident.AwaitingApproval, incident.Decision{Deadline: at, Silence: true}, "rolls back at 13:54:48 UTC, in 37s; stop it: rollbackd veto checkout --reason …"},
		{"silence is no answer", incident.AwaitingApproval, incident.Decision{Deadline: at}, "to be decided by 13:54:48 UTC, in 37s; say yes: rollbackd approve checkout --reason …"},
		{"nobody decided", incident.AwaitingApproval, incident.Decision{Deadline: now}, "to be decided by 13:54:11 UTC, which is over; say yes: rollbackd approve checkout --reason …"},
		{"another day", incident.CountingDown, incident.Decision{Deadline: now.Add(24 * time.Hour)}, "rolls back at 2026-03-02 13:54:11 UTC, in 1d; stop it: rollbackd veto checkout --reason …"},
		{"no deadline", incident.AwaitingApproval, incident.Decision{}, ""},
		{"confirming", incident.Confirming, incident.Decision{Deadline: at}, ""},
		{"verifying", incident.Verifying, incident.Decision{Deadline: at}, ""},
		{"closed", incident.Closed, incident.Decision{Deadline: at}, ""},
	}
	for _, tt := range tests {
		i := &incident.Incident{Service: "checkout", State: tt.state, Decision: tt.decision}
		if got := nextAct(i, now); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
