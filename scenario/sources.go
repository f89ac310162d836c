package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// sentCheck is a health check that reached the bus, kept for a replay.
type sentCheck struct {
	at time.Duration
	in incident.Health
}

// health lets a service send a health check.
func (w *world) health(e healthEvent) {
	if _, down := w.holds(faultNATS, w.now); down {
		w.record.note(w.now, e.service, "world", "a health check is lost: NATS is down")
		return
	}
	status, known := trigger.ParseHealthStatus(e.status)
	if !known {
		w.record.note(w.now, e.service, "world", fmt.Sprintf("a health check is rejected: unknown status %q", e.status))
		return
	}
	in := incident.Health{Service: e.service, Check: trigger.HealthCheck{
		Instance: e.instance, Status: status, At: w.clock(), Seq: e.seq, Boot: e.boot, Version: e.version, TTL: e.ttl,
	}}
	w.checks = append(w.checks, sentCheck{at: w.now, in: in})
	w.record.note(w.now, e.service, "health", e.instance+" "+e.status)
	w.input(in)
}

// reconnected is the end of an outage of NATS: checks may have been lost.
func (w *world) reconnected() {
	if _, still := w.holds(faultNATS, w.now); !still {
		w.record.note(w.now, "", "world", "NATS answers again")
		w.input(incident.HealthGap{At: w.clock()})
	}
}

// deployed lets a version be deployed: its version source shows it, and the
// event is reported.
func (w *world) deployed(e deployedEvent) {
	_, down := w.holds(faultNATS, w.now)
	if down && e.Source == "nats" {
		w.record.note(w.now, e.Service, "world", "the deployment of "+e.Version+" is not reported: NATS is down")
	} else {
		in := e.Deployed
		in.At = w.clock()
		if e.hasStartedAt {
			in.StartedAt = w.start.Add(e.startedAt)
		}
		w.input(in)
	}
	w.shows(e.Service, e.Version)
}

// firstVersions puts in place what ran before the case began: what the first
// deployment of each service names as previous.
func (w *world) firstVersions() {
	for _, e := range w.c.events {
		if e.deployed == nil {
			continue
		}
		if _, known := w.versions[e.deployed.Service]; !known {
			w.versions[e.deployed.Service] = e.deployed.Previous
		}
	}
}

// shows lets a service's version source, where it has one, show a version.
func (w *world) shows(service, version string) {
	w.versions[service] = version
	w.showVersion(service)
}

func (w *world) showVersions() {
	for _, service := range slices.Sorted(maps.Keys(w.versions)) {
		w.showVersion(service)
	}
}

func (w *world) showVersion(service string) {
	version := w.versions[service]
	if version == "" || !w.options.Services[service].Deployment.HasSource {
		return
	}
	w.input(incident.VersionSeen{Service: service, Version: version, At: w.clock(), Source: "symlink"})
}

// release is what a step that came to its end does to the version that runs: a
// switched symlink shows its new version, and so does the last of the steps.
func (w *world) release(j *job) {
	ref := j.start.Ref
	if ref.Section != incident.SectionSteps || j.does.signal != "" || j.does.exit(ref.Attempt) != 0 {
		return
	}
	version := j.start.Values["target_version"]
	s, err := expanded(j.start.Do, j.start.Values)
	if err == nil && s.Kind == action.KindSymlink {
		version = path.Base(s.To)
	}
	i := w.plan(ref)
	last := i != nil && ref.Index == len(i.Steps)-1
	if version == "" || err != nil || (s.Kind != action.KindSymlink && !last) {
		return
	}
	w.versions[ref.Service] = version
	w.queue.push(w.now, rankEffect, func() { w.showVersion(ref.Service) })
}

// plan is the plan that a run goes by; nil when it is not known.
func (w *world) plan(ref incident.StepRef) *incident.Plan {
	if w.brain == nil {
		return w.options.Services[ref.Service].Plan
	}
	i, ok := w.brain.Incident(ref.Incident)
	if !ok || i.Rollback == nil {
		return nil
	}
	return &i.Rollback.Plan
}

// prepare is the built-in first check: every value can be filled in.
func (w *world) prepare(s incident.Start) incident.StepResult {
	r := incident.StepResult{State: incident.StepDone}
	plan := w.plan(s.Ref)
	if plan == nil {
		w.fault("a run of %s was started that has no plan", s.Ref.Service)
		return w.result(r, w.now)
	}
	for _, step := range slices.Concat(plan.Checks, plan.Steps, plan.Finally) {
		if _, err := expanded(step.Do, s.Values); err != nil {
			r = incident.StepResult{
				State: incident.StepFailed, NothingChanged: true, Error: fmt.Sprintf("step %q: %v", step.Name, err),
			}
			break
		}
	}
	return w.result(r, w.now)
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
