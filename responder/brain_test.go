package responder_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// twoSteps is a service that a person can roll back.
func twoSteps() incident.Options {
	step := func(name string) incident.PlanStep {
		return incident.PlanStep{
			Name: name, Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, Do: json.RawMessage(`{"kind":"exec","argv":["` + name + `"]}`),
		}
	}
	return incident.Options{
		Hash: "test", Poll: 15 * time.Second, MaxGap: 45 * time.Second, Matrix: evaluator.DefaultMatrix("1", time.Minute),
		Decide: incident.Decide{Approvals: map[string]int{"any": 1}},
		Guards: incident.Guards{PerServiceCount: 2, PerServiceWithin: time.Hour, MaxConcurrent: 2, MaxPerHour: 5},
		Services: map[string]incident.ServiceOptions{"checkout": {
			Name: "checkout", Tier: "1",
			Deployment: incident.DeploymentOptions{Required: true, BlameWindow: time.Hour, MaxBack: 1},
			Plan: &incident.Plan{
				Name: "undo", Timeout: time.Hour, Steps: []incident.PlanStep{step("flip"), step("restart")},
				Verify: incident.Verify{Settle: time.Minute, Hold: time.Minute, Within: 10 * time.Minute},
			},
		}},
	}
}

// remembering is a brain that has replayed what is in the journal.
func (w *world) remembering() *incident.Brain {
	b := incident.New(twoSteps())
	for _, e := range w.entries {
		b.Apply(e)
	}
	return b
}

// ran are the names of the steps that were run, with "resumed" before those
// that an earlier daemon had begun.
func (w *world) ran() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, r := range w.requests {
		switch {
		case r.Section == "prepare": // it runs nothing
		case r.Resume:
			names = append(names, "resumed "+r.Name)
		default:
			names = append(names, r.Name)
		}
	}
	return names
}

// TestRollbackGoesOnAfterAnOrderlyRestart has the real brain stopped within the
// first of two steps: that step is finished and recorded, the second is left to
// the next start, and none runs twice.
func TestRollbackGoesOnAfterAnOrderlyRestart(t *testing.T) {
	tests := []struct {
		name  string
		grace time.Duration
		// stop is how long stopping takes, first what ran before, second after.
		stop          time.Duration
		first, second []string
	}{
		{"the step ends in time", 5 * time.Minute, 50 * time.Second, []string{"flip"}, []string{"flip", "restart"}},
		{"the step outlives the grace", 20 * time.Second, 20 * time.Second, []string{"flip"}, []string{"flip", "resumed flip", "restart"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{}
				w.run = func(ctx context.Context, _ action.Request) action.Result {
					select {
					case <-time.After(time.Minute):
						return action.Result{State: action.Done}
					case <-ctx.Done():
						return action.Result{State: action.Uncertain, Interrupted: true}
					}
				}
				r, stop := begin(t, w.real(t, tt.grace))
				rollBack(t, r)
				time.Sleep(10 * time.Second)
				stopping := time.Now()
				stop()
				synctest.Wait()
				if got := time.Since(stopping); got != tt.stop {
					t.Errorf("stopping took %s, want %s", got, tt.stop)
				}
				if diff := cmp.Diff(tt.first, w.ran()); diff != "" {
					t.Errorf("before the restart (-want +got):\n%s", diff)
				}

				from := time.Now().UTC()
				r, stop = begin(t, w.real(t, tt.grace))
				r.Submit(incident.Restored{DownFrom: from, To: time.Now().UTC()})
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if diff := cmp.Diff(tt.second, w.ran()); diff != "" {
					t.Errorf("after the restart (-want +got):\n%s", diff)
				}
				if !slices.Contains(w.kinds(), incident.KindVerifying) {
					t.Errorf("the rollback did not go on to its verification: %v", w.kinds())
				}
				stop()
			})
		})
	}
}

// real are the options of a responder with the real brain.
func (w *world) real(t *testing.T, grace time.Duration) responder.Options {
	t.Helper()
	o := w.options(t)
	o.Drive, o.Brain, o.StepGrace = nil, w.remembering(), grace
	return o
}

// rollBack has a person roll back from v2 to v1.
func rollBack(t *testing.T, r *responder.Responder) {
	t.Helper()
	now := time.Now().UTC()
	r.Submit(incident.Restored{To: now})
	r.Submit(incident.Deployed{Service: "checkout", Version: "v2", Previous: "v1", At: now, Source: "command"})
	reply, err := r.Do(t.Context(), incident.Command{Verb: "rollback", Service: "checkout", Actor: "alice", Reason: "because"})
	if err != nil || reply.Err != "" {
		t.Fatalf("rollback: %+v, %v", reply, err)
	}
}

func TestCommandOnAFullDiskIsRefusedAndNotLeftHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		r, stop := begin(t, w.real(t, time.Minute))
		r.Submit(incident.Restored{To: time.Now().UTC()})
		r.Submit(incident.Deployed{Service: "checkout", Version: "v2", Previous: "v1", At: time.Now().UTC(), Source: "command"})
		synctest.Wait()
		w.mu.Lock()
		w.full = errFull
		w.mu.Unlock()
		reply, err := r.Do(t.Context(), incident.Command{Verb: "rollback", Service: "checkout", Actor: "alice", Reason: "because"})
		if err != nil || reply.Code != "refused" || reply.Guard != incident.GuardJournal {
			t.Errorf("got %+v, %v; want it refused by the journal", reply, err)
		}
		if got := w.ran(); len(got) != 0 {
			t.Errorf("%q ran without a record", got)
		}
		stop()
	})
}
