package scenario

import (
	"fmt"
	"maps"
	"slices"
	"time"

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
	if why := w.deaf(); why != "" {
		w.record.note(w.now, e.service, "world", "a health check is lost: "+why)
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
		w.catchUp()
	}
}

// deployed lets a version be deployed: the event is reported and, unless it is
// still rolling out, the version source shows the version.
func (w *world) deployed(e deployedEvent) {
	w.report(e)
	if !e.Rolling {
		w.shows(e.Service, w.everywhere(e.Service, e.Version))
	}
}

// report tells the daemon of a deployment, by NATS or as a person who may.
func (w *world) report(e deployedEvent) {
	onBus := e.Source == "nats"
	if why := w.deaf(); why != "" && onBus {
		w.record.note(w.now, e.Service, "world", "the deployment of "+e.Version+" is not reported: "+why)
		return
	}
	if !onBus && w.forbids(speaker{name: e.By}, "deployments") {
		return
	}
	in := e.Deployed
	in.At = w.clock()
	if e.hasStartedAt {
		in.StartedAt = w.wall(e.startedAt)
	}
	if onBus && w.brain == nil {
		w.record.note(w.now, e.Service, "world", "the deployment of "+e.Version+" waits in the stream: the daemon is away")
		w.missed = append(w.missed, in)
		return
	}
	w.input(in)
}

// catchUp reads from the stream what was deployed while the daemon was away.
func (w *world) catchUp() {
	if _, down := w.holds(faultNATS, w.now); down {
		return
	}
	for len(w.missed) > 0 && w.brain != nil {
		next := w.missed[0]
		w.missed = w.missed[1:]
		w.input(next)
	}
}

// firstVersions puts in place what ran before the case began: what the first
// deployment of each service names as previous.
func (w *world) firstVersions() {
	for _, e := range w.c.events {
		if e.deployed == nil {
			continue
		}
		if _, known := w.versions[e.deployed.Service]; !known {
			w.versions[e.deployed.Service] = shown{version: e.deployed.Previous}
		}
	}
}

// shows lets a service's version source, where it has one, show a version.
func (w *world) shows(service string, s shown) {
	w.versions[service] = s
	w.showVersion(service)
}

// everywhere is a version on every unit, as far as units were counted before.
func (w *world) everywhere(service, version string) shown {
	s := shown{version: version}
	units := 0
	for _, c := range w.versions[service].census {
		units += c.Units
	}
	if units > 0 {
		s.census = []incident.VersionCount{{Version: version, Units: units}}
	}
	return s
}

func (w *world) showVersions() {
	for _, service := range slices.Sorted(maps.Keys(w.versions)) {
		w.showVersion(service)
	}
}

func (w *world) showVersion(service string) {
	s := w.versions[service]
	if w.scrapes != nil && w.scrapes.shown[service] {
		return // it shows what its query says
	}
	if s.version == "" || !w.options.Services[service].Deployment.HasSource || w.asleep() {
		return
	}
	source := "symlink"
	if s.census != nil {
		source = "version_query"
	}
	w.input(incident.VersionSeen{Service: service, Version: s.version, At: w.clock(), Source: source, Census: s.census})
}
