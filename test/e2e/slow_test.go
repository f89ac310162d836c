package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// tarpit is a Prometheus that, unless it is quick, answers each question ten
// seconds late, and remembers how many it was asked, and how many at the same time.
// A question that nobody waits for any more is over for it once it notices, as for
// Prometheus: under load that is later than the next question, so how many were in
// flight at most is not read from it.
type tarpit struct {
	mu             sync.Mutex
	asked, running int
	most           int
	quick          bool
	value          string
}

func (p *tarpit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // a client's end is noticed only once its body is read
	p.mu.Lock()
	p.asked++
	p.running++
	p.most = max(p.most, p.running)
	quick, value := p.quick, p.value
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running--
	}()
	if !quick {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Second):
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(begin + `{"metric":{"service":"checkout"},"value":[1700000000,"` + value + `"]}]}}`))
}

// become makes it quick or slow, with a value, and counts anew.
func (p *tarpit) become(quick bool, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quick, p.value, p.asked, p.most = quick, value, 0, 0
}

func (p *tarpit) look() (asked, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.most
}

// TestH52ASlowPrometheus has a Prometheus that becomes so slow that it answers
// after ten seconds, of eight metrics: few questions are in flight, none wait in a
// queue, and what it would say is unknown and no breach. Quick again it is believed.
func TestH52ASlowPrometheus(t *testing.T) {
	t.Parallel()
	pit := &tarpit{quick: true, value: "0.001"}
	server := httptest.NewServer(pit)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	var triggers, metrics strings.Builder
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		metrics.WriteString("\n[metrics." + name + "]\nquery = 'max by (service) (" + name + ")'\nunit = \"ratio\"\n")
		triggers.WriteString(name + " = { when = \"" + name + " > 1% for 4s\", severity = \"critical\" }\n")
	}
	w := world.New(t, world.Options{Program: program, PrometheusURL: server.URL, Triggers: triggers.String(), More: metrics.String()})
	w.Start()
	w.AwaitWell("a", "h")
	w.Deploy(t, "v2")
	pit.become(false, "0.08")
	began := w.Daemon.Sum(t, "rollbackd_evaluation_duration_seconds")
	w.AwaitTicks(12)
	asked, most := pit.look()
	if most < 2 {
		t.Errorf("at most %d questions were in flight, want several at once", most)
	}
	// A question may take as long as a tick, so that none ends before its tick has
	// given up: what a tick asks is what was in flight; and what it could not ask is
	// not asked later.
	if ticks := w.Daemon.Sum(t, "rollbackd_evaluation_duration_seconds") - began; float64(asked) > 4*(ticks+2) {
		t.Errorf("%d questions in %.0f ticks of 8 metrics, want at most 4 a tick", asked, ticks)
	}
	for _, tr := range w.Daemon.Service(t, w.Name).Triggers {
		if tr.Truth != "unknown" || tr.State == "pending" || tr.State == "firing" {
			t.Errorf("trigger %s is %s and %s, want unknown", tr.Name, tr.State, tr.Truth)
		}
	}
	if list := w.Daemon.Incidents(t, w.Name); len(list) != 0 || len(w.Steps()) != 0 {
		t.Errorf("incidents %+v and steps %q, want none", list, w.Steps())
	}
	w.Inbox.Await(t, "blind", soon)
	pit.become(true, "0.08")
	i := w.Daemon.AwaitIncident(t, w.Name, soon, func(i world.Incident) bool { return i.Rollback != nil })
	if i.Rollback.To != "v1" || len(i.Triggers) == 0 {
		t.Errorf("rolled back to %q for %d triggers, want v1", i.Rollback.To, len(i.Triggers))
	}
}
