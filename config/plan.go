package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Plan is what a rollback does: a table of [plans], or a service's own.
type Plan struct {
	// Name is that of the plan, or of the service whose own it is.
	Name string
	// Target is hoped for, SLA is decision to verified, Timeout is hard.
	Target, SLA, Timeout   time.Duration
	Verify                 Verify
	Checks, Steps, Finally []Step

	at *path
}

// Verify is `verify`: when a rollback counts as having worked.
type Verify struct {
	// Settle is zero in a shared plan that leaves it to each service, and
	// filled in wherever a service has the plan.
	Settle       time.Duration
	Hold, Within time.Duration
	// When are the conditions as written; Conditions are the same, parsed for
	// the service that has the plan.
	When       []string
	Conditions []trigger.Expr

	settleWritten bool
	at            *path
}

func readPlans(root *table) map[string]*Plan {
	out := map[string]*Plan{}
	root.names("plans", "[plans.NAME]", func(name string, t *table) {
		out[name] = readPlan(name, t)
	})
	return out
}

func readPlan(name string, t *table) *Plan {
	p := &Plan{
		Name:    name,
		Target:  t.duration("target", 10*time.Minute),
		SLA:     t.duration("sla", 15*time.Minute),
		Timeout: t.duration("timeout", 30*time.Minute),
		Verify:  readVerify(t.orEmpty("verify", "[plans.NAME.verify]")),
		at:      t.path,
	}
	if t.has("target") && p.Target > p.SLA {
		t.errorf(t.key("target"), "must not be longer than sla (%s)", durationText(p.SLA))
	}
	for i, c := range t.list("checks", "[[plans.NAME.checks]]") {
		p.Checks = append(p.Checks, readCheck(c, i))
	}
	p.Steps = readSteps(t, "steps")
	p.Finally = readSteps(t, "finally")
	if !t.has("steps") {
		t.missing("steps", ": a rollback that changes nothing is no rollback")
	} else if list, ok := t.vals["steps"].([]any); ok && len(list) == 0 {
		t.errorf(t.key("steps"), "must not be empty: a rollback that changes nothing is no rollback")
	}
	t.uniqueSteps(p)
	t.later("reversible", "capture", "forward")
	t.done()
	return p
}

func readVerify(t *table) Verify {
	v := Verify{
		Settle: t.durationOrZero("settle", 0),
		Hold:   t.duration("hold", 5*time.Minute),
		Within: t.duration("within", 15*time.Minute),
		When:   t.strings("when"),
		at:     t.path, settleWritten: t.has("settle"),
	}
	if v.Within < v.Settle+v.Hold {
		t.errorf(t.key("within"), "must not be shorter than settle and hold together (%s): nothing could ever be verified", durationText(v.Settle+v.Hold))
	}
	t.done()
	return v
}

// uniqueSteps refuses two steps by one name: the journal, the report and the
// resume after a crash tell them apart by it.
func (t *table) uniqueSteps(p *Plan) {
	seen := map[string]*path{}
	for _, group := range [][]Step{p.Checks, p.Steps, p.Finally} {
		for _, s := range group {
			if first, twice := seen[s.Name]; twice {
				t.errorf(s.at.key("name"), "the name %q is taken by %s", s.Name, first)
				continue
			}
			seen[s.Name] = s.at
		}
	}
}

// all are the plan's checks and steps with their placeholders.
func (p *Plan) all() []Step {
	var out []Step
	out = append(out, p.Checks...)
	out = append(out, p.Steps...)
	return append(out, p.Finally...)
}

// usesTarget tells whether any step names ${target_version}.
func (p *Plan) usesTarget() bool {
	for _, s := range p.all() {
		for _, u := range s.uses {
			if u.name == "target_version" {
				return true
			}
		}
	}
	return false
}

// use is a ${…} in a step.
type use struct {
	name string
	at   *path
}

// placeholders are the names a step may use; vars.NAME comes beside them.
func placeholders() []string {
	return []string{
		"service", "incident", "running_version", "target_version", "previous_version", "severity", "trigger",
		"fence", "deployed_at", "opened_at", "now",
	}
}

// checkPlaceholders reports the ${…} of a text that no step can have, and
// returns those that it uses.
func (w *walk) checkPlaceholders(at *path, text string) []use {
	var uses []use
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return uses
		}
		name, more, closed := strings.Cut(after, "}")
		if !closed {
			w.errorf(at, "%q has a ${ without its }", text)
			return uses
		}
		if problem := placeholderProblem(name); problem != "" {
			w.errorf(at, "%s", problem)
		} else {
			uses = append(uses, use{name: name, at: at})
		}
		rest = more
	}
}

func placeholderProblem(name string) string {
	if name == "each" {
		return "${each} is not implemented in this version"
	}
	if v, isVar := strings.CutPrefix(name, "vars."); isVar && bareKey(v) {
		return ""
	}
	if slices.Contains(placeholders(), name) {
		return ""
	}
	near := trigger.Nearest(name, placeholders())
	if near == "" {
		return fmt.Sprintf("unknown ${%s} (want one of %s or vars.NAME)", name, strings.Join(placeholders(), ", "))
	}
	return fmt.Sprintf("unknown ${%s} (did you mean ${%s}?)", name, near)
}
