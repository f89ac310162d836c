package responder

import (
	"context"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// noTimeLeft is why a capture was not made.
const noTimeLeft = "no time was left"

// captureSection is the section of what is run only to look at a state.
const captureSection = "capture"

// capture keeps an incident's state beside everything else: one thing after the
// other, each within what is left of the time. Nothing waits for it but the brain,
// and that no longer than to the deadline. Stopping cuts it short, and no later
// start makes up for it: what it would show then is another moment.
func (l *loop) capture(e incident.Capture) {
	// Counted from here by time that passes, whatever becomes of the clock.
	left, steady := e.Deadline.Sub(l.time.told), l.time.steady
	from := steady()
	l.whileGoing(func(ctx context.Context) {
		run := e.Incident + ".capture"
		defer context.AfterFunc(ctx, func() { l.options.Runner.Cut(run) })()
		for i, step := range e.Steps {
			remaining := left - (steady() - from)
			if step.Timeout > 0 {
				remaining = min(remaining, step.Timeout)
			}
			result := l.captureOne(ctx, action.Request{
				Incident: e.Incident, Service: e.Service, Run: run, Section: captureSection, Name: step.Name, Index: i, Attempt: 1,
				Do: step.Do, Values: e.Values, Stdin: e.IncidentJSON, Timeout: remaining,
			})
			if ctx.Err() != nil {
				return
			}
			l.Submit(incident.Captured{Service: e.Service, Incident: e.Incident, Name: step.Name, Result: result})
		}
	})
}

// captureOne makes one capture. It changes nothing, so that it is never uncertain.
func (l *loop) captureOne(ctx context.Context, r action.Request) incident.StepResult {
	began := l.clock.Now()
	if r.Timeout <= 0 {
		return l.framed(incident.StepResult{State: incident.StepFailed, Error: noTimeLeft, NothingChanged: true}, began)
	}
	// Stopping ends it by Cut: an ended context would leave its program running.
	result := Result(l.options.Runner.Run(context.WithoutCancel(ctx), r))
	if result.State != incident.StepDone {
		result.State = incident.StepFailed
	}
	return l.framed(result, began)
}
