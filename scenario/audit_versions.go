package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// versions are what the auditor knows of a service's versions, by the journal.
type versions struct {
	running string
	// shown is what a version source showed last, and reported tells that the present
	// deployment is somebody's word alone.
	shown    string
	reported bool
	// census is how many units run which version, by the newest word of its source.
	census []incident.VersionCount
	// deployment names the present deployment, noneKnown where none is known, and
	// newest the newest of each version.
	deployment string
	newest     map[string]string
	// count rises with each deployment that somebody made.
	count int
	// quarantined holds, by version, the incident that put it there.
	quarantined map[string]string
	// known is what there is to know of each deployment, by the name that it has here.
	known map[string]deployed
	// forbidden are the deployments of which somebody said that they are not to be
	// undone by themselves.
	forbidden map[string]bool
}

// deployed is what the auditor knows of a deployment that somebody made. One that
// a rollback made is in no list of them.
type deployed struct {
	// began is by the daemon's clock, and clock tells of the times at which that was
	// set without the daemon's knowledge: began means nothing after another.
	began time.Time
	clock time.Duration
	// firstLook is true for what ran when rollbackd first looked.
	firstLook bool
}

// noneKnown stands for the deployment of a service whose deployments are unknown.
const noneKnown = "none known"

func newVersions() versions {
	return versions{deployment: noneKnown, newest: map[string]string{}, quarantined: map[string]string{}, known: map[string]deployed{}, forbidden: map[string]bool{}}
}

// runs notes that a version runs as a deployment.
func (v *versions) runs(version, deployment string) {
	v.running, v.deployment, v.newest[version] = version, deployment, deployment
}

// versionEntry takes in a deployment, a version that a source shows, or a pardon.
func (a *auditor) versionEntry(e incident.Entry) {
	s := a.service(e.Service)
	switch {
	case e.Deployment != nil:
		d := e.Deployment
		s.versions.count++
		s.versions.reported = !d.Seen
		if d.Seen {
			s.versions.shown = d.Version
		}
		s.versions.runs(d.Version, d.Version+" from "+d.StartedAt.UTC().Format(time.RFC3339))
		s.versions.known[s.versions.deployment] = deployed{began: d.StartedAt, clock: a.jumped + a.behind, firstLook: d.FirstLook}
		a.forbidNew(e.Service, d.Version)
	case e.Running != nil && e.Running.Version == s.versions.running:
		s.versions.shown, s.versions.reported = e.Running.Version, false
	case e.Running != nil:
		s.versions.shown, s.versions.reported = e.Running.Version, false
		s.versions.running = e.Running.Version
		if again, known := s.versions.newest[e.Running.Version]; known {
			s.versions.deployment = again
		}
	case e.Pardon != nil:
		delete(s.versions.quarantined, e.Pardon.Version)
		for i := range s.autos {
			s.autos[i].pardoned = s.autos[i].pardoned || s.autos[i].deployment == noneKnown
		}
	}
}

// checkTarget holds a run to invariant 4, for each service that it takes somewhere.
func (a *auditor) checkTarget(r *auditedRun) {
	for _, leg := range r.legs {
		v := a.service(leg.Service).versions
		runs := v.runningBy(a.options.Services[leg.Service].Deployment)
		switch by := v.quarantined[leg.To]; {
		case leg.To == "":
		case leg.To == runs || leg.To == leg.From:
			a.report(4, "a rollback of %s from %s towards the version that runs", leg.Service, leg.From)
		case by != "":
			a.report(4, "a rollback of %s towards %s, which is quarantined since %s", leg.Service, leg.To, by)
		}
	}
}

// runningBy is the version that runs. As long as a version source shows another one
// than was reported last, and counts no unit of that, it is the one shown.
func (v versions) runningBy(o incident.DeploymentOptions) string {
	some := slices.ContainsFunc(v.census, func(c incident.VersionCount) bool { return c.Version == v.running && c.Units > 0 })
	if v.reported && v.shown != "" && o.HasSource && !some {
		return v.shown
	}
	return v.running
}

// leave quarantines the versions that a run leaves, from its first changed step on.
func (a *auditor) leave(r *auditedRun) {
	for _, leg := range r.legs {
		if q := a.service(leg.Service).versions.quarantined; leg.From != "" && q[leg.From] == "" {
			q[leg.From] = r.incident
		}
	}
}

// untouched takes back what an incident quarantined: nothing was changed after all.
func (a *auditor) untouched(r *auditedRun) {
	for _, leg := range r.legs {
		if q := a.service(leg.Service).versions.quarantined; q[leg.From] == r.incident {
			delete(q, leg.From)
		}
	}
}

// arrive makes a run's targets the running versions, as deployments of our own.
func (a *auditor) arrive(r *auditedRun) {
	for _, leg := range r.legs {
		if leg.To != "" {
			a.service(leg.Service).versions.reported = false
			a.service(leg.Service).versions.runs(leg.To, fmt.Sprintf("%s by rollback %s", leg.To, r.id))
		}
	}
}
