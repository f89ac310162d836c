package incident

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// seenRule records what was seen for the first time and must outlive a restart:
// that triggers were known ok (never_ok), that metrics had a series (absent).
func (b *Brain) seenRule(now time.Time, name string, l *live) []Effect {
	if l.allSeen {
		return nil
	}
	s := b.mem.service(name)
	seen, missing := &SeenEntry{}, false
	for _, spec := range l.watch.Triggers() {
		known := s.SeenOK[seenKey(spec.Name, spec.Expr.Text)]
		missing = missing || !known
		if st, _ := l.watch.Status(spec.Name); st.Truth == trigger.OK && !known {
			seen.Triggers = append(seen.Triggers, SeenTrigger{Name: spec.Name, When: spec.Expr.Text})
		}
		for _, c := range spec.Expr.Conditions {
			if c.Kind != trigger.Absent || s.Existed[c.Metric] {
				continue
			}
			missing = true
			if l.watch.Existed(c.Metric) && !slices.Contains(seen.Metrics, c.Metric) {
				seen.Metrics = append(seen.Metrics, c.Metric)
			}
		}
	}
	l.allSeen = !missing
	if len(seen.Triggers)+len(seen.Metrics) == 0 {
		return nil
	}
	e := b.entry(now, KindSeen, name, "rollbackd", seenText(seen))
	e.Seen = seen
	return []Effect{Record{Entry: e}}
}

func seenText(seen *SeenEntry) string {
	var parts []string
	for _, t := range seen.Triggers {
		parts = append(parts, "trigger "+t.Name+" was ok")
	}
	for _, m := range seen.Metrics {
		parts = append(parts, "metric "+m+" had a series")
	}
	return "for the first time: " + strings.Join(parts, ", ")
}

// openRule opens an incident when a trigger fires and none is open.
func (b *Brain) openRule(now time.Time, name string, l *live, s *serviceMemory) []Effect {
	fired := b.firingNow(name, l)
	if len(fired) == 0 || b.decidedFor(name) != nil {
		return nil
	}
	e := b.entry(now, KindOpened, name, "rollbackd", "incident opened: "+evidenceText(fired[0], b.deploymentOf(name)))
	e.Incident = incidentID(s, name, now)
	e.Opened = &OpenedEntry{
		Severity: worst(fired), Mode: b.mode(name), Triggers: fired, OKBefore: b.okBefore(l, fired),
		Deployment: copyDeployment(b.deploymentOf(name)), Blames: b.blamed(name, s, fired), Labels: maps.Clone(b.opts.Services[name].Labels),
	}
	e.Opened.Group, e.Opened.Members = b.changedTogether(name)
	if e.Opened.Group != "" {
		e.Text += fmt.Sprintf("; %s changed together (group %s)", listed(namesOf(e.Opened.Members)), e.Opened.Group)
	}
	return []Effect{Record{Entry: b.sampled(e, &Incident{Service: name, Triggers: fired})}}
}

func namesOf(members []Member) []string {
	var names []string
	for _, m := range members {
		names = append(names, m.Service)
	}
	return names
}

// incidentID is the service and the second it opened: short enough to type at
// night, and never the same again even after the journal was lost, because a
// remote end may remember it as an idempotency key.
func incidentID(s *serviceMemory, service string, at time.Time) string {
	id := service + "-" + at.UTC().Format("20060102-150405")
	again := 1
	for _, inc := range s.Closed {
		if inc.ID == id || strings.HasPrefix(inc.ID, id+"-") {
			again++
		}
	}
	if again > 1 {
		id = fmt.Sprintf("%s-%d", id, again)
	}
	return id
}

func (b *Brain) mode(name string) string {
	if b.opts.Shadow || b.opts.Services[name].Shadow {
		return "shadow"
	}
	return "live"
}

// firingNow is the evidence of every trigger that fires, the gravest first.
func (b *Brain) firingNow(name string, l *live) []Evidence {
	var fired []Evidence
	for _, spec := range l.watch.Triggers() {
		if st, _ := l.watch.Status(spec.Name); st.State == trigger.Firing {
			fired = append(fired, b.evidence(name, spec, st))
		}
	}
	sort.SliceStable(fired, func(i, j int) bool { return fired[i].Severity > fired[j].Severity })
	return fired
}

// okBefore are the other triggers that were known ok right before the breach
// began: one that began to breach with it, and has not fired yet, is among them.
func (b *Brain) okBefore(l *live, fired []Evidence) []string {
	begin := fired[0].Since
	for _, ev := range fired {
		if ev.Since.Before(begin) {
			begin = ev.Since
		}
	}
	return b.okAt(l, begin.Add(-b.opts.MaxGap))
}

// okAt are the triggers that do not fire and were last known ok at a time or later.
func (b *Brain) okAt(l *live, since time.Time) []string {
	var ok []string
	for _, spec := range l.watch.Triggers() {
		st, _ := l.watch.Status(spec.Name)
		if last := l.watch.LastOK(spec.Name); st.State != trigger.Firing && !last.IsZero() && !last.Before(since) {
			ok = append(ok, spec.Name)
		}
	}
	return ok
}

