package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestDoors(t *testing.T) {
	const reason = `{"reason":"a test"}`
	tests := []struct {
		method, path, body string
		socket, tcp        int
	}{
		{"GET", "/-/healthy", "", 200, 200},
		{"HEAD", "/-/healthy", "", 200, 200},
		{"GET", "/-/ready", "", 200, 200},
		{"GET", "/metrics", "", 200, 200},
		{"GET", "/api/v1/services", "", 200, 200},
		{"GET", "/api/v1/services/checkout", "", 200, 200},
		{"GET", "/api/v1/services/nosuch", "", 404, 404},
		{"GET", "/api/v1/services/checkout/why", "", 200, 200},
		{"GET", "/api/v1/services/nosuch/why", "", 404, 404},
		{"GET", "/api/v1/services/checkout/versions", "", 200, 200},
		{"GET", "/api/v1/services/nosuch/versions", "", 404, 404},
		{"GET", "/api/v1/incidents", "", 200, 200},
		{"GET", "/api/v1/incidents/inc-3", "", 200, 200},
		{"GET", "/api/v1/incidents/checkout", "", 200, 200},
		{"GET", "/api/v1/incidents/inc-1", "", 200, 200}, // only in the journal
		{"GET", "/api/v1/incidents/inc-0", "", 404, 404},
		{"GET", "/api/v1/nosuch", "", 404, 404},
		{"GET", "/nowhere", "", 404, 404},

		{"POST", "/-/reload", "", 200, 403},
		{"POST", "/api/v1/services/checkout/rollback", reason, 200, 403},
		{"POST", "/api/v1/services/checkout/pause", reason, 200, 403},
		{"POST", "/api/v1/services/checkout/resume", reason, 200, 403},
		{"POST", "/api/v1/services/checkout/lock", reason, 200, 403},
		{"POST", "/api/v1/services/_all/unlock", reason, 200, 403},
		{"POST", "/api/v1/services/checkout/pardon", `{"version":"v2"}`, 200, 403},
		{"POST", "/api/v1/incidents/inc-3/approve", reason, 200, 403},
		{"POST", "/api/v1/incidents/checkout/veto", reason, 200, 403},
		{"POST", "/api/v1/incidents/inc-3/abort", reason, 200, 403},
		{"POST", "/api/v1/incidents/inc-3/ack", reason, 200, 403},
		{"POST", "/api/v1/incidents/inc-3/close", reason, 200, 403},
		{"POST", "/api/v1/incidents/inc-9/close", reason, 404, 403},
		{"POST", "/api/v1/deployments", `{"service":"checkout","version":"v2"}`, 200, 403},
		{"POST", "/api/v1/deployments", `{"service":"nosuch","version":"v2"}`, 404, 403},
		{"POST", "/api/v1/signals", `{"service":"checkout","name":"flag_failed"}`, 200, 403},

		{"GET", "/-/reload", "", 405, 405},
		{"DELETE", "/api/v1/services/checkout", "", 405, 405},
		{"POST", "/metrics", "", 405, 405},
		{"PUT", "/api/v1/incidents/inc-3/close", reason, 405, 405},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			server := newWorld().server()
			if got := ask(t, server.Socket(), tt.method, tt.path, tt.body); got.status != tt.socket {
				t.Errorf("socket: got %d, want %d\n%s", got.status, tt.socket, got.body)
			}
			w := newWorld()
			got := ask(t, w.server().TCP(), tt.method, tt.path, tt.body)
			if got.status != tt.tcp {
				t.Errorf("TCP: got %d, want %d\n%s", got.status, tt.tcp, got.body)
			}
			if len(w.commands)+len(w.inputs)+w.reloads > 0 {
				t.Errorf("TCP carried out a command: %+v %+v, %d reloads", w.commands, w.inputs, w.reloads)
			}
		})
	}
}

func TestErrorsNameTheirType(t *testing.T) {
	tests := []struct {
		method, path, body, want string
	}{
		{"GET", "/nosuch", "", "not_found"},
		{"PUT", "/-/reload", "", "method_not_allowed"},
		{"POST", "/-/reload", "", "forbidden"},
		{"GET", "/api/v1/incidents?limit=0", "", "bad_request"},
	}
	for _, tt := range tests {
		got := ask(t, newWorld().server().TCP(), tt.method, tt.path, tt.body)
		if got.Status != "error" || got.ErrorType != tt.want || got.Error == "" {
			t.Errorf("%s %s: got %+v, want error_type %s and a text", tt.method, tt.path, got.Envelope, tt.want)
		}
	}
}

