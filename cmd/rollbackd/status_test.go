package main

import (
	"testing"

	"github.com/rollbackd/rollbackd/incident"
)

func TestCommonReason(t *testing.T) {
	unknown := func(when, reason string) triggerView {
		return triggerView{TriggerView: incident.TriggerView{When: when, Truth: "unknown", Reason: reason}}
	}
	known := triggerView{TriggerView: incident.TriggerView{When: "latency > 1s for 1m", Truth: "ok"}}
	health := unknown("3 consecutive health failures", "no instance was seen")
	tests := []struct {
		name     string
		triggers []triggerView
		health   bool
		want     string
	}{
		{"all alike", []triggerView{unknown("a > 1", "bad_data"), unknown("b > 1", "bad_data"), health}, false, "bad_data"},
		{"of two kinds", []triggerView{unknown("a > 1", "bad_data"), unknown("b > 1", "timeout")}, false, ""},
		{"one is known", []triggerView{unknown("a > 1", "bad_data"), known}, false, ""},
		{"health is NATS's", []triggerView{known, health}, true, "no instance was seen"},
		{"none at all", nil, false, ""},
	}
	for _, tt := range tests {
		services := []serviceView{{Triggers: tt.triggers}}
		if got := commonReason(services, tt.health); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
