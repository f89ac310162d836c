package incident_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
)

// A slip of the pen starts no plan: where a person's rollback goes must be known.
func TestARollbackToAVersionThatNobodyKnows(t *testing.T) {
	ask := func(w *world, to string, unseen bool) incident.Reply {
		return w.say(incident.Command{Verb: "rollback", Actor: "alice", To: to, Unseen: unseen})
	}
	t.Run("it is refused", func(t *testing.T) {
		w := sourced(t)
		r := ask(w, "v22", false)
		for _, part := range []string{"v22", "known are v3, v2, v1", `did you mean "v2"?`} {
			if !strings.Contains(r.Err, part) {
				t.Errorf("refused with %q; want %q in it", r.Err, part)
			}
		}
		if r.Guard != incident.GuardNoTarget || len(w.started) > 0 {
			t.Errorf("reply %+v, %d steps started", r, len(w.started))
		}
		_, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: "shop", To: "v22"}, w.now)
		if _, is := errors.AsType[*incident.NotKnownError](err); !is || !strings.Contains(err.Error(), r.Err) {
			t.Errorf("a rehearsal to it: %v", err)
		}
	})
	t.Run("it is meant", func(t *testing.T) {
		w := sourced(t)
		if r := ask(w, "v22", true); r.Err != "" {
			t.Fatalf("refused: %s", r.Err)
		}
		if run := w.incident("shop").Rollback; run.To != "v22" || len(w.steps()) == 0 {
			t.Errorf("it goes to %s, steps %v", run.To, w.steps())
		}
		if r, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: "shop", To: "v23", Unseen: true}, w.now); err != nil || r.Refused != nil {
			t.Errorf("a rehearsal to it: %+v, %v", r, err)
		}
	})
	t.Run("it was named as previous", func(t *testing.T) {
		w := sourced(t)
		w.give(incident.VersionSeen{Service: "shop", Version: "v4", At: w.now, Source: "symlink"})
		w.deploy("shop", "v5", "v4-hotfix")
		if r := ask(w, "v4-hotfix", false); r.Err != "" {
			t.Errorf("refused: %s", r.Err)
		}
	})
	t.Run("nothing is known of any", func(t *testing.T) {
		w := newWorld(t, options("shop"))
		if r := ask(w, "v1", false); r.Err != "" {
			t.Errorf("refused: %s", r.Err)
		}
	})
}
