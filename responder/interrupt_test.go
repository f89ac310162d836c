package responder_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// leavesAlone is a runner whose programs outlive it.
func leavesAlone(ctx context.Context, _ action.Request) action.Result {
	<-ctx.Done()
	return action.Result{State: action.Uncertain, Interrupted: true}
}

// TestInterruptRecordsWhatIsLeftRunning: whether or not the daemon is stopping
// already, a line a run says which step is left, and nothing is waited for.
func TestInterruptRecordsWhatIsLeftRunning(t *testing.T) {
	for _, stopping := range []bool{true, false} {
		t.Run(map[bool]string{true: "while stopping", false: "out of the blue"}[stopping], func(t *testing.T) {
			other := undo()
			other.Run, other.Incident, other.Service, other.Name = "inc-2/1", "inc-2", "search", "restart"
			w := &world{run: leavesAlone, step: on[incident.VersionSeen](intent(undo()), incident.Start{Ref: undo()}, intent(other), incident.Start{Ref: other})}
			inBubble(t, w, nil, func(in bubble) {
				t, r := in.T, in.r
				r.Submit(seen("v1"))
				synctest.Wait()
				if stopping {
					go in.stop()
					time.Sleep(time.Minute)
				}
				begun := time.Now()
				if err := r.Interrupt(t.Context()); err != nil {
					t.Error(err)
				}
				in.stop()
				synctest.Wait()
				if got := time.Since(begun); got != 0 {
					t.Errorf("ended after %s, want at once", got)
				}
				const text = ` (attempt 1), which is left running: the next start takes it up again`
				line := func(ref incident.StepRef) incident.Entry {
					return incident.Entry{
						At: begun.UTC(), Kind: incident.KindInterrupted, Service: ref.Service, Incident: ref.Incident, Actor: "rollbackd",
						Text: `rollbackd was told twice to stop and ended within step "` + ref.Name + `"` + text, Step: &incident.StepEntry{Ref: ref},
					}
				}
				if len(w.entries) != 4 {
					t.Fatalf("journal %v, want the two intents and two lines", w.kinds())
				}
				if diff := cmp.Diff([]incident.Entry{line(undo()), line(other)}, w.entries[2:]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestInterruptTakesInWhatHasEnded: a step whose end has come is recorded as
// ended, and not as left.
func TestInterruptTakesInWhatHasEnded(t *testing.T) {
	w := &world{step: sequel(`{"kind":"exec","argv":["undo"]}`)}
	w.run = func(context.Context, action.Request) action.Result {
		time.Sleep(time.Second)
		return action.Result{State: action.Done}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		release := hold(t, r)
		time.Sleep(2 * time.Second) // the end is in the queue
		go func() { _ = r.Interrupt(t.Context()) }()
		synctest.Wait()
		release()
		in.stop()
		if diff := cmp.Diff([]incident.Kind{incident.KindStepBegun, incident.KindStepEnded}, w.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}

// TestInterruptDoesNotWaitForADeadJournal: who ends the daemon twice wants it
// ended, whatever the disk does.
func TestInterruptDoesNotWaitForADeadJournal(t *testing.T) {
	w := &world{run: leavesAlone, step: on[incident.VersionSeen](intent(undo()), incident.Start{Ref: undo()})}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		synctest.Wait()
		release := hold(t, r) // as a write that does not come back
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Interrupt(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the time was over", err)
		}
		w.mu.Lock()
		w.full = errFull
		w.mu.Unlock()
		release()
		in.stop()
		if !strings.Contains(w.log.String(), "kind=interrupted") {
			t.Errorf("what could not be recorded was not logged:\n%s", &w.log)
		}
	})
}

// TestInterruptedRunIsTakenUpAgain: the line changes nothing. The next start finds
// the step as any crash would have left it.
func TestInterruptedRunIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{run: leavesAlone}
		r, stop := begin(t, w.real(t, time.Hour))
		rollBack(t, r)
		time.Sleep(10 * time.Second)
		go stop()
		synctest.Wait()
		if err := r.Interrupt(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		synctest.Wait()
		if got := w.kinds(); got[len(got)-1] != incident.KindInterrupted {
			t.Errorf("journal %v, want its last entry to be interrupted", got)
		}
		open := w.remembering().Incidents()[0]
		if last := open.Timeline[len(open.Timeline)-1]; last.Kind != incident.KindInterrupted || !strings.Contains(last.Text, `"flip"`) {
			t.Errorf("the timeline ends with %+v, want the line", last)
		}
		w.run = nil
		r, stop = begin(t, w.real(t, time.Hour))
		r.Submit(incident.Restored{DownFrom: time.Now().UTC(), To: time.Now().UTC()})
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"flip", "resumed flip", "restart"}, w.ran()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		stop()
	})
}
