package scenario

import "github.com/rollbackd/rollbackd/incident"

// What leaves a rollback to a person: a trigger that was never right, health and
// signals that nothing bears out, a deployment of which somebody said so. They have
// no number among the invariants.

// busSource is the source of what comes by NATS.
const busSource = "nats"

// checkEverOK holds an automatic run to never_ok: one of the triggers behind it was
// seen ok since it was added.
func (a *auditor) checkEverOK(r *auditedRun, behind []standing) {
	if !a.options.Guards.NeverOK {
		return
	}
	for _, b := range behind {
		if b.track == nil || b.track.foreign || b.service.wasOK[b.track.meaning()] {
			return
		}
	}
	a.report(0, "%s is rolled back automatically, and none of the triggers behind it was ever seen ok", r.service)
}

// checkBorneOut holds an automatic run to require_corroboration: health, and what
// NATS says, move nothing alone.
func (a *auditor) checkBorneOut(r *auditedRun, behind []standing) {
	if !a.options.Corroborate {
		return
	}
	for _, b := range behind {
		if b.track == nil || b.track.foreign || !b.track.eventDriven || b.saidByPerson() {
			return
		}
	}
	a.report(0, "%s is rolled back automatically on health events or signals from NATS alone, and require_corroboration is set", r.service)
}

// saidByPerson tells whether a trigger waits for a signal that a person sent.
func (b standing) saidByPerson() bool {
	for _, c := range b.track.spec.Expr.Conditions {
		if b.service.signals[c.Event].person {
			return true
		}
	}
	return false
}

// forbidding is a report of a deployment that is not to be undone by itself.
type forbidding struct{ service, version, deployment string }

// reported takes in a report. One that names the version that runs is about the
// present deployment, every other about one that is about to be noted.
func (a *auditor) reported(in incident.Deployed) {
	if !in.NoAutoRollback {
		return
	}
	v := a.service(in.Service).versions
	a.forbids = &forbidding{service: in.Service, version: in.Version}
	if in.Version == v.running && v.newest[in.Version] == v.deployment && !v.forbidden[v.deployment] {
		a.forbids.deployment = v.deployment
		v.forbidden[v.deployment] = true
	}
}

// forbidNew takes in that a deployment was noted.
func (a *auditor) forbidNew(service, version string) {
	if f := a.forbids; f != nil && f.service == service && f.version == version {
		v := a.service(service).versions
		v.forbidden[v.deployment] = true
	}
}

// lost takes in that something could not be written down: what was just reported is
// then nothing that the daemon knows.
func (a *auditor) lost() {
	if f := a.forbids; f != nil && f.deployment != "" {
		delete(a.service(f.service).versions.forbidden, f.deployment)
	}
}

// checkForbidden holds an automatic run to no_auto_rollback, for each service whose
// deployment it undoes.
func (a *auditor) checkForbidden(r *auditedRun) {
	for _, leg := range r.legs {
		if v := a.service(leg.Service).versions; r.leaves && v.forbidden[v.deployment] {
			a.report(0, "%s is rolled back automatically, and %s was deployed with no_auto_rollback", leg.Service, leg.From)
		}
	}
}
