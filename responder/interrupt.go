package responder

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rollbackd/rollbackd/incident"
)

// Interrupt ends Run at once, whether or not it was told to stop: no running step
// is waited for any more. Each run that has one under way gets a line on record
// that says so; the step's process is left alone, and the next start takes it up
// again. It returns once Run has done that, or with the error of ctx, and must
// not be called before Run.
func (r *Responder) Interrupt(ctx context.Context) error {
	r.interrupt.Do(func() { close(r.interrupted) })
	select {
	case <-r.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("what was under way could not be recorded in time: %w", ctx.Err())
	}
}

func (l *loop) isInterrupted() bool {
	select {
	case <-l.interrupted:
		return true
	default:
		return false
	}
}

// recordInterrupted writes down, a line a run, which step is left running.
func (l *loop) recordInterrupted() {
	for _, ref := range l.underWay() {
		e := incident.Entry{
			At: l.now(), Kind: incident.KindInterrupted, Service: ref.Service, Incident: ref.Incident, Actor: "rollbackd",
			Text: fmt.Sprintf("rollbackd was told twice to stop and ended within step %q (attempt %d), which is left running: the next start takes it up again",
				ref.Name, ref.Attempt),
			Step: &incident.StepEntry{Ref: ref},
		}
		if l.options.Brain != nil {
			e.Config = l.options.Brain.Options().Hash
		}
		if err := l.Record(e, nil); err != nil {
			continue // it has been logged, and the intent is on record in any case
		}
		if l.options.Brain != nil {
			l.options.Brain.Apply(e)
		}
	}
}

// underWay are the attempts that stopping waits for, one for each run, in the
// order of their runs.
func (l *loop) underWay() []incident.StepRef {
	var refs []incident.StepRef
	for ref, awaited := range l.running {
		if awaited {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b incident.StepRef) int {
		return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Index, b.Index))
	})
	return slices.CompactFunc(refs, func(a, b incident.StepRef) bool { return a.Run == b.Run })
}
