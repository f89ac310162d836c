package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rollbackd/rollbackd/incident"
)

// grouped makes two services change together, some of the time.
func grouped(o *incident.Options, r *rand.Rand) {
	if r.IntN(2) == 0 {
		return
	}
	plan := *o.Services["auth"].Plan
	plan.Name = "pair"
	o.Groups = map[string]incident.Group{"pair": {Name: "pair", Services: []string{"auth", "cart"}, Plan: &plan}}
}

// groupChance deploys one change to both members of the group, or to one of them.
func groupChance(w *world, r *rand.Rand) {
	version, change := fmt.Sprintf("v%d", 1+r.IntN(6)), fmt.Sprintf("c%d", r.IntN(4))
	for _, service := range []string{"auth", "cart"} {
		if w.opts.Services[service].Deployment.Required && r.IntN(5) > 0 {
			w.give(incident.Deployed{Service: service, Version: version, Previous: "v0", Change: change, At: w.now, Source: "nats"})
		}
	}
}

// others are the other members of a run's group.
func others(run incident.Run, service string) []incident.Member {
	return slices.DeleteFunc(slices.Clone(run.Members), func(m incident.Member) bool { return m.Service == service })
}

// plannedTogether checks what must be true of each member when a group's run is
// planned, and that nothing else acts on one.
func (a *auditor) plannedTogether(e incident.Entry) {
	run := *e.Planned
	if by := a.claimed[e.Service]; by != "" {
		a.t.Errorf("invariant 2: %s is rolled back while %s acts on it", e.Service, by)
	}
	for _, m := range others(run, e.Service) {
		if other, acts := a.acting[m.Service]; acts {
			a.t.Errorf("invariant 2: %s is rolled back with its group while %s acts on it", m.Service, other.ID)
		}
		if m.To != "" && m.To == a.running[m.Service] || a.quarantined[m.Service+"/"+m.To] != "" {
			a.t.Errorf("invariant 4: %s is rolled back with its group to %s, which runs or is quarantined", m.Service, m.To)
		}
		a.claimed[m.Service] = run.ID
	}
}

// arrivedTogether notes that the members run their targets.
func (a *auditor) arrivedTogether(run incident.Run, e incident.Entry) {
	for _, m := range others(run, e.Service) {
		delete(a.claimed, m.Service)
		if m.To != "" && a.moved[run.ID] {
			a.running[m.Service] = m.To
			a.deployed(m.Service, m.To, "own "+e.At.String())
		}
	}
}

// endedTogether lets the members of a run go.
func (a *auditor) endedTogether(run string) {
	for service, by := range a.claimed {
		if by == run {
			delete(a.claimed, service)
		}
	}
}

// changedTogether notes what the first change of a group's run means for its members.
func (a *auditor) changedTogether(run incident.Run, ref incident.StepRef, e incident.Entry, charge bool) {
	for _, m := range others(run, e.Service) {
		if key := m.Service + "/" + m.From; m.From != "" && run.Leaves && ref.Section == incident.SectionSteps && a.quarantined[key] == "" {
			a.quarantined[key] = ref.Run
		}
		if !charge {
			continue
		}
		now := autoStart{service: m.Service, deployment: a.deployment[m.Service], at: e.At, shared: true}
		for _, old := range a.autos {
			if old.service == now.service && old.deployment == now.deployment {
				a.t.Errorf("invariant 2: a second automatic rollback of %s for the same deployment, with its group", m.Service)
			}
		}
		a.autos = append(a.autos, now)
	}
}
