package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Rehearsal is one rehearsal of a service's plan, as it is remembered.
type Rehearsal struct {
	At time.Time `json:"at"`
	// Plan is the plan's name, PlanHash what it was: see RehearsalHash.
	Plan     string `json:"plan"`
	PlanHash string `json:"plan_hash"`
	// Scope is the one that was rehearsed; empty means the whole plan.
	Scope string `json:"scope,omitempty"`
	// OK is true where no problem was found, Problems how many were.
	OK       bool `json:"ok"`
	Problems int  `json:"problems"`
	// Problem is the first of them in a few words; empty where none is known.
	Problem string `json:"problem,omitempty"`
	By      string `json:"by"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// TookSeconds is how long it took: with In from the decision to the run's end.
	TookSeconds float64 `json:"took_seconds,omitempty"`
	// In is the service that the plan was carried out for in earnest, Run the run,
	// and State how it ended; empty where nothing was changed.
	In    string   `json:"in,omitempty"`
	Run   string   `json:"run,omitempty"`
	State RunState `json:"state,omitempty"`
}

// RehearsalOf says whose plan a rollback rehearses in another service.
type RehearsalOf struct {
	Service string `json:"service"`
	// Plan is the name that was asked for; empty means the service's own.
	Plan string `json:"plan,omitempty"`
	// Hash is that of the plan, on a run; empty on an incident.
	Hash string `json:"hash,omitempty"`
}

// keepRehearsals is how many rehearsals of a service are remembered.
const keepRehearsals = 50

// rehearsed remembers a rehearsal.
func (s *serviceMemory) rehearsed(r Rehearsal) {
	s.Rehearsals = append(s.Rehearsals, r)
	if len(s.Rehearsals) > keepRehearsals {
		s.Rehearsals = s.Rehearsals[len(s.Rehearsals)-keepRehearsals:]
	}
}

// newestRehearsal is the newest rehearsal of a service that will do.
func (s *serviceMemory) newestRehearsal(will func(Rehearsal) bool) (Rehearsal, bool) {
	for _, r := range slices.Backward(s.Rehearsals) {
		if will(r) {
			return r, true
		}
	}
	return Rehearsal{}, false
}

// RehearsalHash names what a rehearsal was of: everything that the plan does, and
// the values of those variables that it uses. It holds no version: a rehearsal goes
// on counting over deployments. Settle is left out, because it follows from the
// queries of the service that has the plan, and so is who must approve a step by
// [decide], which a run fills in. It is empty of no plan.
func RehearsalHash(p *Plan, vars map[string]string) string {
	if p == nil {
		return ""
	}
	bare := *p
	bare.Verify.Settle = 0
	bare.Steps, bare.Forward, bare.Finally, bare.FollowUp = asWritten(p.Steps), asWritten(p.Forward), asWritten(p.Finally), asWritten(p.FollowUp)
	document, err := json.Marshal(bare)
	if err != nil {
		return "" // a plan is decoded from a file, so it marshals
	}
	used := map[string]string{}
	for name, value := range vars {
		if strings.Contains(string(document), "${vars."+name+"}") {
			used[name] = value
		}
	}
	values, err := json.Marshal(used)
	if err != nil {
		return "" // strings marshal
	}
	sum := sha256.Sum256(append(document, values...))
	return hex.EncodeToString(sum[:6])
}

// planOf is a plan as one service has it, with its variables.
type planOf struct {
	service string
	plan    *Plan
}

// rehearsalHash is RehearsalHash of a plan in force. It is asked of every service
// whenever people or Prometheus look, so it is worked out once a configuration.
func (b *Brain) rehearsalHash(service string, p *Plan) string {
	of := planOf{service, p}
	hash, known := b.hashes[of]
	if !known {
		hash = RehearsalHash(p, b.opts.Services[service].Vars)
		b.hashes[of] = hash
	}
	return hash
}

// asWritten are steps without what a run fills in; their Do says what was written.
func asWritten(steps []PlanStep) []PlanStep {
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].Approval = nil
	}
	return steps
}

// hash is RehearsalHash of the plan and the variables that a run was made from.
func (run *Run) hash() string {
	vars := map[string]string{}
	for name, value := range run.Values {
		if bare, is := strings.CutPrefix(name, "vars."); is {
			vars[bare] = value
		}
	}
	return RehearsalHash(&run.Plan, vars)
}

// planNamed is a plan that a service may be rolled back by: its own, that of its
// group, or that of a trigger. Without a name it is its own, else its group's.
// Nil where there is none.
func (b *Brain) planNamed(service, name string) *Plan {
	for _, p := range b.plansOf(service) {
		if name == "" || p.Name == name {
			return p
		}
	}
	return nil
}

// plansOf are all plans of a service, its own first; the same plan may be in it twice.
func (b *Brain) plansOf(service string) []*Plan {
	o := b.opts.Services[service]
	list := []*Plan{o.Plan}
	if g, ok := b.groupOf(service); ok {
		list = append(list, g.Plan)
	}
	for _, spec := range o.Triggers {
		list = append(list, o.TriggerPlans[spec.Name])
	}
	return slices.DeleteFunc(list, func(p *Plan) bool { return p == nil })
}

// groupsPlan tells whether a plan is that of the service's group.
func (b *Brain) groupsPlan(service string, p *Plan) bool {
	g, ok := b.groupOf(service)
	return ok && p != nil && g.Plan == p
}

// rehearsalLimits leave a rollback to a person where the plan that it would run
// was not rehearsed lately, or where its newest rehearsal found a problem: a way back
// that nobody has tried, or that was last seen broken, is no way to take without a
// person. Of services that change together the newest rehearsal counts for all.
func (b *Brain) rehearsalLimits(now time.Time, inc *Incident, trigger, scope string) []limit {
	within := b.opts.Guards.RehearsedWithin
	p := b.planFor(inc, trigger)
	if within <= 0 || p == nil {
		return nil
	}
	hash := b.rehearsalHash(inc.Service, p)
	counts := func(r Rehearsal) bool { return r.PlanHash == hash && (r.Scope == "" || r.Scope == scope) }
	var newest, before Rehearsal
	for _, name := range append([]string{inc.Service}, namesOf(inc.others())...) {
		s := b.mem.service(name)
		if r, ok := s.newestRehearsal(counts); ok && (r.At.After(newest.At) || r.At.Equal(newest.At) && !r.OK) {
			newest = r
		}
		if r, ok := s.newestRehearsal(func(r Rehearsal) bool { return r.OK && r.Plan == p.Name && r.PlanHash != hash }); ok && r.At.After(before.At) {
			before = r
		}
	}
	if newest.OK && now.Sub(newest.At) <= within {
		return nil
	}
	l := atMostApprove(GuardRehearsal, unrehearsed(now, p, newest, before)+fmt.Sprintf(", and rehearsed_within is %s", model.Duration(within)))
	l.why.ReleasesWhen = "rollbackd rehearse " + inc.Service + " finds no problem: that counts from the next decision on"
	return []limit{l}
}

// unrehearsed says why no rehearsal counts.
func unrehearsed(now time.Time, p *Plan, newest, before Rehearsal) string {
	switch {
	case !newest.At.IsZero() && !newest.OK:
		return fmt.Sprintf("the newest rehearsal of plan %s, %s ago, found %s", p.Name, age(now, newest.At), newest.found())
	case !newest.At.IsZero():
		return fmt.Sprintf("plan %s was last rehearsed without a problem at %s, %s ago", p.Name, clockTime(newest.At), age(now, newest.At))
	case !before.At.IsZero():
		return fmt.Sprintf("plan %s has changed since it was last rehearsed at %s", p.Name, clockTime(before.At))
	}
	return fmt.Sprintf("plan %s was never rehearsed without a problem", p.Name)
}

// found is what a rehearsal with problems found.
func (r Rehearsal) found() string {
	text := fmt.Sprintf("%d problems", r.Problems)
	if r.Problems == 1 {
		text = "1 problem"
	}
	if r.Problem != "" {
		text += ": " + r.Problem
	}
	return text
}

// age is how long ago something was, in whole days once it is that long.
func age(now, at time.Time) string {
	const day = 24 * time.Hour
	ago := max(0, now.Sub(at))
	if ago >= 2*day {
		return fmt.Sprintf("%d days", int(ago/day))
	}
	return model.Duration(ago.Round(time.Minute)).String()
}

// commandRehearsed remembers a rehearsal that found out what it could.
func (b *Brain) commandRehearsed(now time.Time, c Command, name string) []Effect {
	if c.Rehearsal == nil {
		return refuse(c, "bad_request", "a rehearsal without what it found", "")
	}
	r := *c.Rehearsal
	r.By = c.Actor
	return []Effect{Record{Entry: b.rehearsedEntry(now, name, r, c.Reason)}, Reply{ID: c.ID}}
}

func (b *Brain) rehearsedEntry(now time.Time, service string, r Rehearsal, reason string) Entry {
	r.At, r.TookSeconds = now, max(0, r.TookSeconds)
	text := fmt.Sprintf("rehearsed by %s: plan %s", r.By, r.Plan)
	if r.Scope != "" {
		text += ", scope " + r.Scope
	}
	if r.From != "" || r.To != "" {
		text += ", " + fromTo(r.From, r.To)
	}
	switch {
	case r.In != "":
		text += fmt.Sprintf(", in %s: %s after %s", r.In, r.State, time.Duration(r.TookSeconds*float64(time.Second)).Round(time.Second))
	case r.OK:
		text += ": no problem"
	case r.Problems == 1:
		text += ": one problem"
	default:
		text += fmt.Sprintf(": %d problems", r.Problems)
	}
	if reason != "" {
		text += " (" + reason + ")"
	}
	e := b.entry(now, KindRehearsed, service, r.By, text)
	e.Rehearsed = &r
	return e
}

// cannotRehearse is why a command to rehearse one service's plan in another is
// not carried out; no effects where it may be.
func (b *Brain) cannotRehearse(now time.Time, c Command, name string, inc *Incident) []Effect {
	if c.Rehearses == "" {
		return nil
	}
	p := b.planNamed(c.Rehearses, c.Plan)
	_, known := b.opts.Services[c.Rehearses]
	switch {
	case !known:
		return refuse(c, "not_found", b.notConfigured(c.Rehearses), "")
	case name == c.Rehearses:
		return refuse(c, "bad_request", fmt.Sprintf("%s in %s is no rehearsal: that is a rollback", c.Rehearses, name), "")
	case p == nil:
		return refuse(c, "not_found", b.noPlan(c.Rehearses, c.Plan), "")
	case b.groupsPlan(c.Rehearses, p):
		return refuse(c, "bad_request", fmt.Sprintf("plan %s is a group's: it takes several services back and cannot be rehearsed in one", p.Name), "")
	case !p.hasScope(c.Scope):
		return refuse(c, "not_found", noScope(p, c.Scope), "")
	case inc != nil:
		return b.refused(now, c, inc, fmt.Sprintf("%s has an open incident (%s): rehearse in it once that is closed", name, inc.ID), "")
	}
	return nil
}

// noPlan says that a service has no such plan, and which ones it has.
func (b *Brain) noPlan(service, name string) string {
	if name == "" {
		return fmt.Sprintf("service %q has no rollback plan", service)
	}
	var names []string
	for _, p := range b.plansOf(service) {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	has := "none"
	if len(names) > 0 {
		has = strings.Join(names, ", ")
	}
	return fmt.Sprintf("service %q has no rollback plan %q (it has %s)", service, name, has)
}

// noScope says that no step of a plan is in a scope, and which scopes there are.
func noScope(p *Plan, scope string) string {
	return fmt.Sprintf("no step of plan %s is in scope %q (it has %s)", p.Name, scope, p.scopesText())
}

// rehearsalOf is whose plan a command rehearses; nil for every other command.
func rehearsalOf(c Command) *RehearsalOf {
	if c.Rehearses == "" {
		return nil
	}
	return &RehearsalOf{Service: c.Rehearses, Plan: c.Plan}
}

// rehearsedRule remembers a run that rehearsed another service's plan, once it has
// ended, for that service: what it took is what its own rollback is likely to take.
func (b *Brain) rehearsedRule(now time.Time, inc *Incident, run *Run) []Effect {
	of := run.Rehearses
	if of == nil {
		return nil
	}
	if _, noted := b.mem.service(of.Service).newestRehearsal(func(r Rehearsal) bool { return r.Run == run.ID }); noted {
		return nil
	}
	r := Rehearsal{
		Plan: run.Plan.Name, PlanHash: of.Hash, Scope: run.Scope, OK: run.State == RunCompleted, By: run.By, From: run.From, To: run.To,
		In: inc.Service, Run: run.ID, State: run.State, TookSeconds: run.DurationSeconds,
	}
	if r.OK && run.Enough != nil {
		r.OK, r.Problems, r.Problem = false, 1, "it was well before all steps had run: the rest is not tried"
	}
	if !r.OK && r.Problem == "" {
		r.Problems, r.Problem = 1, fmt.Sprintf("in %s it ended %s", inc.Service, run.State)
	}
	return []Effect{Record{Entry: b.rehearsedEntry(now, of.Service, r, "")}}
}
