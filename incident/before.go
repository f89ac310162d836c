package incident

import (
	"fmt"
	"time"
)

// captureBound is how long the first change waits for the state before to be
// captured, from the incident's opening (CONTRACT.md section 3).
const captureBound = 20 * time.Second

// capturing is the captures that this process has asked for and not had back.
type capturing struct {
	incident string
	pending  int
}

// captureRule asks for the state before, once, when an incident has just opened.
// After a restart it is not asked for again: what it would find is no longer
// the state before.
func (b *Brain) captureRule(now time.Time, name string, l *live, inc *Incident) []Effect {
	p := b.planFor(inc, inc.Decision.Trigger)
	if inc.decidedAt.IsZero() {
		return nil // which plan is not known yet; it is in a moment
	}
	if p == nil || len(p.Capture) == 0 || inc.Mode == "shadow" || l.capture.incident == inc.ID || len(inc.Captures) > 0 || !now.Before(inc.OpenedAt.Add(captureBound)) {
		return nil
	}
	l.capture = capturing{incident: inc.ID, pending: len(p.Capture)}
	o := b.opts.Services[name]
	t, _ := b.target(name, now)
	run := &Run{From: b.running(name), To: t.Version, Fence: b.mem.Fence}
	return []Effect{Capture{
		Service: name, Incident: inc.ID, Steps: p.Capture, Values: b.values(inc, run, o), IncidentJSON: inc.document(),
		Deadline: inc.OpenedAt.Add(captureBound),
	}}
}

// captured turns the end of a capture into its entry.
func (b *Brain) captured(now time.Time, in Captured) []Effect {
	inc := b.mem.service(in.Service).Open
	if inc == nil || inc.ID != in.Incident {
		return nil
	}
	r := in.Result
	r.StartedAt, r.EndedAt = r.StartedAt.UTC().Round(0), r.EndedAt.UTC().Round(0)
	text := fmt.Sprintf("captured before anything was changed: %s", in.Name)
	if r.State != StepDone {
		text = fmt.Sprintf("could not be captured: %s: %s", in.Name, r.Error)
	}
	e := b.incidentEntry(now, KindCaptured, inc, "rollbackd", text)
	e.Captured = &Capturing{Name: in.Name, Result: r}
	return []Effect{Record{Entry: e}}
}

// impactMeasured records what a closed incident did to those who use the service. One
// that was measured, or that memory has let go of, is left as it is.
func (b *Brain) impactMeasured(now time.Time, in Measured) []Effect {
	inc := b.mem.service(in.Service).closed(in.Incident)
	if inc == nil || inc.Impact != nil {
		return nil
	}
	e := b.incidentEntry(now, KindImpact, inc, "rollbackd", "its impact was measured")
	impact := in.Impact
	e.Impact = &impact
	return []Effect{Record{Entry: e}}
}

// beforeChange is what the first change of a run waits for: the state before, at
// most until its bound, and a deployment that is still rolling out.
func (b *Brain) beforeChange(now time.Time, l *live, inc *Incident, run *Run) (effects []Effect, wait bool) {
	if run.Changed {
		return nil, false
	}
	if l.capture.incident == inc.ID && l.capture.pending > 0 && now.Before(inc.OpenedAt.Add(captureBound)) {
		return nil, true
	}
	until := b.rollingUntil(inc, run)
	if !now.Before(until) {
		return b.confirmAgain(now, l, inc, run)
	}
	if run.Waiting != "" {
		return nil, true
	}
	e := b.incidentEntry(now, KindWaiting, inc, "rollbackd",
		fmt.Sprintf("%s is still rolling out: the first change waits for it until %s at most", run.From, shortTime(until)))
	return []Effect{Record{Entry: e}}, false
}

// rollingUntil is until when a run waits for a deployment that is still rolling
// out; zero when there is none, or a step of the plan stops it.
func (b *Brain) rollingUntil(inc *Incident, run *Run) time.Time {
	within := b.opts.Services[inc.Service].Deployment.FinishWithin
	if !b.rolling(inc, run) || run.Plan.StopDeploy != nil || within <= 0 {
		return time.Time{}
	}
	return run.StartedAt.Add(within)
}

// rolling tells whether the version that a run leaves is said to be still rolling out.
func (b *Brain) rolling(inc *Incident, run *Run) bool {
	d := b.mem.service(inc.Service).Ledger.current()
	return d != nil && d.Rolling && d.Version == run.From
}
