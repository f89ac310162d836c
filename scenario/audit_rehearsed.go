package scenario

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// rehearsal is one that the auditor knows of.
type rehearsal struct {
	// at is by the daemon's own measure, see auditor.aged.
	at time.Duration
	// plan is the plan's document, scope the part of it that was tried; empty is the whole.
	plan, scope string
	ok          bool
}

// aged is the time by which ages are measured: a clock that was set back without
// the daemon's knowledge makes them less.
func (a *auditor) aged() time.Duration { return a.now - a.behind }

// rehearsed takes in that a rehearsal was told of, and noted: what it found is the
// command's to say.
func (a *auditor) rehearsed(c *incident.Command) {
	if c.Rehearsal == nil {
		return
	}
	for _, p := range a.plansOf(c.Service) {
		if p.Name == c.Rehearsal.Plan {
			a.noteRehearsal(c.Service, rehearsal{
				plan: document(*p, a.options.Services[c.Service].Vars), scope: c.Rehearsal.Scope, ok: c.Rehearsal.OK,
			})
			return
		}
	}
}

// rehearsedEntry takes in that a rehearsal is on record. One that was a rollback in
// another service is good only where that run is known to have been whole.
func (a *auditor) rehearsedEntry(e incident.Entry) {
	if of := e.Rehearsed; of.Run != "" {
		if r, known := a.rehearsedRuns[of.Run]; known {
			a.noteRehearsal(e.Service, r)
		}
		return
	}
	if a.asked != nil && a.asked.Verb == "rehearsed" {
		a.rehearsed(a.asked)
	}
}

func (a *auditor) noteRehearsal(service string, r rehearsal) {
	r.at = a.aged()
	s := a.service(service)
	s.rehearsals = append(s.rehearsals, r)
}

// plansOf are the plans that a service may be rolled back by.
func (a *auditor) plansOf(service string) []*incident.Plan {
	o := a.options.Services[service]
	plans := []*incident.Plan{o.Plan}
	for _, name := range sortedKeys(a.options.Groups) {
		if g := a.options.Groups[name]; slices.Contains(g.Services, service) {
			plans = append(plans, g.Plan)
		}
	}
	for _, name := range sortedKeys(o.TriggerPlans) {
		plans = append(plans, o.TriggerPlans[name])
	}
	return slices.DeleteFunc(plans, func(p *incident.Plan) bool { return p == nil })
}

// document is all that a rehearsal of a plan is of: what the plan does, and the
// variables in it. How long to let things settle follows from the service's queries,
// and who must approve a step from [decide].
func document(p incident.Plan, vars map[string]string) string {
	p.Verify.Settle = 0
	for _, part := range []*[]incident.PlanStep{&p.Steps, &p.Forward, &p.Finally, &p.FollowUp} {
		*part = slices.Clone(*part)
		for i := range *part {
			(*part)[i].Approval = nil
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "" // it came from a file or a journal
	}
	document := []string{string(text)}
	for _, name := range sortedKeys(vars) {
		if strings.Contains(string(text), "${vars."+name+"}") {
			document = append(document, name+"="+vars[name])
		}
	}
	return strings.Join(document, "\n")
}

// runVars are the variables that a run was made with.
func runVars(values map[string]string) map[string]string {
	vars := map[string]string{}
	for name, value := range values {
		if own, is := strings.CutPrefix(name, "vars."); is {
			vars[own] = value
		}
	}
	return vars
}

// checkRehearsed holds an automatic run to rehearsed_within: the newest rehearsal of
// what it does, for any of the services that it is about, found no problem and is
// not too old.
func (a *auditor) checkRehearsed(r *auditedRun) {
	within := a.options.Guards.RehearsedWithin
	if within <= 0 {
		return
	}
	var newest *rehearsal
	for _, name := range r.services() {
		for _, one := range a.service(name).rehearsals {
			counts := one.plan == r.document && (one.scope == "" || one.scope == r.scope)
			if counts && (newest == nil || one.at > newest.at || one.at == newest.at && !one.ok) {
				newest = &one
			}
		}
	}
	switch {
	case newest == nil:
		a.report(0, "%s is rolled back automatically, and nobody has rehearsed plan %s as it is", r.service, r.plan.Name)
	case !newest.ok:
		a.report(0, "%s is rolled back automatically, and the newest rehearsal of plan %s found a problem", r.service, r.plan.Name)
	case a.aged()-newest.at > within+clockSlack:
		a.report(0, "%s is rolled back automatically, and plan %s was last rehearsed %s ago", r.service, r.plan.Name, a.aged()-newest.at)
	}
}
