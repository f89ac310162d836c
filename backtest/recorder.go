package backtest

import (
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// recorder makes a result of the entries of one variant's journal.
type recorder struct {
	options   incident.Options
	services  map[string]*ServiceResult
	incidents map[string]*told
	open      map[string]*told
	order     []*told
	runs      map[string]*incident.Run
	gaps      []Gap
	blind     map[string]*Gap
}

// told is one incident as its entries tell of it, with its rollbacks.
type told struct {
	Incident
	service    string
	members    []string
	onset      time.Time
	directness int
	rollbacks  []*Rollback
}

func newRecorder(o incident.Options) *recorder {
	r := &recorder{
		options: o, services: map[string]*ServiceResult{}, incidents: map[string]*told{}, open: map[string]*told{},
		runs: map[string]*incident.Run{}, blind: map[string]*Gap{},
	}
	for name := range o.Services {
		r.services[name] = &ServiceResult{Service: name, Deployments: []Deployment{}, Firings: []Firing{}, Incidents: []Incident{}, Rollbacks: []Rollback{}}
	}
	return r
}

// deployed notes a deployment of the file.
func (r *recorder) deployed(d incident.Deployed) {
	s := r.services[d.Service]
	s.Deployments = append(s.Deployments, Deployment{
		Version: d.Version, Previous: d.Previous, At: d.At, By: d.By, Change: d.Change, Source: "file",
	})
}

// seen notes a version that a version query showed.
func (r *recorder) seen(v incident.VersionSeen, changed, ignored bool) {
	if !changed {
		return
	}
	s := r.services[v.Service]
	d := Deployment{Version: v.Version, At: v.At, Source: v.Source, Ignored: ignored, FirstLook: len(s.Deployments) == 0}
	if n := len(s.Deployments); n > 0 {
		d.Previous = s.Deployments[n-1].Version
	}
	s.Deployments = append(s.Deployments, d)
}

// sight notes from when on the running version is known, or why not.
func (r *recorder) sight(service string, at time.Time, reason string) {
	g := r.blind[service]
	if g != nil && g.Reason != reason {
		g.To = at
		r.gaps = append(r.gaps, *g)
		delete(r.blind, service)
		g = nil
	}
	if g == nil && reason != "" {
		r.blind[service] = &Gap{Kind: GapVersion, Service: service, From: at, Reason: reason}
	}
}

// run is a planned run; nil when there is none of that name.
func (r *recorder) run(id string) *incident.Run { return r.runs[id] }

// take takes in one entry.
func (r *recorder) take(e incident.Entry) {
	if e.Kind == incident.KindOpened {
		r.opened(e)
		return
	}
	t := r.incidents[e.Incident]
	if t == nil {
		return
	}
	switch e.Kind {
	case incident.KindFired:
		r.fired(t, *e.Trigger)
	case incident.KindCleared:
		r.cleared(t, *e.Trigger)
	case incident.KindDecided:
		t.decided(e)
	case incident.KindJoined:
		t.joined(e.Joined.Members)
	case incident.KindPlanned:
		r.planned(t, e)
	case incident.KindStepBegun, incident.KindRunEnded:
		t.ran(e)
	case incident.KindVerifying:
		if run := t.newest(); run != nil {
			run.State = incident.RunVerifying
		}
	case incident.KindClosed:
		delete(r.open, e.Incident)
		t.State, t.Outcome, t.ClosedAt = incident.Closed, e.Closed.Outcome, e.At // it may be forgotten by the end
	case incident.KindReopened:
		r.reopened(t, e)
	default: // nothing that a result shows
	}
}

func (r *recorder) opened(e incident.Entry) {
	o := e.Opened
	t := &told{service: e.Service, Incident: Incident{
		ID: e.Incident, Severity: o.Severity, Mode: o.Mode, OpenedAt: e.At, State: incident.Firing, Deployment: o.Blames,
	}}
	if o.Deployment != nil && o.Deployment.Version == o.Blames && o.Blames != "" {
		t.DeployedAt = o.Deployment.StartedAt
	}
	t.joined(o.Members)
	r.incidents[e.Incident], r.open[e.Incident] = t, t
	r.order = append(r.order, t)
	for _, ev := range o.Triggers {
		r.fired(t, ev)
	}
}

// reopened lists what broke again as a line of its own, under the same ID: its
// rollback was judged when it was first closed.
func (r *recorder) reopened(before *told, e incident.Entry) {
	t := &told{service: e.Service, members: before.members, Incident: Incident{
		ID: e.Incident, Reopened: before.Reopened + 1, Severity: e.Reopened.Severity, Mode: before.Mode, OpenedAt: e.At, State: incident.Held,
	}}
	r.incidents[e.Incident], r.open[e.Incident] = t, t
	r.order = append(r.order, t)
	for _, ev := range e.Reopened.Triggers {
		r.fired(t, ev)
	}
	t.decided(e)
}

func (t *told) joined(members []incident.Member) {
	for _, m := range members {
		t.members = append(t.members, m.Service)
	}
}

// home is the service and the name of a trigger: of a member of a group it is
// called service/name.
func (t *told) home(evidence string) (service, name string) {
	for _, m := range t.members {
		if own, is := strings.CutPrefix(evidence, m+"/"); is && m != t.service {
			return m, own
		}
	}
	return t.service, evidence
}

func (r *recorder) fired(t *told, ev incident.Evidence) {
	service, name := t.home(ev.Name)
	s := r.services[service]
	if s == nil {
		return
	}
	least := r.least(service, name)
	f := Firing{
		Trigger: name, Severity: ev.Severity, Incident: t.ID, Reopened: t.Reopened, Onset: ev.Since, FiredAt: ev.FiredAt, Value: ev.Value, HasValue: ev.HasValue,
		ValueText: ev.ValueText, Threshold: ev.Threshold, ThresholdValue: ev.ThresholdValue, WindowSeconds: least.Seconds(),
		OvershootSeconds: max(0, ev.FiredAt.Sub(ev.Since)-least).Seconds(),
	}
	s.Firings = append(s.Firings, f)
	if !slices.Contains(t.Triggers, ev.Name) {
		t.Triggers = append(t.Triggers, ev.Name)
	}
	t.Severity = max(t.Severity, ev.Severity)
	if t.onset.IsZero() || ev.Since.Before(t.onset) {
		t.onset = ev.Since
	}
}

// least is the shortest time from a trigger's onset to its firing.
func (r *recorder) least(service, name string) time.Duration {
	for _, spec := range r.options.Services[service].Triggers {
		if spec.Name == name {
			return leastHold(spec, r.options.Poll)
		}
	}
	return 0
}

func leastHold(spec trigger.Spec, poll time.Duration) time.Duration {
	if spec.Expr.Hold.N > 0 {
		return time.Duration(spec.Expr.Hold.N-1) * poll
	}
	return spec.Expr.Hold.For
}

func (r *recorder) cleared(t *told, ev incident.Evidence) {
	service, name := t.home(ev.Name)
	s := r.services[service]
	if s == nil {
		return
	}
	for i := range slices.Backward(s.Firings) {
		if f := &s.Firings[i]; f.Trigger == name && f.Incident == t.ID {
			if f.ClearedAt.IsZero() {
				f.ClearedAt = ev.ClearedAt
			}
			return
		}
	}
}

// decided takes in a decision. What is shown of a response is the most direct.
func (t *told) decided(e incident.Entry) {
	d := e.Decided
	if n := int(d.Response.Directness); t.Response == "" || n > t.directness {
		t.Response, t.directness = d.Response.String(), n
	}
	t.Reason = d.Reason
	t.WaitedForPeople = t.WaitedForPeople || d.State == incident.AwaitingApproval
	if by := d.Shown(); by != "" {
		t.HeldBy = by
	}
	t.Holds, t.Caps = added(t.Holds, d.Holds, e.At), added(t.Caps, d.Caps, e.At)
}

// added adds the guards that were not there before.
func added(have []Hold, more []incident.Hold, at time.Time) []Hold {
	for _, h := range more {
		same := func(o Hold) bool { return o.Guard == h.Guard && (h.Guard != "" || o.Reason == h.Reason) }
		if !slices.ContainsFunc(have, same) {
			have = append(have, Hold{Guard: h.Guard, Reason: h.Reason, ReleasesWhen: h.ReleasesWhen, At: at})
		}
	}
	return have
}

func (r *recorder) planned(t *told, e incident.Entry) {
	run := *e.Planned
	r.runs[run.ID] = &run
	t.rollbacks = append(t.rollbacks, &Rollback{
		Incident: t.ID, Reopened: t.Reopened, State: run.State, From: run.From, To: run.To, Onset: t.onset, DecidedAt: run.DecidedAt,
		Triggers: slices.Clone(t.Triggers),
	})
}

func (t *told) newest() *Rollback {
	if n := len(t.rollbacks); n > 0 {
		return t.rollbacks[n-1]
	}
	return nil
}

// ran takes in how a run goes.
func (t *told) ran(e incident.Entry) {
	run := t.newest()
	if run == nil {
		return
	}
	if e.Kind == incident.KindRunEnded {
		run.State, run.EndedAt = e.RunEnded.State, e.At
		return
	}
	if e.Step.Changes && run.StartedAt.IsZero() {
		run.StartedAt = e.At
	}
}

// finish puts incidents and rollbacks to their services, and ends what is open.
func (r *recorder) finish(at time.Time, b *incident.Brain) {
	for _, t := range r.order {
		if inc, remembered := b.Incident(t.ID); remembered {
			t.State = inc.State
		}
		s := r.services[t.service]
		if s == nil {
			continue
		}
		s.Incidents = append(s.Incidents, t.Incident)
		for _, run := range t.rollbacks {
			s.Rollbacks = append(s.Rollbacks, *run)
		}
	}
	for _, name := range sortedKeys(r.blind) {
		g := r.blind[name]
		g.To = at
		r.gaps = append(r.gaps, *g)
	}
	for _, s := range r.services {
		slices.SortStableFunc(s.Firings, func(a, b Firing) int { return a.FiredAt.Compare(b.FiredAt) })
		slices.SortStableFunc(s.Rollbacks, func(a, b Rollback) int { return a.DecidedAt.Compare(b.DecidedAt) })
	}
}
