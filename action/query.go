package action

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Querier answers the PromQL of query steps. It is asked by several goroutines.
type Querier interface {
	// Holds tells whether promql holds at present, and in a few words what was
	// seen. An error means that this cannot be known. It returns by the end of ctx.
	Holds(ctx context.Context, promql string) (holds bool, detail string, err error)
}

// errApproval is why Run refuses an approval.
var errApproval = errors.New("approval step: is a wait for people, which nobody can carry out; whoever asks for steps waits for them itself")

// The longest silence, in times of QueryEvery, that an uninterrupted hold survives.
const longestGap = 3

// askable tells whether a query step can be carried out.
func (r *Runner) askable() error {
	if r.o.Querier == nil {
		return errors.New("query step: Prometheus is not configured; write [prometheus] url")
	}
	return nil
}

// query asks at once and then every QueryEvery, until the expression has held
// without interruption for as long as the step wants. It changes nothing, so a
// query that an earlier daemon began is simply asked again, with all its time: the
// daemon's own absence must not make it fail.
func (r *Runner) query(ctx context.Context, a *attempt, s Step) Result {
	if err := r.askable(); err != nil {
		return notRun(err)
	}
	deadline := r.o.Clock.Now().Add(a.req.Timeout)
	timer := r.o.Clock.Timer(a.req.Timeout)
	defer timer.Stop()
	tick := r.o.Clock.Ticker(r.o.QueryEvery)
	defer tick.Stop()
	h := holding{gap: longestGap * r.o.QueryEvery}
	for {
		at := r.o.Clock.Now()
		detail := r.look(ctx, s, &h, min(r.o.QueryEvery, deadline.Sub(at)))
		if ctx.Err() == nil && h.seen && h.held >= s.Hold {
			return Result{State: Done, Output: fmt.Sprintf("held for %s: %s", h.held, detail)}
		}
		select {
		case <-tick.C:
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			stopped := interrupted("the daemon stopped while the step asked")
			stopped.NothingChanged = true
			return a.ended(ctx, stopped)
		}
		if !r.o.Clock.Now().Before(deadline) {
			return Result{State: Failed, Output: detail, Error: fmt.Sprintf("query: did not hold for %s within %s; at last %s", s.Hold, a.req.Timeout, detail)}
		}
	}
}

// look asks once and says in words what was seen.
func (r *Runner) look(ctx context.Context, s Step, h *holding, within time.Duration) string {
	bounded, cancel := r.o.Clock.WithTimeout(ctx, within)
	defer cancel()
	at := r.o.Clock.Now()
	holds, detail, err := r.o.Querier.Holds(bounded, s.Expr)
	switch {
	case err != nil:
		h.unknown()
		return "it is not known: " + err.Error()
	case holds:
		h.yes(at)
		return "it held: " + detail
	default:
		h.no()
		return "it did not hold: " + detail
	}
}

// holding adds up for how long something held without interruption. What is not
// known adds nothing and interrupts nothing, unless it lasts longer than gap.
type holding struct {
	gap    time.Duration
	seen   bool          // it held when it was last known
	last   time.Time     // when that was
	held   time.Duration // the time so far
	unsure bool          // something since then is not known
}

func (h *holding) yes(at time.Time) {
	since := at.Sub(h.last)
	switch {
	case !h.seen || since > h.gap:
		h.held = 0
	case !h.unsure:
		h.held += since
	}
	h.seen, h.last, h.unsure = true, at, false
}

func (h *holding) no() { *h = holding{gap: h.gap} }

func (h *holding) unknown() { h.unsure = true }
