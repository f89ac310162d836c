package responder_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
)

func message(headline incident.Headline, receivers ...string) *incident.Message {
	return &incident.Message{
		ID: "inc-1/opened", At: time.Unix(100, 0).UTC(), Headline: headline, FirstLine: string(headline) + " checkout v2 → v1", Receivers: receivers,
	}
}

func TestMessageGoesWithItsEntry(t *testing.T) {
	opened := record(incident.KindStoodDown)
	opened.Message = message(incident.HeldHeadline, "ops", "boss")
	w := &world{step: on[incident.VersionSeen](opened)}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		payload, err := json.Marshal(opened.Message)
		if err != nil {
			t.Fatal(err)
		}
		want := []journal.Outgoing{
			{ID: "inc-1/opened", Receiver: "ops", At: opened.Message.At, Payload: payload},
			{ID: "inc-1/opened", Receiver: "boss", At: opened.Message.At, Payload: payload},
		}
		if diff := cmp.Diff(want, w.out); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if w.pokes != 1 {
			t.Errorf("the outbox was poked %d times, want once", w.pokes)
		}
		if got := w.log.String(); !strings.Contains(got, "[WARN]  HELD checkout v2 → v1: kind=stood_down service=checkout incident=inc-1") {
			t.Errorf("log:\n%s", got)
		}
	})
}

func TestEveryTransitionIsLogged(t *testing.T) {
	recovered := record(incident.KindStoodDown)
	recovered.Message = message(incident.RecoveredHead)
	w := &world{step: on[incident.VersionSeen](record(incident.KindAcked), record(incident.KindSeen), recovered)}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		for _, want := range []string{"[INFO]  it is acked: kind=acked", "[DEBUG] it is seen", "[INFO]  RECOVERED checkout v2 → v1"} {
			if got := w.log.String(); !strings.Contains(got, want) {
				t.Errorf("no %q in the log:\n%s", want, got)
			}
		}
		if len(w.out) != 0 || w.pokes != 0 {
			t.Errorf("%d messages, %d pokes: want none, it has no receivers", len(w.out), w.pokes)
		}
	})
}

