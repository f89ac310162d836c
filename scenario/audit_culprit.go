package scenario

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// A rollback needs a culprit: a breach that began before the deployment, or without
// one, or for many services at once, is nothing to act on without a person. That has
// no number among the invariants.

// moved takes in that the wall clock was set, and that the daemon knows.
func (v *versions) moved(by time.Duration) {
	for name, d := range v.known {
		d.began = d.began.Add(by)
		v.known[name] = d
	}
}

// movedEvidence is moved for what the triggers of a service's incidents fired for.
func (a *auditor) movedEvidence(service string, by time.Duration) {
	for _, i := range a.incidents {
		for name, ev := range i.evidence {
			if home, _ := i.home(name); home == service {
				ev.onset = ev.onset.Add(by)
				i.evidence[name] = ev
			}
		}
	}
}

// onset is when the breach of a trigger began that it shows now; false where that
// is not certain: of "in N of M", of health, and of what is not known now.
func (t *track) onset() (time.Time, bool) {
	sure := t.exact && !t.foreign && t.spec.Expr.Hold.M == 0 && t.open && t.newest == mayBreach
	return t.t0, sure
}

// checkCulprit holds an automatic run to a deployment that explains it: of one of the
// triggers behind it, the breach began after the deployment and within its blame window.
func (a *auditor) checkCulprit(r *auditedRun, behind []standing) {
	if slices.ContainsFunc(behind, a.mayExplain) {
		return
	}
	a.report(0, "%s is rolled back automatically, and no deployment explains any of the triggers behind it", r.service)
}

// mayExplain tells whether a service's present deployment may explain that a
// trigger breaches.
func (a *auditor) mayExplain(b standing) bool {
	o, v := a.options.Services[b.home].Deployment, b.service.versions
	if v.deployment == noneKnown {
		return !o.Required && !o.HasSource
	}
	d, known := v.known[v.deployment]
	if !known || d.firstLook {
		return false
	}
	if b.track == nil || d.clock != a.jumped+a.behind {
		return true
	}
	// What it fired for counts, also where nothing could be seen in between and its
	// window began anew.
	onset, sure := b.track.onset()
	return !sure || !b.fired.sure || explains(d, o, onset) || explains(d, o, b.fired.onset)
}

// explains tells whether a breach began after a deployment and within its blame window.
func explains(d deployed, o incident.DeploymentOptions, onset time.Time) bool {
	return !onset.Before(d.began.Add(-o.OnsetSlack)) && !onset.After(d.began.Add(o.BlameWindow))
}

// checkAlone holds an automatic run to the guard against somebody else's fault: not
// so many services began to breach at about the same time. Exempt is the one that all
// others depend on, where it was deployed and broke first, and is critical.
func (a *auditor) checkAlone(r *auditedRun, i *auditedIncident, behind []standing) {
	c, total := a.options.Guards.Correlated, len(a.options.Services)
	own, sure := a.ownOnset(i)
	if !sure || c.Services <= 0 || total < 2 || len(a.options.Groups) > 0 {
		return // how a group counts is left open
	}
	others, first := 0, true
	for _, name := range sortedKeys(a.options.Services) {
		if name == r.service {
			continue
		}
		since, breaches := a.brokeNear(name, own, c.Within)
		if !breaches {
			continue
		}
		others++
		first = first && own.Before(since) && a.dependsOn(name, r.service, nil)
	}
	upstream := first && slices.ContainsFunc(behind, a.mayExplain)
	n := others + 1
	reached := n == total
	if total >= smallFleet {
		reached = n >= c.Services && float64(n) >= c.Share*float64(total)
	}
	if reached && !upstream {
		a.report(0, "%s is rolled back automatically, and %d of %d services began to breach within %s of it", r.service, n, total, c.Within)
	}
}

// smallFleet is below how many services all of them must breach.
const smallFleet = 5

// ownOnset is when the first of an incident's triggers that still stand began to
// breach; false where that is not certain of all of them.
func (a *auditor) ownOnset(i *auditedIncident) (first time.Time, sure bool) {
	for _, name := range sortedKeys(i.evidence) {
		if i.evidence[name].cleared {
			continue
		}
		t := a.trackOf(i, name)
		if t == nil {
			return first, false
		}
		onset, certain := t.onset()
		if !certain {
			return first, false
		}
		if first.IsZero() || onset.Before(first) {
			first = onset
		}
	}
	return first, !first.IsZero()
}

// brokeNear is when the first breach of a service began that is certain, is shown
// now and began around a time.
func (a *auditor) brokeNear(service string, around time.Time, within time.Duration) (first time.Time, breaches bool) {
	for _, t := range a.service(service).tracks {
		onset, sure := t.onset()
		if !sure || t.spec.WarmUp > 0 || t.spec.MinRequests > 0 || onset.Sub(around).Abs() > within {
			continue
		}
		if first.IsZero() || onset.Before(first) {
			first = onset
		}
	}
	return first, !first.IsZero()
}

// dependsOn tells whether a service depends on another, by whatever way.
func (a *auditor) dependsOn(service, on string, seen []string) bool {
	for _, next := range a.options.Services[service].DependsOn {
		if next == on || !slices.Contains(seen, next) && a.dependsOn(next, on, append(seen, next)) {
			return true
		}
	}
	return false
}
