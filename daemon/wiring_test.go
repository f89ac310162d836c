package daemon

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/trigger"
)

// TestReceiversByLevel: each level of escalation reaches those of the levels below
// too, and everybody is everybody.
func TestReceiversByLevel(t *testing.T) {
	c := parse(t, shop+`
[receivers.first]
webhook = { url = "https://hooks.example.com/1" }
[receivers.second]
webhook = { url = "https://hooks.example.com/2" }
escalation = 1
severities = ["critical"]
[receivers.third]
webhook = { url = "https://hooks.example.com/3" }
escalation = 2
events = ["held"]
`)
	tests := []struct {
		m    incident.Message
		want []string
	}{
		{incident.Message{Severity: trigger.Critical, Event: "held"}, []string{"first"}},
		{incident.Message{Severity: trigger.Critical, Event: "held", Level: 1}, []string{"first", "second"}},
		{incident.Message{Severity: trigger.Critical, Event: "held", Level: 2}, []string{"first", "second", "third"}},
		{incident.Message{Severity: trigger.High, Event: "held", Level: 3}, []string{"first", "third"}},
		{incident.Message{Severity: trigger.Critical, Event: "acting", Level: 2, Receivers: []string{"second", "third"}}, []string{"second"}},
		{incident.Message{Severity: trigger.Low, Event: "acting", Receivers: []string{"first"}, Everybody: true}, []string{"first", "second", "third"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, houseOf(c).receivers(tt.m)); diff != "" {
			t.Errorf("level %d, %s %s, everybody %v (-want +got):\n%s", tt.m.Level, tt.m.Severity, tt.m.Event, tt.m.Everybody, diff)
		}
	}
}

// TestHoldWhenIsAskedAndAnswersQuerySteps: the query of [guards] reaches the
// Prometheus of the configuration, and query steps are answered from there.
func TestHoldWhenIsAskedAndAnswersQuerySteps(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result := `[]`
		if strings.HasPrefix(r.FormValue("query"), "freeze") {
			result = `[{"metric":{},"value":[` + r.FormValue("time") + `,"1"]}]`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":%s}}`, result)
	}))
	defer server.Close()
	ask := func(holdWhen string) (trigger.Reading, *sources) {
		t.Helper()
		c := parse(t, strings.Replace(shop, "http://127.0.0.1:1", server.URL, 1)+"[guards]\nhold_when = \""+holdWhen+"\"\n")
		h := newHouse(Options{Clock: clock.New(), Logger: hclog.NewNullLogger()}, c)
		var err error
		if h.observer, err = source.NewObserver(h.registry); err != nil {
			t.Fatal(err)
		}
		s := newSources(h)
		g := &generation{polling: pollingOf(c)}
		if err := s.makePolling(g, c); err != nil {
			t.Fatal(err)
		}
		s.current.Store(g)
		if !h.brainOptions(c).Guards.HoldWhen {
			t.Error("the brain does not know that there is a hold_when")
		}
		return s.Read(t.Context(), h.o.Clock.Now(), []string{incident.HoldWhenMetric}, "checkout")[incident.HoldWhenMetric].Reading(""), s
	}
	if r, _ := ask("freeze > 0"); r.Presence != trigger.Known {
		t.Errorf("while it returns something: %+v, want it known", r)
	}
	r, s := ask("thaw > 0")
	if r.Presence != trigger.Missing {
		t.Errorf("while it returns nothing: %+v, want it missing", r)
	}
	for query, want := range map[string]bool{"freeze > 0": true, "thaw > 0": false} {
		if holds, _, err := s.Holds(t.Context(), query); err != nil || holds != want {
			t.Errorf("%s: %v, %v, want %v", query, holds, err, want)
		}
	}
	s.current.Store(nil)
	if _, _, err := s.Holds(context.Background(), "freeze"); err == nil {
		t.Error("a query was answered without a Prometheus")
	}
	server.CloseClientConnections()
}
