package action

import "context"

// Answer is what a question beside a step said, or how a step that changes nothing
// ended.
type Answer struct {
	// Asked is false where there is no such question.
	Asked bool
	// Known is true where it answered, and Yes what the answer was: of a probe that
	// the step is done already, of an If that it is to run.
	Known, Yes bool
	// Detail says in a line what was seen, or why there is no answer. Secrets are
	// taken out.
	Detail string
}

// AskProbe asks a request's probe, or that which is built into its kind, whether
// the step is done already. The step itself is not begun. It has at most 30 s.
func (r *Runner) AskProbe(ctx context.Context, req Request) Answer {
	return r.askBeside(ctx, req, asProbe)
}

// AskIf asks a request's If whether the step would run. The step itself is not
// begun, and no later attempt goes by the answer. It has at most 30 s.
func (r *Runner) AskIf(ctx context.Context, req Request) Answer {
	return r.askBeside(ctx, req, asIf)
}

func (r *Runner) askBeside(ctx context.Context, req Request, as role) Answer {
	if req.Timeout <= 0 {
		req.Timeout = defaultTimeout
	}
	a := &attempt{req: req, began: r.o.Clock.Now(), mask: newMask(r.o.Mask), key: attemptKey(req, req.Attempt), askedOnly: true}
	a.mask.add(req.Values["gate_token"])
	if err := a.prepare(); err != nil {
		return Answer{Asked: true, Detail: a.mask.line(err.Error())}
	}
	step := a.condition
	if as == asProbe {
		if step = a.probe; step == nil && a.step.Kind == KindSymlink {
			step = &a.step
		}
	}
	if step == nil {
		return Answer{}
	}
	ctx, release, first := r.register(ctx, a)
	if !first {
		return Answer{Asked: true, Detail: "it is being asked already"}
	}
	defer release()
	res := r.perform(ctx, a, *step, as)
	answer := Answer{Asked: true, Detail: a.mask.line(res.Error)}
	switch {
	case ctx.Err() != nil:
		answer.Detail = "its time was over"
	case res.State == Done && !res.Skipped:
		answer.Known, answer.Yes = true, true
		answer.Detail = a.mask.line(res.Output)
	case saidNo(res, as):
		answer.Known = true
	}
	return answer
}

// saidNo tells a no from no answer at all. Of an If exit 1 alone is one: any other
// failure fails the step.
func saidNo(res Result, as role) bool {
	if as == asIf {
		return res.Skipped || res.State == Failed && res.ExitCode != nil && *res.ExitCode == 1
	}
	return res.State == Failed && (res.ExitCode != nil || !res.NothingChanged)
}
