package action

import (
	"context"
	"fmt"
	"time"
)

// wait lets the step's time pass, counted from began: a wait that an earlier
// daemon began ends when it would have ended.
func (r *Runner) wait(ctx context.Context, began time.Time, s Step) Result {
	left := began.Add(s.For).Sub(r.o.Clock.Now())
	timer := r.o.Clock.Timer(max(left, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return Result{State: Done, Output: fmt.Sprintf("waited %s", s.For)}
	case <-ctx.Done():
		return ended(ctx, interrupted("the daemon stopped while the step waited"))
	}
}
