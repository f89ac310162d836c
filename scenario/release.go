package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// release is what a step that came to its end does to the version that runs: a
// switched symlink shows its new version, and so does the last of the steps, or
// one that names the target.
func (w *world) release(j *job) {
	ref := j.start.Ref
	run, known := w.journal.runs[ref.Run]
	if !known || ref.Section != incident.SectionSteps || !j.endsWell() {
		return
	}
	if s, err := expanded(j.start.Do, j.start.Values); err == nil && s.Kind == action.KindSymlink {
		w.released(w.linked(ref.Service, s.Link), path.Base(s.To), j.does)
		return
	}
	if !run.arrives(ref) {
		return
	}
	targets := targets(j.start)
	for _, service := range sortedKeys(targets) {
		w.released(service, targets[service], j.does)
	}
}

// released lets a version source show what a step left behind.
func (w *world) released(service, version string, does behaviour) {
	s := w.everywhere(service, version)
	if does.census != nil {
		s = shown{version: most(does.census), census: does.census}
	}
	w.versions[service] = s
	w.queue.push(w.now, rankEffect, func() { w.showVersion(service) })
}

// most is the version that runs on most units, of several the first.
func most(census []incident.VersionCount) string {
	return slices.MaxFunc(census, func(a, b incident.VersionCount) int { return a.Units - b.Units }).Version
}

// linked is the service whose version a symbolic link shows: with a group's plan
// it may be another one than the run's own.
func (w *world) linked(service, link string) string {
	for _, other := range w.c.setting.config.Services {
		if other.Deployment.Symlink == link {
			return other.Name
		}
	}
	return service
}

// targets are the versions that a step leads to, by service: those of all
// members where it is a step of a group's plan.
func targets(s incident.Start) map[string]string {
	const before, after = "versions.", ".target"
	all := map[string]string{}
	for name, version := range s.Values {
		member, is := strings.CutPrefix(name, before)
		if member, ends := strings.CutSuffix(member, after); is && ends && version != "" {
			all[member] = version
		}
	}
	if version := s.Values["target_version"]; len(all) == 0 && version != "" {
		all[s.Ref.Service] = version
	}
	return all
}

// plannedRun is a run as the journal has it.
type plannedRun struct {
	plan  incident.Plan
	scope string
	// services are those that it touches: one, or the members of a group.
	services []string
}

// arrives tells whether the service runs its target once a step's unit is done:
// the step names the target, or it is the last that changes something.
func (r plannedRun) arrives(ref incident.StepRef) bool {
	if ref.Index >= len(r.plan.Steps) {
		return false
	}
	step := r.plan.Steps[ref.Index]
	if n := len(step.Each); n > 0 && ref.Unit != step.Each[n-1] {
		return false
	}
	last := -1
	for i, s := range r.plan.Steps {
		if s.Changes && (r.scope == "" || len(s.Only) == 0 || slices.Contains(s.Only, r.scope)) {
			last = i
		}
	}
	return step.UsesTarget || ref.Index == last
}

// prepare is the built-in first check: every value of every step can be filled
// in, for each of its units.
func (w *world) prepare(s incident.Start) incident.StepResult {
	r := incident.StepResult{State: incident.StepDone}
	run, known := w.journal.runs[s.Ref.Run]
	if !known {
		w.fault("a run of %s was started that nobody planned", s.Ref.Service)
		return w.result(r, w.now)
	}
	for _, step := range stepsOf(&run.plan) {
		if err := fills(step, s.Values); err != nil {
			r = incident.StepResult{
				State: incident.StepFailed, NothingChanged: true, Error: fmt.Sprintf("step %q: %v", step.Name, err),
			}
			break
		}
	}
	return w.result(r, w.now)
}

// fills tells whether a step, its probe and its own question can be filled in,
// for each unit. An approval step runs nothing.
func fills(step incident.PlanStep, values map[string]string) error {
	if step.Approval != nil {
		return nil
	}
	units := step.Each
	if len(units) == 0 {
		units = []string{""}
	}
	for _, unit := range units {
		filled := values
		if unit != "" {
			filled = maps.Clone(values)
			filled["each"] = unit
		}
		for _, do := range []json.RawMessage{step.If, step.Probe, step.Do} {
			if do == nil {
				continue
			}
			if _, err := expanded(do, filled); err != nil {
				return err
			}
		}
	}
	return nil
}

func expanded(do json.RawMessage, values map[string]string) (action.Step, error) {
	s, err := action.Decode(do)
	if err != nil {
		return action.Step{}, err
	}
	return action.Expand(s, values)
}

// waitOf is how long a step waits by itself; false for every other kind.
func waitOf(do json.RawMessage) (time.Duration, bool) {
	s, err := action.Decode(do)
	return s.For, err == nil && s.Kind == action.KindWait
}
