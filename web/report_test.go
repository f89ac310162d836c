package web_test

import (
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

func TestReport(t *testing.T) {
	tests := []struct {
		path, media, says string
	}{
		{"inc-3", "text/markdown; charset=utf-8", "# checkout: held"},
		{"checkout", "text/markdown; charset=utf-8", "# checkout: held"},
		{"inc-1", "text/markdown; charset=utf-8", "- **Incident:** `inc-1`"}, // from the journal
		{"inc-3?format=html", "text/html; charset=utf-8", "<!DOCTYPE html>"},
		{"inc-3?format=json", "application/json; charset=utf-8", `"format": "rollbackd.report/1"`},
		{"inc-3?format=metrics", "application/json; charset=utf-8", `"format": "rollbackd.metrics/1"`},
		{"inc-3?format=failures", "application/json; charset=utf-8", `"format": "rollbackd.failures/1"`},
		{"inc-3?for=support", "text/plain; charset=utf-8", "DRAFT – not sent (for support)"},
	}
	for _, tt := range tests {
		path, query, _ := strings.Cut(tt.path, "?")
		got := send(t, newWorld().server().TCP(), request(t, web.Peer{Name: "alice"}, "GET", "/api/v1/incidents/"+path+"/report?"+query, ""))
		if got.status != 200 || got.header.Get("Content-Type") != tt.media || !strings.Contains(got.body, tt.says) {
			t.Errorf("%s: got %d %s, want %s and %q in\n%s", tt.path, got.status, got.header.Get("Content-Type"), tt.media, tt.says, got.body)
		}
		policy := got.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: policy %q", tt.path, policy)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the media type may be guessed", tt.path)
		}
	}
}

func TestReportRefuses(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"nosuch/report":                        {404, "there is no incident nosuch"},
		"inc-3/report?format=pdf":              {400, `format: "pdf" is not a form of a report`},
		"inc-3/report?for=me":                  {400, `for: "me" is nobody`},
		"inc-3/report?colour=red":              {400, `unknown parameter "colour"`},
		"inc-3/report?for=support&format=json": {400, "a draft for support is plain text"},
	} {
		got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/incidents/"+path, "")
		if got.status != want.status || !strings.Contains(got.Error, want.says) {
			t.Errorf("%s: got %d %q, want %d and %q in it", path, got.status, got.Error, want.status, want.says)
		}
	}
}

// TestReportIsPublic: what the plan's steps do, and the values filled into them, are
// in no form of a report, also where the incident comes from the journal.
func TestReportIsPublic(t *testing.T) {
	secret := &incident.Incident{ID: "inc-8", Service: "checkout", State: incident.Closed, OpenedAt: noon(), Rollback: &incident.Run{
		ID: "inc-8.1", Values: map[string]string{"vars.key": "hunter2"}, Plan: incident.Plan{Steps: []incident.PlanStep{{Name: "undo", Do: []byte(`{"argv":["hunter2"]}`)}}},
	}}
	for _, format := range []string{"markdown", "json", "html", "metrics", "failures"} {
		w := newWorld()
		w.older = []*incident.Incident{secret}
		got := send(t, w.server().TCP(), request(t, web.Peer{Name: "alice"}, "GET", "/api/v1/incidents/inc-8/report?format="+format, ""))
		if got.status != 200 || strings.Contains(got.body, "hunter2") {
			t.Errorf("%s: got %d\n%s", format, got.status, got.body)
		}
	}
}
