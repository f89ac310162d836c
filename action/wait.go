package action

import (
	"context"
	"fmt"
)

// wait lets the step's time pass, counted from when it began: a wait that an earlier
// daemon began ends when it would have ended.
func (r *Runner) wait(ctx context.Context, a *attempt, s Step) Result {
	left := a.began.Add(s.For).Sub(r.o.Clock.Now())
	timer := r.o.Clock.Timer(max(left, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return Result{State: Done, Output: fmt.Sprintf("waited %s", s.For)}
	case <-ctx.Done():
		return a.ended(ctx, interrupted("the daemon stopped while the step waited"))
	}
}
