package responder_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
)

// daysWork is a rollback on the real brain whose journal fails at some point,
// until a restart, and what came of it.
type daysWork struct {
	w *world
	// told are the events that people were told of past the journal.
	told []string
}

// work rolls back, each step taking a minute, on a journal that answers as refuse says.
func work(t *testing.T, refuse func(n int, m journal.Meta) error) *daysWork {
	t.Helper()
	return workAnd(t, refuse, func(*responder.Responder) {})
}

// workAnd is work, with something that happens meanwhile.
func workAnd(t *testing.T, refuse func(n int, m journal.Meta) error, meanwhile func(r *responder.Responder)) *daysWork {
	t.Helper()
	d := &daysWork{w: &world{refuse: refuse}}
	d.w.run = func(ctx context.Context, _ action.Request) action.Result {
		select {
		case <-time.After(time.Minute):
			return action.Result{State: action.Done}
		case <-ctx.Done():
			return action.Result{State: action.Uncertain, Interrupted: true}
		}
	}
	var mu sync.Mutex
	o := d.w.real(t, 5*time.Minute)
	o.Tell = func(m incident.Message) {
		mu.Lock()
		defer mu.Unlock()
		d.told = append(d.told, m.Event)
	}
	r, stop := begin(t, o)
	now := time.Now().UTC()
	r.Submit(incident.Restored{To: now})
	r.Submit(incident.Deployed{Service: "checkout", Version: "v2", Previous: "v1", At: now, Source: "command"})
	if _, err := r.Do(t.Context(), incident.Command{Verb: "rollback", Service: "checkout", Actor: "alice", Reason: "because"}); err != nil {
		t.Fatal(err)
	}
	meanwhile(r)
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	stop()
	return d
}

// startAgain starts on what is in the journal, on a disk that is well again.
func (d *daysWork) startAgain(t *testing.T) *incident.Brain {
	t.Helper()
	d.w.mu.Lock()
	d.w.refuse = nil
	d.w.mu.Unlock()
	from := time.Now().UTC()
	o := d.w.real(t, 5*time.Minute)
	r, stop := begin(t, o)
	r.Submit(incident.Restored{DownFrom: from, To: from})
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	stop()
	return o.Brain
}

// count is how often a kind is on record, for a step of a name where it has one.
func (d *daysWork) count(kind incident.Kind, step string) (n int) {
	for _, e := range d.w.entries {
		if e.Kind == kind && (step == "" || e.Step.Ref.Name == step) {
			n++
		}
	}
	return n
}

// spared is a disk that is full once the n-th entry is written: only what may
// spend the reserve is taken from there on.
func spared(from func(m journal.Meta) bool) func(int, journal.Meta) error {
	full := false
	return func(_ int, m journal.Meta) error {
		full = full || from(m)
		if full && !m.Spend {
			return fmt.Errorf("%w: test", journal.ErrFull)
		}
		return nil
	}
}

func TestDiskFullBeforeTheFirstStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := work(t, spared(func(m journal.Meta) bool { return m.Kind == string(incident.KindStepBegun) }))
		if got := d.w.ran(); len(got) != 0 {
			t.Errorf("%q ran without a record", got)
		}
		if diff := cmp.Diff([]string{"journal_failed"}, d.told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestDiskFullAfterTheFirstStepBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		d := work(t, spared(func(m journal.Meta) bool {
			if m.Kind == string(incident.KindStepBegun) {
				begun++
			}
			return begun == 3 // the built-in check, flip, and now restart
		}))
		if diff := cmp.Diff([]string{"flip", "restart"}, d.w.ran()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if d.count(incident.KindVerifying, "") != 1 || d.count(incident.KindStepEnded, "restart") != 1 {
			t.Errorf("the rollback did not come to its end: %v", d.w.kinds())
		}
	})
}

// TestDiskFullWhileTheVersionChanges: the brain takes in what happened in order,
// so what a source sees while a step runs stands before the end of that step.
func TestDiskFullWhileTheVersionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := workAnd(t, spared(func(m journal.Meta) bool { return m.Kind == string(incident.KindRunning) }), func(r *responder.Responder) {
			time.Sleep(90 * time.Second) // within restart
			r.Submit(incident.VersionSeen{Service: "checkout", Version: "v1", At: time.Now().UTC(), Source: "symlink"})
		})
		if d.count(incident.KindRunning, "")+d.count(incident.KindDeployment, "") < 2 {
			t.Fatalf("nothing was seen to run while the step ran: %v", d.w.kinds())
		}
		if d.count(incident.KindVerifying, "") != 1 || d.count(incident.KindStepEnded, "restart") != 1 {
			t.Errorf("the rollback did not come to its end: %v", d.w.kinds())
		}
	})
}

// TestJournalLostAtAnyEntry: from any entry on nothing can be written any more, as
// after a sync that failed, or on a file system that became read-only. No step
// begins that is not on record; people are told; and the next start, on a disk
// that is well, goes on from what is on record: no step is run twice.
func TestJournalLostAtAnyEntry(t *testing.T) {
	var whole int
	synctest.Test(t, func(t *testing.T) { whole = len(work(t, nil).w.entries) })
	if whole < 10 {
		t.Fatalf("an undisturbed rollback has %d entries, want more", whole)
	}
	finished := 0
	for lost := range whole {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := work(t, func(n int, _ journal.Meta) error {
					if n >= lost {
						return fmt.Errorf("%w: input/output error", journal.ErrLost)
					}
					return nil
				})
				if !slices.Contains(d.told, "journal_failed") || len(d.told) > 2 {
					t.Errorf("told %q, want that the journal failed, once or twice", d.told)
				}
				ran := len(d.w.ran())
				for _, step := range d.w.ran() {
					if d.count(incident.KindStepBegun, step) != 1 {
						t.Errorf("%s ran and its intent is not on record: %v", step, d.w.kinds())
					}
				}
				b := d.startAgain(t)
				for _, step := range []string{"flip", "restart"} {
					if n := len(slices.DeleteFunc(d.w.ran(), func(name string) bool { return name != step })); n > 1 {
						t.Errorf("%s was run %d times: %q", step, n, d.w.ran())
					}
				}
				if ran == 1 && !slices.Contains(d.w.ran(), "restart") {
					t.Errorf("the rollback was not taken up again: %q, %v", d.w.ran(), d.w.kinds())
				}
				if slices.Contains(d.w.kinds(), incident.KindVerifying) {
					finished++
				}
				live, err := b.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				replayed, err := d.w.remembering().Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(live), string(replayed)); diff != "" {
					t.Errorf("replayed memory differs (-live +replayed):\n%s", diff)
				}
			})
		})
	}
	if finished == 0 {
		t.Error("no rollback was ever finished after its journal was lost")
	}
}
