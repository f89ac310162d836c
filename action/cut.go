package action

import (
	"context"
	"errors"
	"time"
)

const (
	// How long a Cut that found nothing running waits for its attempt. An attempt
	// is begun in a goroutine of its own, so a Cut right after may overtake it.
	cutMemory = 10 * time.Second
	// How many such cuts are remembered.
	mostCuts = 64
)

// errCut is the cause with which Cut ends an attempt.
var errCut = errors.New("cut short")

// Cut ends the waits, queries and checks of a run that are in progress, early: they are
// failed with NothingChanged and "cut short". A step that changes something runs
// on to its end. It tells whether there was anything to cut. A cut that overtook
// the attempt it was meant for, so that nothing of the run is running yet, ends
// that attempt as soon as it comes.
func (r *Runner) Cut(run string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, found := false, false
	for _, a := range r.running {
		if a.req.Run != run {
			continue
		}
		known = true
		if a.cuttable() {
			a.cancel(errCut)
			found = true
		}
	}
	if !known {
		r.rememberCut(run)
	}
	return found
}

func (r *Runner) rememberCut(run string) {
	now := r.o.Clock.Now()
	for name, at := range r.cuts {
		if now.Sub(at) > cutMemory {
			delete(r.cuts, name)
		}
	}
	if len(r.cuts) < mostCuts {
		r.cuts[run] = now
	}
}

// wasCutEarlier tells whether an attempt's cut came before the attempt. It is
// asked once: whatever comes next of the run, the cut is used up. What runs
// finally is begun because the run was stopped, and was never meant.
func (r *Runner) wasCutEarlier(a *attempt) bool {
	at, found := r.cuts[a.req.Run]
	delete(r.cuts, a.req.Run)
	return found && r.o.Clock.Now().Sub(at) <= cutMemory && a.cuttable() && a.req.Section != "finally"
}

// cuttable tells whether the attempt changes nothing, so that it may end early.
func (a *attempt) cuttable() bool { return !a.step.Changes() || changesNothing(a.req.Section) }

func wasCut(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errCut) }
