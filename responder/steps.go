package responder

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// start begins one attempt at once. Its intent is durable already.
func (l *loop) start(e incident.Start) {
	l.running[e.Ref] = !onlyWaits(e)
	if l.flight[e.Ref.Incident] && l.options.MakeRoom != nil {
		l.options.MakeRoom()
	}
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
	return err == nil && !step.Changes()
}

// attempt carries out the attempt and says how it ended.
func (l *loop) attempt(ctx context.Context, e incident.Start) incident.StepResult {
	began := l.clock.Now()
	var result incident.StepResult
	if e.Ref.Section == incident.SectionPrepare {
		result = l.prepare(ctx, e)
	} else {
		result = Result(l.options.Runner.Run(ctx, l.request(e)))
	}
	return l.framed(result, began)
}

// framed gives a result its beginning and end, where the runner did not, by the
// clock as it is at the end: its duration is then true even where the clock was
// set meanwhile. An attempt that an earlier daemon began has only the wall clock
// to go by, and ends no sooner than it began.
func (l *loop) framed(result incident.StepResult, began time.Time) incident.StepResult {
	if !result.StartedAt.IsZero() {
		began = result.StartedAt
	}
	ended := result.EndedAt
	if ended.IsZero() {
		ended = l.clock.Now()
	}
	took := max(0, ended.Sub(began))
	result.EndedAt = ended.Round(0).UTC()
	result.StartedAt = result.EndedAt.Add(-took)
	return result
}

// planned is a step as the built-in first check is given it: enough to see
// whether it could be carried out.
type planned struct {
	Name  string          `json:"name"`
	Do    json.RawMessage `json:"do"`
	Probe json.RawMessage `json:"probe"`
	If    json.RawMessage `json:"if"`
	Each  []string        `json:"each"`
}

// prepare is the plan's built-in first check. It changes nothing, so its
// failure is certain.
func (l *loop) prepare(ctx context.Context, e incident.Start) incident.StepResult {
	failed := func(err error) incident.StepResult {
		return incident.StepResult{State: incident.StepFailed, Error: err.Error(), NothingChanged: true}
	}
	var plan []planned
	if err := json.Unmarshal(e.Do, &plan); err != nil {
		return failed(fmt.Errorf("the plan cannot be read: %w", err))
	}
	var requests []action.Request
	for i, step := range plan {
		requests = append(requests, l.looks(e, i, step)...)
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

// looks are the requests by which a step is looked at: one, or one for each unit.
func (l *loop) looks(e incident.Start, index int, step planned) []action.Request {
	units := step.Each
	if len(units) == 0 {
		units = []string{""}
	}
	requests := make([]action.Request, 0, len(units))
	for _, unit := range units {
		one := e
		one.Ref.Index, one.Ref.Name, one.Ref.Unit = index, step.Name, unit
		one.Do, one.Probe, one.If = step.Do, step.Probe, step.If
		requests = append(requests, l.request(one))
	}
	return requests
}

// request is an attempt in the words of the action package, with what opens the gate.
func (l *loop) request(e incident.Start) action.Request { return Request(e, l.values(e)) }

// Request is an attempt in the words of the action package, with the values that
// fill its `${…}`.
func Request(e incident.Start, values map[string]string) action.Request {
	return action.Request{
		Incident: e.Ref.Incident, Service: e.Ref.Service, Run: e.Ref.Run, Section: string(e.Ref.Section), Name: e.Ref.Name,
		Index: e.Ref.Index, Unit: e.Ref.Unit, Attempt: e.Ref.Attempt, Fence: e.Ref.Fence,
		Do: e.Do, Probe: e.Probe, If: e.If, Values: values, Stdin: e.IncidentJSON, Reason: e.Reason, Timeout: e.Timeout,
		Resume: e.Resume, ProbeFirst: e.ProbeFirst, StartedAt: e.StartedAt,
	}
}

// values are what fills `${…}`: the brain's, the unit, and what opens the gate,
// which is a secret and therefore nothing that the brain may know.
func (l *loop) values(e incident.Start) map[string]string {
	values := maps.Clone(e.Values)
	if values == nil {
		values = map[string]string{}
	}
	if e.Ref.Unit != "" {
		values["each"] = e.Ref.Unit
	}
	if l.options.GateToken != nil {
		values["gate_token"] = l.options.GateToken(e.Ref.Run)
	}
	return values
}

// Result is a result in the words of the brain. What cannot be understood is
// uncertain, never done and never failed.
func Result(r action.Result) incident.StepResult {
	result := incident.StepResult{
		State: incident.StepUncertain, ExitCode: r.ExitCode, Output: r.Output, Error: r.Error,
		NothingChanged: r.NothingChanged, Interrupted: r.Interrupted, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
	}
	switch r.State {
	case action.Done:
		result.State = incident.StepDone
		if r.Skipped {
			result.State = incident.StepSkipped
		}
	case action.Failed:
		result.State = incident.StepFailed
	case action.Uncertain:
	default:
		result.Error = fmt.Sprintf("the step ended as %q, which nobody knows (%s)", r.State, r.Error)
	}
	return result
}