func TestAllowIsNamed(t *testing.T) {
	got := ask(t, newWorld().server().TCP(), "DELETE", "/api/v1/services", "")
	if allow := got.header.Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow: got %q, want GET, HEAD", allow)
	}
}

func TestHost(t *testing.T) {
	tests := []struct {
		host string
		want int
	}{
		{"localhost", 200},
		{"LOCALHOST:9797", 200},
		{"127.0.0.1:9797", 200},
		{"[::1]:9797", 200},
		{"[::1]", 200},
		{"192.0.2.7", 200},
		{"ops.example.com", 200},
		{"ops.example.com:443", 200},
		{"ops1:9797", 200},
		{"ops1.evil.example.net", 403},
		{"evil.example.net", 403},
		{"localhost.evil.example.net", 403},
		{"127.0.0.1.evil.example.net:9797", 403},
		{"", 403},
	}
	server := newWorld().server()
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/services", nil)
		r.Host = tt.host
		if got := send(t, server.TCP(), r); got.status != tt.want {
			t.Errorf("Host %q over TCP: got %d, want %d", tt.host, got.status, tt.want)
		}
		if tt.host == "" {
			tt.want = 200 // no browser asks so, and who opens the socket needs no name
		}
		if got := send(t, server.Socket(), r); got.status != tt.want {
			t.Errorf("Host %q over the socket: got %d, want %d", tt.host, got.status, tt.want)
		}
	}
}

func TestNotReady(t *testing.T) {
	w := newWorld()
	w.notReady = errors.New("the journal is being read")
	got := ask(t, w.server().TCP(), "GET", "/-/ready", "")
	if got.status != 503 || !strings.Contains(got.Error, "the journal is being read") {
		t.Errorf("ready: got %d %q, want 503 with the reason", got.status, got.Error)
	}
	if got := ask(t, w.server().TCP(), "GET", "/-/healthy", ""); got.status != 200 {
		t.Errorf("healthy: got %d, want 200", got.status)
	}
}

func TestNoAnswerIsUnavailable(t *testing.T) {
	w := newWorld()
	w.viewErr = errors.New("starting")
	server := w.server()
	for _, path := range []string{"/api/v1/services", "/api/v1/incidents", "/api/v1/incidents/inc-3"} {
		if got := ask(t, server.TCP(), "GET", path, ""); got.status != 503 || got.ErrorType != "unavailable" {
			t.Errorf("%s: got %d %s, want 503 unavailable", path, got.status, got.ErrorType)
		}
	}
	got := ask(t, server.Socket(), "POST", "/api/v1/incidents/checkout/approve", `{"reason":"x"}`)
	if got.status != 503 {
		t.Errorf("approve: got %d, want 503", got.status)
	}
}

func TestTriggerMetrics(t *testing.T) {
	w := newWorld()
	w.triggers = []incident.TriggerView{
		firing("errors"), {Name: "slow", State: trigger.Inactive, Value: 0.1, HasValue: true}, {Name: "health", State: trigger.StateUnknown},
	}
	got := ask(t, w.server().TCP(), "GET", "/metrics", "").body
	for _, want := range []string{
		`rollbackd_trigger_state{service="checkout",state="firing",trigger="errors"} 1`,
		`rollbackd_trigger_value{service="checkout",trigger="errors"} 0.081`,
		`rollbackd_trigger_state{service="checkout",state="unknown",trigger="health"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics lack %s\n%s", want, got)
		}
	}
	if strings.Contains(got, "slow") || strings.Contains(got, `rollbackd_trigger_value{service="checkout",trigger="health"}`) {
		t.Errorf("metrics show an inactive trigger, or a value that is not there\n%s", got)
	}
	w.viewErr = errors.New("busy")
	if got := ask(t, w.server().TCP(), "GET", "/metrics", "").body; strings.Contains(got, "rollbackd_trigger") {
		t.Errorf("metrics show triggers though the brain did not answer\n%s", got)
	}
}
