package responder

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// start begins one attempt at once. Its intent is durable already.
func (l *loop) start(e incident.Start) {
	l.running[e.Ref] = !onlyWaits(e)
	l.latency.started(e.Ref, l.clock.Now())
	l.beside(func(ctx context.Context) {
		l.Submit(incident.StepEnded{Ref: e.Ref, Result: l.attempt(ctx, e)})
	})
}

// onlyWaits tells whether a step does nothing but wait. Stopping need not wait
// for it: the next daemon knows when it began and waits for the rest.
func onlyWaits(e incident.Start) bool {
	if e.Ref.Section == incident.SectionPrepare {
		return false
	}
	step, err := action.Decode(e.Do)
	return err == nil && step.Kind == action.KindWait
}

// attempt carries out the attempt and says how it ended.
func (l *loop) attempt(ctx context.Context, e incident.Start) incident.StepResult {
	began := l.clock.Now()
	var result incident.StepResult
	if e.Ref.Section == incident.SectionPrepare {
		result = l.prepare(ctx, e)
	} else {
		result = translate(l.options.Runner.Run(ctx, request(e)))
	}
	if result.StartedAt.IsZero() {
		result.StartedAt = began
	}
	if result.EndedAt.IsZero() {
		result.EndedAt = l.clock.Now()
	}
	result.StartedAt = result.StartedAt.Round(0).UTC()
	result.EndedAt = result.EndedAt.Round(0).UTC()
	return result
}

// prepare is the plan's built-in first check. It changes nothing, so its
// failure is certain.
func (l *loop) prepare(ctx context.Context, e incident.Start) incident.StepResult {
	failed := func(err error) incident.StepResult {
		return incident.StepResult{State: incident.StepFailed, Error: err.Error(), NothingChanged: true}
	}
	var plan []struct {
		Name  string          `json:"name"`
		Do    json.RawMessage `json:"do"`
		Probe json.RawMessage `json:"probe"`
	}
	if err := json.Unmarshal(e.Do, &plan); err != nil {
		return failed(fmt.Errorf("the plan cannot be read: %w", err))
	}
	requests := make([]action.Request, 0, len(plan))
	for i, step := range plan {
		r := request(e)
		r.Index, r.Name, r.Do, r.Probe = i, step.Name, step.Do, step.Probe
		requests = append(requests, r)
	}
	if e.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = l.clock.WithTimeout(ctx, e.Timeout)
		defer cancel()
	}
	if err := l.options.Runner.Prepare(ctx, requests); err != nil {
		return failed(err)
	}
	return incident.StepResult{State: incident.StepDone}
}

// request is an attempt in the words of the action package.
func request(e incident.Start) action.Request {
	return action.Request{
		Incident: e.Ref.Incident, Service: e.Ref.Service, Run: e.Ref.Run, Section: string(e.Ref.Section), Name: e.Ref.Name,
		Index: e.Ref.Index, Attempt: e.Ref.Attempt, Fence: e.Ref.Fence,
		Do: e.Do, Probe: e.Probe, Values: e.Values, Stdin: e.IncidentJSON, Reason: e.Reason, Timeout: e.Timeout,
		Resume: e.Resume, ProbeFirst: e.ProbeFirst, StartedAt: e.StartedAt,
	}
}

// translate is a result in the words of the brain. What cannot be understood is
// uncertain, never done and never failed.
func translate(r action.Result) incident.StepResult {
	result := incident.StepResult{
		State: incident.StepUncertain, ExitCode: r.ExitCode, Output: r.Output, Error: r.Error,
		NothingChanged: r.NothingChanged, Interrupted: r.Interrupted, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
	}
	switch r.State {
	case action.Done:
		result.State = incident.StepDone
	case action.Failed:
		result.State = incident.StepFailed
	case action.Uncertain:
	default:
		result.Error = fmt.Sprintf("the step ended as %q, which nobody knows (%s)", r.State, r.Error)
	}
	return result
}
