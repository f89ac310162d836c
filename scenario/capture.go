package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// capture keeps an incident's state: one capture after the other, beside all
// else, up to the deadline. What was under way when the daemon dies is lost.
func (w *world) capture(c incident.Capture) {
	at, deadline := w.now, w.since(c.Deadline)
	for _, step := range c.Steps {
		r := incident.StepResult{State: incident.StepFailed, StartedAt: w.wall(at)}
		at, r = w.captured(step, c.Values, at, deadline, r)
		in := incident.Captured{Service: c.Service, Incident: c.Incident, Name: step.Name, Result: r}
		life := w.life
		w.queue.push(at, rankStep, func() {
			if w.life != life {
				return
			}
			in.Result.EndedAt = w.clock()
			if in.Result.State == incident.StepDone {
				w.record.captured(in.Incident, in.Name)
			}
			w.input(in)
		})
	}
}

// captured is when and how one capture ends that begins at a time.
func (w *world) captured(step incident.PlanStep, values map[string]string, at, deadline time.Duration, r incident.StepResult,
) (time.Duration, incident.StepResult) {
	if err := fills(step, values); err != nil {
		r.Error = err.Error()
		return at, r
	}
	does := w.behaviour(incident.StepRef{Name: step.Name})
	limit := deadline
	if step.Timeout > 0 {
		limit = min(limit, at+step.Timeout)
	}
	code := does.exit(1)
	switch {
	case at >= deadline:
		r.Error = "no time was left"
		return at, r
	case at+does.takes > limit:
		r.Error = fmt.Sprintf("timed out after %s", limit-at)
		return limit, r
	case does.signal != "":
		r.Error = "ended by signal " + does.signal
	case code != 0:
		r.ExitCode, r.Error = &code, fmt.Sprintf("exit code %d", code)
	default:
		r.State, r.ExitCode = incident.StepDone, &code
	}
	return at + does.takes, r
}

// captured notes a capture that has something to show.
func (r *record) captured(incident, name string) {
	r.captures[incident] = append(slices.Clip(r.captures[incident]), name)
}
