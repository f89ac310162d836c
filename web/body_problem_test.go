package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestABodyOfTheWrongTypeIsNamedInTheAPIsWords(t *testing.T) {
	const approve, deployments, pause, signals = "/api/v1/incidents/inc-3/approve", "/api/v1/deployments", "/api/v1/services/checkout/pause", "/api/v1/signals"
	tests := []struct{ path, body, want string }{
		{approve, `{"reason":1}`, `the body: "reason" wants a string, not a number`},
		{approve, `{"reason":["x"]}`, `the body: "reason" wants a string, not an array`},
		{approve, `{"reason":"x","break_glass":"yes"}`, `the body: "break_glass" wants true or false, not a string`},
		{approve, `{"reason":true}`, `the body: "reason" wants a string, not true or false`},
		{approve, `[]`, `the body: want an object, not an array`},
		{approve, `7`, `the body: want an object, not a number`},
		{approve, `{"reason":`, `the body: it ends before the object does`},
		{approve, `{"raison":"x"}`, `the body: unknown field "raison"`},
		{approve, `{"reason":"x"} {}`, `the body: there is something after the object`},
		{pause, `{"reason":"x","for":4}`, `the body: a duration is a string such as "4h"`},
		{deployments, `{"service":"checkout","version":"v2","at":5}`, `the body: a time is a string such as "2026-03-01T03:02:00Z"`},
		{deployments, `{"service":"checkout","version":"v2","at":"noon"}`, `is not a time (want for example "2026-03-01T03:02:00Z")`},
		{signals, `{"service":"checkout","name":"x","severity":3}`, `the body: "severity" wants a string, not a number`},
	}
	s := newWorld().server()
	for _, tt := range tests {
		got := ask(t, s.Socket(), "POST", tt.path, tt.body)
		text := strings.ReplaceAll(got.body, `\"`, `"`)
		if got.status != http.StatusBadRequest || !strings.Contains(text, tt.want) {
			t.Errorf("%s: got %d %s\nwant %s", tt.body, got.status, text, tt.want)
		}
		for _, ours := range []string{"Body", "Go ", "json:", "unmarshal"} {
			if strings.Contains(got.body, ours) {
				t.Errorf("%s: %q is a word of ours: %s", tt.body, ours, got.body)
			}
		}
	}
}