func evidenceOf(spec trigger.Spec, st trigger.Status) Evidence {
	e := Evidence{
		Name: spec.Name, When: spec.Expr.Text, Severity: spec.Severity, Value: st.Value, HasValue: st.HasValue,
		Since: st.Since.UTC().Round(0), FiredAt: st.FiredAt.UTC().Round(0), FromNoData: st.FromNoData,
		HealthOnly: spec.Expr.HealthOnly(), Receivers: spec.Receivers, Length: windowLength(spec),
	}
	for _, c := range spec.Expr.Conditions {
		if c.Kind == trigger.Compare {
			e.Threshold, e.ThresholdValue = string(c.Op)+" "+c.ThresholdText, c.Threshold
			break
		}
	}
	if e.HasValue {
		e.ValueText = formatValue(e.Value, e)
	}
	return e
}

// windowLength is how long a trigger's window is: what it holds for, or M ticks.
func windowLength(spec trigger.Spec) time.Duration {
	if spec.Expr.Hold.For > 0 {
		return spec.Expr.Hold.For
	}
	return time.Duration(spec.Expr.Hold.M) * spec.Poll
}

func worst(evidence []Evidence) trigger.Severity {
	var most trigger.Severity
	for _, e := range evidence {
		most = max(most, e.Severity)
	}
	return most
}

func copyDeployment(d *Deployment) *Deployment {
	if d == nil {
		return nil
	}
	c := *d
	return &c
}

// blamed is the version whose deployment explains one of the triggers that
// would lead to more than a notification; empty when none does.
func (b *Brain) blamed(name string, s *serviceMemory, fired []Evidence) string {
	d := s.Ledger.current()
	if d == nil || d.Own || d.FirstLook || b.reported(name) != nil {
		return ""
	}
	o := b.opts.Services[name]
	if b.correlation(name, &Incident{OpenedAt: fired[0].FiredAt, Triggers: fired}).elsewhere {
		return "" // many breach at once: hardly this deployment's doing
	}
	for _, ev := range fired {
		if b.opts.Matrix.Respond(o.Tier, ev.Severity).Directness <= evaluator.Notify {
			continue
		}
		if !beforeDeployment(ev, d, o) && !pastBlame(ev, d, o) {
			return d.Version
		}
	}
	return ""
}

// evidenceRule records that a trigger fired or cleared while the incident is
// open, of the service or of another member of its group.
func (b *Brain) evidenceRule(now time.Time, l *live, inc *Incident) []Effect {
	if e := b.evidenceIn(now, l, inc, inc.Service); e != nil {
		return e
	}
	for _, m := range inc.others() {
		if other := b.live[m.Service]; other != nil && inc.State != Firing {
			if e := b.evidenceIn(now, other, inc, m.Service); e != nil {
				return e
			}
		}
	}
	return nil
}

// evidenceIn records that a trigger of one service fired or cleared. A trigger of
// another member is evidence by the name of its service and its own.
func (b *Brain) evidenceIn(now time.Time, l *live, inc *Incident, service string) []Effect {
	prefix := ""
	if service != inc.Service {
		prefix = service + "/"
	}
	for _, spec := range l.watch.Triggers() {
		st, _ := l.watch.Status(spec.Name)
		i := inc.evidence(prefix + spec.Name)
		known := i >= 0 && inc.Triggers[i].ClearedAt.IsZero()
		switch {
		case st.State == trigger.Firing && st.Truth == trigger.Breach && !known:
			return b.fired(now, inc, prefix, b.evidence(service, spec, st))
		case st.State == trigger.Firing && st.Truth == trigger.Breach:
			if ev, graver := b.saidAgain(service, spec, st, inc.Triggers[i]); graver {
				return b.fired(now, inc, prefix, ev)
			}
			if inc.Triggers[i].FromNoData && !st.FromNoData {
				ev := b.evidence(service, spec, st)
				ev.Again = true
				return b.fired(now, inc, prefix, ev)
			}
		case st.State == trigger.Inactive && st.Truth == trigger.OK && known:
			ev := inc.Triggers[i]
			ev.ClearedAt = now
			e := b.incidentEntry(now, KindCleared, inc, "rollbackd", fmt.Sprintf("trigger %s is ok again%s", ev.Name, valueText(ev, st)))
			e.Trigger = &ev
			return []Effect{Record{Entry: e}}
		}
	}
	return nil
}

// fired records that a trigger fired, that a signal made one that fires graver, or
// that one fires by what is known, and no longer by no_data alone.
func (b *Brain) fired(now time.Time, inc *Incident, prefix string, ev Evidence) []Effect {
	what := "trigger fired: "
	if ev.Again {
		what = "more was said of it: "
		if i := inc.evidence(prefix + ev.Name); i >= 0 && inc.Triggers[i].FromNoData {
			what = "what is known alone fills its window now: "
		}
	}
	ev.Name = prefix + ev.Name
	e := b.incidentEntry(now, KindFired, inc, "rollbackd", what+evidenceText(ev, inc.Deployment))
	e.Trigger = &ev
	var m *Message
	if inc.brokenMeanwhile() {
		m = b.message(now, inc, e, FailedHead, "failed")
	}
	return []Effect{Record{Entry: e, Message: m}}
}

func valueText(ev Evidence, st trigger.Status) string {
	if !st.HasValue {
		return ""
	}
	return " (" + formatValue(st.Value, ev) + ")"
}
