package web_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

func TestListOfIncidents(t *testing.T) {
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"inc-3", "inc-2", "inc-1"}}, // memory and journal, each once, newest first
		{"?service=checkout", []string{"inc-3", "inc-1"}},
		{"?state=open", []string{"inc-3"}},
		{"?state=held", []string{"inc-3"}},
		{"?state=closed", []string{"inc-2", "inc-1"}},
		{"?state=rolling_back", []string{}},
		{"?since=90m", []string{"inc-3"}},
		{"?since=2026-03-01T09:00:00Z", []string{"inc-3", "inc-2"}},
		{"?limit=1", []string{"inc-3"}},
		{"?limit=1&service=search", []string{"inc-2"}},
		{"?service=nosuch", []string{}},
		{"?before=inc-3", []string{"inc-2", "inc-1"}},
		{"?before=inc-3&limit=1", []string{"inc-2"}},
		{"?before=inc-2&service=checkout", []string{"inc-1"}},
		{"?before=inc-1", []string{}},                    // which only the journal knows
		{"?before=checkout", []string{"inc-2", "inc-1"}}, // by its open incident
	}
	for _, tt := range tests {
		got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/incidents"+tt.query, "")
		var found []incident.Incident
		if err := json.Unmarshal(got.Data, &found); err != nil {
			t.Fatalf("%s: %v\n%s", tt.query, err, got.body)
		}
		ids := []string{}
		for _, i := range found {
			ids = append(ids, i.ID)
		}
		if diff := cmp.Diff(tt.want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}
}

// TestOnlyWhatIsShownIsFolded: an old incident is folded from its entries, which
// takes time.
func TestOnlyWhatIsShownIsFolded(t *testing.T) {
	for query, want := range map[string][]string{
		"": {"inc-1"}, "?limit=2": nil, "?before=inc-2": {"inc-1"}, "?state=open": nil, "?state=closed": {"inc-1"},
	} {
		w := newWorld()
		ask(t, w.server().TCP(), "GET", "/api/v1/incidents"+query, "")
		if diff := cmp.Diff(want, w.folded); diff != "" {
			t.Errorf("%s (-want +folded):\n%s", query, diff)
		}
	}
	if got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/incidents?before=inc-9", ""); got.status != 400 {
		t.Errorf("a page after an incident that is none: %d, want 400", got.status)
	}
}

// TestWhatLeavesIsPublic: what the steps of a plan do, and the values filled into
// them, are nobody's business outside.
func TestWhatLeavesIsPublic(t *testing.T) {
	secret := func(id string, state incident.State) *incident.Incident {
		return &incident.Incident{ID: id, Service: "checkout", State: state, OpenedAt: noon(), Rollback: &incident.Run{
			ID: id + ".1", Values: map[string]string{"vars.key": "hunter2"},
			Plan: incident.Plan{Steps: []incident.PlanStep{{Name: "undo", Do: json.RawMessage(`{"argv":["hunter2"]}`), Probe: json.RawMessage(`"hunter2"`)}}},
		}}
	}
	w := newWorld()
	w.incidents = []*incident.Incident{secret("inc-9", incident.RollingBack)}
	w.older = []*incident.Incident{secret("inc-8", incident.Closed)}
	for _, path := range []string{"incidents", "incidents/inc-9", "incidents/inc-8", "services/checkout/why"} {
		got := ask(t, w.server().TCP(), "GET", "/api/v1/"+path, "")
		if got.status != 200 || !strings.Contains(got.body, `"undo"`) || strings.Contains(got.body, "hunter2") {
			t.Errorf("%s: got %d, want 200, the step and no secret\n%s", path, got.status, got.body)
		}
	}
	if w.incidents[0].Rollback.Values == nil {
		t.Error("the memory itself was changed")
	}
}

func TestBadFilters(t *testing.T) {
	for query, says := range map[string]string{
		"?state=resolved":  "not a state",
		"?since=yesterday": "neither a time",
		"?limit=0":         "from 1 to",
		"?limit=9999":      "from 1 to",
		"?limit=many":      "from 1 to",
		"?colour=red":      "unknown parameter",
	} {
		got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/incidents"+query, "")
		if got.status != 400 || !strings.Contains(got.Error, says) {
			t.Errorf("%s: got %d %q, want 400 and %q in it", query, got.status, got.Error, says)
		}
	}
}

func TestNoListIsNull(t *testing.T) {
	w := newWorld()
	w.incidents, w.older = nil, nil
	if got := ask(t, w.server().TCP(), "GET", "/api/v1/incidents", ""); string(got.Data) != "[]" {
		t.Errorf("got %s, want []", got.Data)
	}
}

// FuzzFilter: any query gets a list or a 400.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "limit=5&state=open", "since=1h", "since=-1h", "limit=1&limit=2", "%zz", ";"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/incidents", nil)
		r.URL.RawQuery = query
		r.Host = "localhost"
		if got := send(t, newWorld().server().TCP(), r); got.status != 200 && got.status != 400 {
			t.Errorf("%q: got %d", query, got.status)
		}
	})
}
