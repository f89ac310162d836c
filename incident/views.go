package incident

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Services lists all services in name order.
func (b *Brain) Services(now time.Time) []ServiceView {
	views := []ServiceView{}
	for _, name := range slices.Sorted(maps.Keys(b.opts.Services)) {
		v, _ := b.Service(name, now)
		views = append(views, v)
	}
	return views
}

// Service is one service; false when it is not configured.
func (b *Brain) Service(name string, now time.Time) (ServiceView, bool) {
	o, ok := b.opts.Services[name]
	if !ok {
		return ServiceView{}, false
	}
	l, s := b.live[name], b.mem.service(name)
	v := ServiceView{
		Service: name, Tier: o.Tier, Mode: b.mode(name), Labels: maps.Clone(o.Labels), State: b.stateOf(l, s), Running: b.running(name),
		Deployment: copyDeployment(b.deploymentOf(name)), Reported: copyDeployment(b.reported(name)), ShownSince: b.shownSince(name), Triggers: triggerViews(l), Instances: l.watch.Instances(now),
		Brakes: b.brakeViews(s, now), Signals: b.signalViews(l, s, o, now),
	}
	if t, ok := b.target(name, now); ok {
		v.Target = t.Version
	}
	v.Rehearsal = b.rehearsalView(name, now)
	if s.Open != nil {
		v.Incident = s.Open.ID
	} else if lead := b.decidedFor(name); lead != nil {
		v.Incident = lead.ID
	}
	return v, true
}

func triggerViews(l *live) []TriggerView {
	views := []TriggerView{}
	for _, spec := range l.watch.Triggers() {
		st, _ := l.watch.Status(spec.Name)
		ev := evidenceOf(spec, st)
		views = append(views, TriggerView{
			Name: spec.Name, When: spec.Expr.Text, Severity: spec.Severity, State: st.State, Truth: st.Truth.String(),
			Value: st.Value, HasValue: st.HasValue, Threshold: ev.Threshold, Reason: st.Reason, Since: st.Since, FiredAt: st.FiredAt,
			Filled: st.Filled, ValueText: ev.ValueText,
		})
	}
	return views
}

func (b *Brain) brakeViews(s *serviceMemory, now time.Time) []BrakeView {
	var views []BrakeView
	add := func(e *BrakeEntry, all bool) {
		if e.inForce(now) {
			views = append(views, BrakeView{Kind: e.Kind, All: all, Until: e.Until, By: e.By, Why: e.Why})
		}
	}
	add(b.mem.LockAll, true)
	add(s.Lock, false)
	add(b.mem.PauseAll, true)
	add(s.Pause, false)
	return views
}

// Versions is a service's ledger, newest first.
func (b *Brain) Versions(name string, now time.Time) []VersionView {
	o, s := b.opts.Services[name], b.mem.service(name)
	l := &s.Ledger
	t, hasTarget := b.target(name, now)
	running, reported := b.running(name), b.reported(name)
	views := []VersionView{}
	seen := map[string]bool{}
	add := func(version string) {
		if version == "" || seen[version] {
			return
		}
		seen[version] = true
		v := VersionView{Version: version, Running: version == running, Target: hasTarget && t.Version == version}
		v.Standing, v.Why = l.standing(version, o.Deployment, now)
		if d := l.newest(version); d != nil {
			v.StartedAt, v.Own = d.StartedAt, d.Own
		}
		if m := l.Marks[version]; m != nil {
			v.ShownSince = m.ShownSince
		}
		if reported != nil && reported.Version == version {
			v.Reported = reported.NotedAt
			v.Why = fmt.Sprintf("reported at %s; the version source does not show it (%s)", shortTime(v.Reported), v.Why)
		}
		views = append(views, v)
	}
	for _, d := range slices.Backward(l.Deployments) {
		add(d.Version)
		add(d.Previous)
	}
	return views
}

// standing is a version's standing and what it rests on.
func (l *ledger) standing(version string, o DeploymentOptions, now time.Time) (word, why string) {
	m := l.Marks[version]
	switch {
	case m == nil:
		return "unproven", "nothing is known of it"
	case !m.Quarantined.IsZero():
		return "quarantined", fmt.Sprintf("rolled back from by %s at %s", m.Blamed, clockTime(m.Quarantined))
	case m.Blamed != "":
		return "unproven", "blamed by " + m.Blamed
	case l.good(version, o, now):
		return "good", "it outlived its blame window without an incident"
	case l.presumed(version, o):
		return "presumed_good", m.Presumed
	case m.Presumed != "":
		return "unproven", m.Presumed + ", but its version source never showed it running"
	}
	return "unproven", fmt.Sprintf("it has not run for its blame window of %s yet", model.Duration(o.BlameWindow))
}