func TestNothingFollowsAnEntryThatIsNotDurable(t *testing.T) {
	begun := intent(undo())
	begun.Message = message(incident.Acting, "ops")
	reg := prometheus.NewRegistry()
	w := &world{full: errFull}
	w.step = on[incident.VersionSeen](begun, incident.Start{Ref: undo()})
	inBubble(t, w, gathered(reg), func(in bubble) {
		t, r := in.T, in.r
		entries, cancel := r.Subscribe()
		defer cancel()
		r.Submit(seen("v1"))
		synctest.Wait()
		want := []incident.Input{seen("v1"), incident.RecordFailed{Err: "disk full"}}
		if diff := cmp.Diff(want, w.took()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(w.requests) != 0 || len(entries) != 0 || w.pokes != 0 {
			t.Errorf("%d steps, %d entries shown, %d pokes: want none of it", len(w.requests), len(entries), w.pokes)
		}
		if got := value(t, reg, "rollbackd_journal_write_failures_total"); got != 1 {
			t.Errorf("%v failures counted, want 1", got)
		}
		if got := w.log.String(); !strings.Contains(got, "[ERROR]") || !strings.Contains(got, "ACTING checkout v2 → v1") {
			t.Errorf("the log does not say what could not be told:\n%s", got)
		}
	})
}

// TestTellNeedsNoJournal: what people must know at once reaches them past a
// journal that cannot be written.
func TestTellNeedsNoJournal(t *testing.T) {
	w := &world{full: errFull}
	w.step = func(_ time.Time, in incident.Input) []incident.Effect {
		switch in.(type) {
		case incident.VersionSeen:
			return []incident.Effect{record(incident.KindOpened)}
		case incident.RecordFailed:
			return []incident.Effect{incident.Tell{Message: *message(incident.WaitingForYou, "ops")}}
		}
		return nil
	}
	var told []incident.Message
	change := func(o *responder.Options) { o.Tell = func(m incident.Message) { told = append(told, m) } }
	inBubble(t, w, change, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		if diff := cmp.Diff([]incident.Message{*message(incident.WaitingForYou, "ops")}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := w.log.String(); !strings.Contains(got, "[ERROR] WAITING FOR YOU checkout v2 → v1") {
			t.Errorf("it was not logged:\n%s", got)
		}
	})
}

// life is an incident from its opening to its end, as entries and the input
// that led to each.
func life(now time.Time, in incident.Input) []incident.Effect {
	entry := func(kind incident.Kind, fill func(e *incident.Entry)) incident.Effect {
		r := record(kind)
		r.Entry.At = now
		fill(&r.Entry)
		return r
	}
	check := undo()
	check.Section, check.Name = incident.SectionPrepare, "plan can run"
	switch in := in.(type) {
	case incident.VersionSeen:
		evidence := incident.Evidence{Since: now.Add(-62 * time.Second), FiredAt: now.Add(-time.Second), Length: time.Minute}
		return []incident.Effect{
			entry(incident.KindOpened, func(e *incident.Entry) { e.Opened = &incident.OpenedEntry{Triggers: []incident.Evidence{evidence}} }),
			entry(incident.KindDecided, func(e *incident.Entry) {
				e.Decided = &incident.Decision{Response: evaluator.Response{Directness: evaluator.Rollback}}
			}),
			incident.Read{ID: "r", Kind: incident.Confirm, Service: "checkout"},
		}
	case incident.Samples:
		return []incident.Effect{
			entry(incident.KindPlanned, func(e *incident.Entry) { e.Planned = &incident.Run{ID: undo().Run, DecidedAt: now} }),
			intent(check),
			incident.Start{Ref: check, Do: json.RawMessage(`[]`)},
		}
	case incident.StepEnded:
		if in.Ref == check {
			return []incident.Effect{ended(in.Ref, in.Result), intent(undo()), incident.Start{Ref: undo()}}
		}
		return []incident.Effect{
			ended(in.Ref, in.Result),
			incident.WakeAt{T: now.Add(20 * time.Second)},
			entry(incident.KindVerifying, func(*incident.Entry) {}),
		}
	case incident.Deployed:
		return []incident.Effect{
			entry(incident.KindRunEnded, func(e *incident.Entry) {
				e.RunEnded = &incident.RunEndedEntry{Run: undo().Run, State: incident.RunCompleted, SLAMet: true}
			}),
			entry(incident.KindClosed, func(e *incident.Entry) { e.Closed = &incident.ClosedEntry{Outcome: incident.RolledBack} }),
		}
	}
	return nil
}

func TestMetricsOfAnIncident(t *testing.T) {
	reg := prometheus.NewRegistry()
	w := &world{step: life}
	inBubble(t, w, gathered(reg), func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v2"))
		synctest.Wait()
		if got := value(t, reg, "rollbackd_incidents_open"); got != 1 {
			t.Errorf("%v incidents open, want 1", got)
		}
		time.Sleep(40 * time.Second)
		r.Submit(incident.Deployed{})
		synctest.Wait()
		const want = `
# HELP rollbackd_decisions_total Decisions, by response and by the guard that held it.
# TYPE rollbackd_decisions_total counter
rollbackd_decisions_total{held_by="",response="rollback"} 1
# HELP rollbackd_incidents_open Incidents that are not closed.
# TYPE rollbackd_incidents_open gauge
rollbackd_incidents_open 0
# HELP rollbackd_incidents_total Incidents closed, by outcome.
# TYPE rollbackd_incidents_total counter
rollbackd_incidents_total{outcome="fixed_forward",service="checkout"} 0
rollbackd_incidents_total{outcome="recovered",service="checkout"} 0
rollbackd_incidents_total{outcome="rolled_back",service="checkout"} 1
rollbackd_incidents_total{outcome="unresolved",service="checkout"} 0
rollbackd_incidents_total{outcome="vetoed",service="checkout"} 0
# HELP rollbackd_journal_last_write_timestamp_seconds When the last journal entry was made durable.
# TYPE rollbackd_journal_last_write_timestamp_seconds gauge
rollbackd_journal_last_write_timestamp_seconds 9.4668484e+08
# HELP rollbackd_rollback_sla_met_total Rollbacks that ended within their SLA.
# TYPE rollbackd_rollback_sla_met_total counter
rollbackd_rollback_sla_met_total 1
# HELP rollbackd_rollbacks_total Rollbacks that ended, by exit state.
# TYPE rollbackd_rollbacks_total counter
rollbackd_rollbacks_total{service="checkout",state="aborted"} 0
rollbackd_rollbacks_total{service="checkout",state="blocked"} 0
rollbackd_rollbacks_total{service="checkout",state="completed"} 1
rollbackd_rollbacks_total{service="checkout",state="partial"} 0
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "rollbackd_decisions_total", "rollbackd_incidents_open",
			"rollbackd_incidents_total", "rollbackd_journal_last_write_timestamp_seconds", "rollbackd_rollback_sla_met_total",
			"rollbackd_rollbacks_total"); err != nil {
			t.Error(err)
		}
		sums := map[string]float64{
			"rollbackd_detection_overshoot_seconds": 2, "rollbackd_rollback_duration_seconds": 40, "rollbackd_decision_to_action_seconds": 0,
		}
		for name, want := range sums {
			if count, sum := histogram(t, reg, name); count != 1 || sum != want {
				t.Errorf("%s: %d observations of %v together, want one of %v", name, count, sum, want)
			}
		}
		if count, _ := histogram(t, reg, "rollbackd_journal_write_duration_seconds"); count != uint64(len(w.entries)) {
			t.Errorf("%d journal writes timed, want %d", count, len(w.entries))
		}
	})
}

func histogram(t *testing.T, reg *prometheus.Registry, name string) (count uint64, sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatalf("no histogram %s", name)
	return 0, 0
}
