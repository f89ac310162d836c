package incident_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// lasting is a journal as it is once the details of what it says to forget are gone.
func lasting(entries []incident.Entry) (left []incident.Entry, removed int) {
	left = slices.Clone(entries)
	for at, e := range entries {
		if e.Forgotten == nil {
			continue
		}
		for i := range left[:at] {
			if !slices.Contains(e.Forgotten.Incidents, left[i].Incident) {
				continue
			}
			if short, ok := left[i].Lasting(); ok {
				left[i], removed = short, removed+1
			}
		}
	}
	return left, removed
}

// closedIDs are the incidents that have closed, and openIDs those that have not.
func closedIDs(entries []incident.Entry) (closed, open []string) {
	for _, e := range entries {
		switch e.Kind {
		case incident.KindOpened, incident.KindReopened:
			closed = slices.DeleteFunc(closed, func(id string) bool { return id == e.Incident })
			open = append(open, e.Incident)
		case incident.KindClosed:
			open = slices.DeleteFunc(open, func(id string) bool { return id == e.Incident })
			closed = append(closed, e.Incident)
		}
	}
	return closed, open
}

// TestAReplayWithoutDetailsRemembersTheSame lets chance happen, forgets some of the
// closed incidents, and goes on. Whether the details are still there or not, a replay
// gives what is remembered, byte for byte.
func TestAReplayWithoutDetailsRemembersTheSame(t *testing.T) {
	runs, total := 40, 0
	if testing.Short() {
		runs = 8
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 11))
		o := options("auth", "cart", "shop")
		variety(&o, "shop", r)
		variety(&o, "auth", r)
		grouped(&o, r)
		w := newWorld(t, o)
		for _, name := range []string{"flip", "restart", "logs", "backup exists"} {
			w.results[name] = []incident.StepResult{{State: incident.StepDone, Output: "written by " + name}}
		}
		w.set(0.001, "auth", "cart", "shop")
		w.run(time.Minute)
		for range 3 {
			for range 60 {
				chance(w, r)
			}
			w.full = false
			w.run(2 * time.Minute)
			closed, open := closedIDs(w.journal)
			r.Shuffle(len(closed), func(i, j int) { closed[i], closed[j] = closed[j], closed[i] })
			w.give(incident.Forget{Before: w.now.Add(-time.Second), Incidents: append(open, closed[:len(closed)/2]...)})
			left, removed := lasting(w.journal)
			total += removed
			remembersTheSame(t, w, left)
		}
		if t.Failed() {
			t.Fatalf("in the world of seed %d", seed)
		}
	}
	if total < 5*runs {
		t.Errorf("only %d entries had details to remove: this shows little", total)
	}
}

func remembersTheSame(t *testing.T, w *world, left []incident.Entry) {
	t.Helper()
	live, _ := w.brain.Snapshot()
	for name, entries := range map[string][]incident.Entry{"with": w.journal, "without": left} {
		b := incident.New(w.opts)
		for _, e := range entries {
			b.Apply(e)
		}
		if replayed, _ := b.Snapshot(); string(replayed) != string(live) {
			t.Errorf("a replay %s details differs from what is remembered", name)
		}
	}
	_, open := closedIDs(w.journal)
	for _, e := range w.journal {
		if e.Forgotten == nil {
			continue
		}
		for _, id := range e.Forgotten.Incidents {
			if slices.Contains(open, id) && e.At.Equal(w.now) {
				t.Errorf("the open incident %s was forgotten", id)
			}
		}
	}
}

// TestDetailsAreOnePiece holds what the journal needs: an entry's lasting form is its
// JSON with one piece cut out.
func TestDetailsAreOnePiece(t *testing.T) {
	code := 3
	result := incident.StepResult{
		State: incident.StepFailed, ExitCode: &code, Output: `{"output":"<b>\n\"`, Error: "exit status 3", NothingChanged: true, StartedAt: start, EndedAt: start,
	}
	value := 0.08
	entries := []incident.Entry{
		{Kind: incident.KindStepEnded, Step: &incident.StepEntry{Ref: incident.StepRef{Run: "r", Name: "flip"}, Changes: true, Result: &result}},
		{Kind: incident.KindCaptured, Captured: &incident.Capturing{Name: "logs", Result: result}},
		{Kind: incident.KindDecided, Samples: []incident.Series{{Trigger: "errors", Points: []incident.Point{{At: start, Value: &value, Truth: "breach"}}}}},
	}
	for _, e := range entries {
		e.At, e.Service, e.Incident, e.Actor, e.Text, e.Config = start, "checkout", "checkout-1", "rollbackd", "text", "hash"
		short, ok := e.Lasting()
		if !ok {
			t.Errorf("%s has no details", e.Kind)
		}
		whole, _ := json.Marshal(e)
		rest, _ := json.Marshal(short)
		if !isOnePieceLess(string(whole), string(rest)) {
			t.Errorf("%s: more than one piece is gone:\n%s\n%s", e.Kind, whole, rest)
		}
		if _, again := short.Lasting(); again {
			t.Errorf("%s: what lasts has details still", e.Kind)
		}
		if e.Incident = ""; e.Kind == incident.KindStepEnded {
			if _, ok := e.Lasting(); ok {
				t.Error("an entry about no incident has details that nobody could remove")
			}
		}
	}
}

func isOnePieceLess(whole, rest string) bool {
	for at := range len(rest) + 1 {
		if strings.HasPrefix(whole, rest[:at]) && strings.HasSuffix(whole, rest[at:]) {
			return len(whole) > len(rest)
		}
	}
	return false
}

func TestForgettingLeavesOutWhatIsYoung(t *testing.T) {
	w := newWorld(t, options("cart"))
	w.results["flip"] = []incident.StepResult{{State: incident.StepDone, Output: "flipped"}}
	w.set(0.001, "cart")
	w.run(time.Minute)
	w.deploy("cart", "v1", "")
	w.run(2 * time.Hour)
	w.deploy("cart", "v2", "v1")
	w.set(0.08, "cart")
	w.run(5 * time.Minute)
	w.set(0.001, "cart")
	w.run(30 * time.Minute)
	inc := w.incident("cart")
	if inc.State != incident.Closed || !strings.Contains(written(inc), "flipped") {
		t.Fatalf("the world is another one: %s %q", inc.State, written(inc))
	}
	before := len(w.journal)
	w.give(incident.Forget{Before: inc.ClosedAt, Incidents: []string{inc.ID}})
	if len(w.journal) != before {
		t.Errorf("an incident that closed just then was forgotten: %q", w.journal[before].Text)
	}
	w.give(incident.Forget{Before: inc.ClosedAt.Add(1), Incidents: []string{inc.ID, "cart-of-old"}})
	if len(w.journal) != before+1 || fmt.Sprint(w.journal[before].Forgotten.Incidents) != fmt.Sprint([]string{inc.ID, "cart-of-old"}) {
		t.Fatalf("got %d more entries, want one that names both", len(w.journal)-before)
	}
	if got := written(w.incident("cart")); got != "" {
		t.Errorf("the output %q is still remembered", got)
	}
	if w.incident("cart").Samples != nil {
		t.Error("the samples are still remembered")
	}
}

// written is what the steps of an incident's rollback wrote.
func written(inc *incident.Incident) (all string) {
	if inc.Rollback == nil {
		return ""
	}
	for _, s := range inc.Rollback.Steps {
		all += s.Output
	}
	return all
}
