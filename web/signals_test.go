package web_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestASignalArrives(t *testing.T) {
	w := newWorld()
	w.reply = incident.Reply{Incident: "inc-3", Note: "nothing is new"}
	got := ask(t, w.server().Socket(), "POST", "/api/v1/signals",
		`{"service":"checkout","name":"deployment_failed","severity":"critical","reason":"smoke tests red"}`)
	if got.status != 200 || string(got.Data) != `{"incident":"inc-3","note":"nothing is new"}` {
		t.Errorf("got %d %s, want the incident and the note", got.status, got.body)
	}
	want := []incident.Command{{
		Verb: "signal", Service: "checkout", Name: "deployment_failed", Severity: trigger.Critical, Source: "api", Actor: "alice", Reason: "smoke tests red",
	}}
	if diff := cmp.Diff(want, w.commands); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
}

func TestBadSignals(t *testing.T) {
	tests := []struct{ name, body, says string }{
		{"no service", `{"name":"flag_failed"}`, "service: say"},
		{"no name", `{"service":"checkout"}`, "name: say what"},
		{"two words", `{"service":"checkout","name":"flag failed"}`, "name: want a letter"},
		{"a word of the grammar", `{"service":"checkout","name":"for"}`, "name: want a letter"},
		{"severity", `{"service":"checkout","name":"flag_failed","severity":"sev1"}`, "unknown severity"},
		{"a long reason", `{"service":"checkout","name":"flag_failed","reason":"` + strings.Repeat("é", 257) + `"}`, "reason: want at most 256"},
		{"somebody else's word", `{"service":"checkout","name":"flag_failed","by":"bob"}`, `unknown field "by"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			got := ask(t, w.server().Socket(), "POST", "/api/v1/signals", tt.body)
			if got.status != 400 || !strings.Contains(got.Error, tt.says) || len(w.commands) > 0 {
				t.Errorf("got %d %q and %d commands, want 400, %q in it and none", got.status, got.Error, len(w.commands), tt.says)
			}
		})
	}
}
