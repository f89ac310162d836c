package scenario

import (
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// opened takes in a new incident, and holds its triggers to the rule of the window.
func (a *auditor) opened(e incident.Entry) {
	i := &auditedIncident{
		id: e.Incident, service: e.Service, members: membersBeside(e.Service, e.Opened.Members), manual: e.Opened.Manual,
		evidence: map[string]auditedEvidence{},
	}
	a.incidents[i.id] = i
	i.okBefore = a.surelyOK(i)
	for _, ev := range e.Opened.Triggers {
		a.fired(i, ev)
	}
}

// reopened takes in that an incident is open again. Nothing may be done about it
// without a person any more, and it must have been a rollback that was verified
// within the last day, to the version that is the newest still.
func (a *auditor) reopened(e incident.Entry) {
	last, known := a.rolledBack[e.Service]
	switch v := a.service(e.Service).versions; {
	case !known || last.incident != e.Incident:
		a.report(7, "incident %s of %s is reopened, and it was not the newest that was closed as rolled back", e.Incident, e.Service)
	case a.now-last.at > 24*time.Hour:
		a.report(7, "incident %s of %s is reopened %s after it was closed", e.Incident, e.Service, a.now-last.at)
	case v.count != last.count:
		a.report(7, "incident %s of %s is reopened, and %s was deployed since", e.Incident, e.Service, v.deployment)
	}
	i := &auditedIncident{
		id: e.Incident, service: e.Service, evidence: map[string]auditedEvidence{}, touched: 1, halted: "its rollback was verified and it broke again",
	}
	a.incidents[i.id] = i
	for _, ev := range e.Reopened.Triggers {
		a.fired(i, ev)
	}
}

// wentBack is an incident that was closed as rolled back.
type wentBack struct {
	incident string
	at       time.Duration
	// count is the number of deployments that the service had had by then.
	count int
}

// home is the service and the own name of a piece of evidence: that of another
// member of a group has the name of its service before it.
func (i *auditedIncident) home(evidence string) (service, name string) {
	for _, member := range i.members {
		if own, is := strings.CutPrefix(evidence, member+"/"); is {
			return member, own
		}
	}
	return i.service, evidence
}

// trackOf is the track of a trigger that evidence is about; nil where it is gone.
func (a *auditor) trackOf(i *auditedIncident, evidence string) *track {
	service, name := i.home(evidence)
	for _, t := range a.service(service).tracks {
		if t.spec.Name == name {
			return t
		}
	}
	return nil
}

// fired takes in that a trigger is said to fire: its window must be full, by
// samples that are known.
func (a *auditor) fired(i *auditedIncident, ev incident.Evidence) {
	e, t := auditedEvidence{length: ev.Length}, a.trackOf(i, ev.Name)
	if t != nil {
		e.onset, e.sure = t.onset()
	}
	i.evidence[ev.Name] = e
	if t != nil && !t.foreign && !t.fired {
		a.report(6, "trigger %s of %s is said to fire, and its window is not full of known samples that breach", ev.Name, i.service)
	}
}

// evidenceEntry takes in that a trigger of an incident fired or cleared, or that
// all were read ok before acting.
func (a *auditor) evidenceEntry(e incident.Entry) {
	i := a.incidents[e.Incident]
	if i == nil {
		return
	}
	switch e.Kind {
	case incident.KindFired:
		a.fired(i, *e.Trigger)
	case incident.KindCleared:
		a.cleared(i, e.Trigger.Name, "cleared")
	case incident.KindStoodDown:
		for _, name := range sortedKeys(i.evidence) {
			if !i.evidence[name].cleared {
				a.cleared(i, name, "read ok before acting")
			}
		}
	default: // the caller sends no other kind
	}
}

// cleared takes in that a trigger is said to be ok: its newest answer must be. One
// that waits for signals alone is answered anew by whatever ends them, a deployment
// say, without any sample.
func (a *auditor) cleared(i *auditedIncident, name, how string) {
	t := a.trackOf(i, name)
	if t != nil && !t.foreign && !ofSignals(t) && t.newest&mayOK == 0 {
		a.report(6, "trigger %s of %s is said to be %s, and it is not known ok", name, i.service, how)
	}
	ev := i.evidence[name]
	ev.cleared = true
	i.evidence[name] = ev
}

// ofSignals tells whether a trigger waits for signals alone.
func ofSignals(t *track) bool {
	return len(t.spec.Expr.Signals()) > 0 && t.spec.Expr.EventDriven()
}

// firstSeen holds what was seen ok for the first time to what was seen.
func (a *auditor) firstSeen(e incident.Entry) {
	for _, first := range e.Seen.Triggers {
		for _, t := range a.service(e.Service).tracks {
			if t.spec.Name == first.Name && !t.foreign && t.newest&mayOK == 0 {
				a.report(6, "trigger %s of %s is said to be ok, and it is not known ok", first.Name, e.Service)
			}
		}
	}
}

// checkJustified holds an automatic run to what was read last: a trigger of its
// incident was known to breach when it was read again right before. What no_data
// alone makes a breach is not enough.
func (a *auditor) checkJustified(r *auditedRun) {
	i := a.incidents[r.incident]
	if i == nil {
		return
	}
	behind := a.behindIt(i)
	if len(behind) == 0 {
		a.report(6, "%s is rolled back automatically, and none of its triggers was known to breach when it was read right before", r.service)
		return
	}
	a.checkCulprit(r, behind)
	a.checkAlone(r, i, behind)
	a.checkEverOK(r, behind)
	a.checkBorneOut(r, behind)
}

// behindIt are those of an incident's triggers that may have been known to breach
// when they were read right before acting, hold aside: one that was ok for a moment
// since it fired may be among them.
func (a *auditor) behindIt(i *auditedIncident) []standing {
	var behind []standing
	for _, name := range sortedKeys(i.evidence) {
		service, own := i.home(name)
		s, t := a.service(service), a.trackOf(i, name)
		fresh := s.confirmed != nil && a.now-s.confirmedAt <= 2*a.options.Poll
		if fresh && (s.confirmed[own]&mayBreach != 0 || t != nil && t.foreign) {
			behind = append(behind, standing{service, s, t, i.evidence[name]})
		}
	}
	return behind
}

// standing is a trigger that stands behind an action, and its service; the track
// is nil where the trigger is not configured any more.
type standing struct {
	home    string
	service *audited
	track   *track
	fired   auditedEvidence
}

// closed takes in that an incident is over. One that closes because all is well
// must have been known well for long enough.
func (a *auditor) closed(e incident.Entry) {
	i := a.incidents[e.Incident]
	if i == nil {
		return
	}
	if !e.Closed.Fresh && e.Closed.Outcome != incident.RolledBack {
		a.checkRecovered(i)
	}
	for _, name := range i.touches() {
		s := a.service(name)
		for _, t := range s.tracks {
			if e.Closed.Fresh {
				t.anew()
			}
		}
		if e.Closed.Fresh {
			s.windowsFrom = e.At
		}
	}
	if e.Closed.Fresh {
		a.hearSignals() // what was said stands, unless it was of a deployment that is gone
	}
	if e.Closed.Outcome == incident.RolledBack {
		a.rolledBack[e.Service] = wentBack{incident: i.id, at: a.now, count: a.service(e.Service).versions.count}
	}
	delete(a.incidents, i.id)
	for id, r := range a.runs {
		if r.incident == i.id {
			delete(a.runs, id)
		}
	}
}

// defaultHold is verify.hold for a service without a plan.
const defaultHold = 5 * time.Minute

// checkRecovered holds the close of an incident to known ok answers of each of its
// triggers, for as long as its window and verify.hold.
func (a *auditor) checkRecovered(i *auditedIncident) {
	hold := defaultHold
	if p := a.options.Services[i.service].Plan; p != nil {
		hold = p.Verify.Hold
	}
	for _, name := range sortedKeys(i.evidence) {
		t := a.trackOf(i, name)
		if t == nil || t.foreign {
			continue
		}
		want := max(hold, min(t.length(), i.evidence[name].length))
		if ofSignals(t) {
			want -= a.options.Poll // what ended it came between two ticks
		}
		since, last := t.well()
		if ok := last.Sub(since); since.IsZero() || ok < want {
			a.report(6, "incident %s of %s is closed because it is well, and trigger %s was known ok for %s, not for %s", i.id, i.service, name, ok, want)
		}
	}
}

// read notes which reads were asked for, so that their answers find a service.
func (a *auditor) read(r incident.Read) {
	if r.Kind == incident.Confirm || r.Kind == incident.Full {
		a.reads[r.ID] = r.Service
	}
}
