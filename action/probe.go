package action

import (
	"context"
	"fmt"
)

// ask carries out the attempt's probe.
func (r *Runner) ask(ctx context.Context, a *attempt) Result {
	return r.perform(ctx, a, *a.probe, asProbe)
}

// settle asks the probe about an attempt whose effect is not known. Only a clear
// "done" changes the result.
func (r *Runner) settle(ctx context.Context, a *attempt, res Result) Result {
	switch said := r.ask(ctx, a); {
	case said.State == Done:
		return Result{State: Done, ExitCode: res.ExitCode, Output: res.Output + "\n(" + res.Error + "; the probe says that the step is done)"}
	case said.State == Failed && (said.ExitCode != nil || !said.NothingChanged):
		res.Error += "; the probe says it is not done"
	default:
		res.Error += fmt.Sprintf("; the probe gave no answer: %s", said.Error)
	}
	return res
}

// resume finds out how an attempt ended that an earlier daemon started. It never
// starts the step itself.
func (r *Runner) resume(ctx context.Context, a *attempt) Result {
	switch a.step.Kind {
	case KindWait:
		a.began = r.beganWork(a)
		return r.wait(ctx, a, a.step)
	case KindQuery:
		return r.query(ctx, a, a.step)
	case KindSymlink:
		return resumeLink(a.step)
	case KindExec:
		res := r.await(ctx, a)
		if ctx.Err() != nil || a.probe == nil {
			return res
		}
		return r.settle(ctx, a, res)
	case KindHTTP:
		res := interrupted("the request may have been sent before the daemon stopped; its answer is lost")
		if a.probe == nil {
			return res
		}
		return r.settle(ctx, a, res)
	case KindApproval:
		return notRun(errApproval)
	default:
		return interrupted(fmt.Sprintf("kind %q cannot be resumed", a.step.Kind))
	}
}