// Incidents lists the incidents in memory, newest first: all open ones and the
// newest closed ones of each service. The caller must not change them.
func (b *Brain) Incidents() []*Incident {
	list := []*Incident{}
	for _, s := range b.mem.Services {
		if s.Open != nil {
			list = append(list, s.Open)
		}
		list = append(list, s.Closed...)
	}
	sort.Slice(list, func(i, j int) bool {
		if !list[i].OpenedAt.Equal(list[j].OpenedAt) {
			return list[i].OpenedAt.After(list[j].OpenedAt)
		}
		return list[i].ID < list[j].ID
	})
	return list
}

// Incident finds one by ID, or the open one of a service by the service's name.
func (b *Brain) Incident(idOrService string) (*Incident, bool) {
	if s, ok := b.mem.Services[idOrService]; ok && s.Open != nil {
		return s.Open, true
	}
	for _, s := range b.mem.Services {
		if s.Open != nil && s.Open.ID == idOrService {
			return s.Open, true
		}
		for _, inc := range s.Closed {
			if inc.ID == idOrService {
				return inc, true
			}
		}
	}
	return nil, false
}

// Newest is a service's newest incident, closed ones included.
func (b *Brain) Newest(service string) (*Incident, bool) {
	s := b.mem.service(service)
	if s.Open != nil {
		return s.Open, true
	}
	if len(s.Closed) > 0 {
		return s.Closed[0], true
	}
	return nil, false
}

// Why explains what rollbackd does about a service, and what it would do if a
// critical breach began now.
func (b *Brain) Why(name string, now time.Time) (WhyView, bool) {
	view, ok := b.Service(name, now)
	if !ok {
		return WhyView{}, false
	}
	s := b.mem.service(name)
	w := WhyView{Service: view, IfCritical: b.ifCritical(now, name, s)}
	switch {
	case s.Open != nil:
		w.Incident = s.Open
		w.Now = fmt.Sprintf("incident %s is %s: %s", s.Open.ID, s.Open.State, s.Open.Decision.Reason)
		if s.Open.Decision.HeldBy != "" {
			w.Now += "; released when: " + s.Open.Decision.ReleasesWhen
		}
	case view.Incident != "":
		w.Now = fmt.Sprintf("incident %s decides for this service too: they changed together", view.Incident)
	case view.State == "ok":
		w.Now = "nothing breaches; watching"
		if a := s.After; a != nil {
			w.Now += fmt.Sprintf("; what breaks until %s opens %s again, held", clockTime(a.From.Add(lastSpan())), a.Incident)
		}
	default:
		w.Now = "no incident is open; the gravest trigger is " + view.State
	}
	if more := b.notShown(name); more != "" {
		w.Now += "; " + more
	}
	return w, true
}

// ifCritical judges a made-up critical breach that begins now. It asks the same
// guards that a real one meets; only never_ok, which is about one trigger, has
// nothing to say.
func (b *Brain) ifCritical(now time.Time, name string, s *serviceMemory) Decision {
	o := b.opts.Services[name]
	ev := Evidence{Name: "a critical trigger", When: "", Severity: trigger.Critical, Since: now}
	d := Decision{Severity: trigger.Critical, Response: b.opts.Matrix.Respond(o.Tier, trigger.Critical)}
	if o.Plan == nil {
		d.Response = d.Response.Cap(evaluator.Notify)
		d.State, d.Reason = Firing, "the service has no rollback plan"
		return d
	}
	t, found := b.target(name, now)
	if found {
		d.Target = t.Version
		d.Reason = fmt.Sprintf("%s is the target: %s", t.Version, t.Why)
	}
	op := opinion{matrix: d.Response, response: d.Response}
	if found {
		op.lower(targetLimits(t, o)...)
	}
	inc := &Incident{Service: name, OpenedAt: now, Severity: trigger.Critical}
	inc.Group, inc.Members = b.changedTogether(name)
	op.lower(b.presentLimits(now, name, inc)...)
	op.lower(b.rehearsalLimits(now, inc, "", "")...)
	d.Response, d.Caps = op.response, byPrecedence(op.caps)
	var holds []Hold
	if !deploymentsUnknown(s, o) {
		holds = deploymentHolds(ev, s.Ledger.current(), o)
		if hold, only := b.onlyReported(name); only {
			holds = []Hold{hold}
		}
	}
	d.hold(b.holdsFor(now, inc, holds, d.Response))
	if d.HeldBy == "" {
		d.State, _ = b.stateFor(now, d)
	}
	return d
}
