package incident_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// TestSummariesAreThoseOfTheEntries keeps a table as the daemon does, with each
// entry as it is recorded, and compares it with what the entries fold to.
func TestSummariesAreThoseOfTheEntries(t *testing.T) {
	for seed := range 15 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 11))
			o := options("auth", "cart", "shop")
			repeatable(&o, "cart")
			variety(&o, "shop", r)
			grouped(&o, r)
			guarded(&o, r)
			w := newWorld(t, o)
			w.set(0.001, "auth", "cart", "shop")
			w.run(time.Minute)
			for range 250 {
				if r.IntN(5) == 0 {
					planChance(w, r)
				} else {
					chance(w, r)
				}
			}
			compareSummaries(t, w)
		})
	}
}

func compareSummaries(t *testing.T, w *world) {
	t.Helper()
	b, table, own := incident.New(w.opts), map[string]string{}, map[string][]incident.Entry{}
	for n, e := range w.journal {
		var before []byte
		if n%20 == 0 {
			before, _ = b.Snapshot()
		}
		s, changed := b.SummaryAfter(e)
		if n%20 == 0 {
			if after, _ := b.Snapshot(); string(before) != string(after) {
				t.Fatalf("summing up %s changed what is remembered", e.Kind)
			}
		}
		if changed {
			table[s.ID] = asJSON(t, s)
		}
		b.Apply(e)
		if e.Incident != "" {
			own[e.Incident] = append(own[e.Incident], e)
		}
	}
	want := map[string]string{}
	for id, entries := range own {
		want[id] = asJSON(t, incident.Fold(entries).Summary())
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table is not what the entries say (-entries +table):\n%s", diff)
	}
	maps.DeleteFunc(want, func(id, _ string) bool { _, known := b.Incident(id); return !known })
	for _, i := range b.Incidents() {
		if got := asJSON(t, i.Summary()); got != want[i.ID] {
			t.Errorf("in memory %s is\n%s, want\n%s", i.ID, got, want[i.ID])
		}
	}
}

// asJSON is a summary as the table has it, after it was read back.
func asJSON(t *testing.T, s incident.Summary) string {
	t.Helper()
	written, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back incident.Summary
	if err := json.Unmarshal(written, &back); err != nil {
		t.Fatalf("%s: %v", written, err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(written) {
		t.Fatalf("read back, %s is %s: %v", written, again, err)
	}
	return string(written)
}

func TestSummary(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	yes, well := true, incident.StepRun{Name: "undo", State: incident.StepDone, Attempts: 1}
	blocked := &incident.Run{State: incident.RunBlocked, Steps: []incident.StepRun{{Name: "undo"}}}
	partial := &incident.Run{State: incident.RunPartial, Changed: true, Steps: []incident.StepRun{well}}
	inc := &incident.Incident{
		ID: "inc-1", Service: "checkout", Severity: trigger.High, Mode: "live", State: incident.Closed, Outcome: incident.RolledBack,
		OpenedAt: at, ClosedAt: at.Add(time.Hour), Deployment: &incident.Deployment{Version: "v2"},
		Triggers: []incident.Evidence{
			{Name: "slow", Since: at.Add(-time.Minute), FiredAt: at.Add(time.Minute)},
			{Name: "errors", Since: at.Add(-2 * time.Minute), FiredAt: at},
		},
		EarlierRollbacks: []*incident.Run{blocked, partial},
		Rollback: &incident.Run{
			State: incident.RunCompleted, From: "v2", To: "v1", Automatic: true, Changed: true, StartedAt: at, EndedAt: at.Add(3 * time.Minute),
			DurationSeconds: 180, SLASeconds: 900, SLAMet: &yes, Steps: []incident.StepRun{well},
		},
	}
	detection := 120.0
	want := incident.Summary{
		ID: "inc-1", Service: "checkout", Severity: trigger.High, Mode: "live", State: incident.Closed, Outcome: incident.RolledBack,
		OpenedAt: at, ClosedAt: at.Add(time.Hour), Triggers: []string{"slow", "errors"}, Version: "v2", DetectionSeconds: &detection,
		Rollback: &incident.RunSummary{
			State: incident.RunCompleted, From: "v2", To: "v1", Automatic: true, StartedAt: at, EndedAt: at.Add(3 * time.Minute),
			DurationSeconds: 180, SLASeconds: 900, SLAMet: &yes,
		},
		RollbacksStarted: 2, RollbacksEnded: 2, RollbacksCompleted: 1, Changed: true,
	}
	if diff := cmp.Diff(want, inc.Summary()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
