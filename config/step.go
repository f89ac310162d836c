package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Step is one step or check of a plan.
type Step struct {
	Name, Phase string
	Timeout     time.Duration
	Retries     int
	Idempotent  bool
	// OnFailure is stop, continue or escalate.
	OnFailure string
	// Changes is false for what only waits or looks.
	Changes bool
	Do      Action
	// Probe and If are nil without one.
	Probe, If *Action
	// Each are the units that the step is done for, one after the other; empty
	// means once. Soak is the pause between two of them, UnitSLA what each may
	// take before people are told; both may be zero.
	Each          []string
	Soak, UnitSLA time.Duration
	// Only are the scopes in which the step runs; empty means all.
	Only []string
	// Enough is how long to see after the step whether that was enough; zero means
	// not to look.
	Enough time.Duration

	uses []use
	at   *path
}

// phases label steps and their times.
func phases() []string {
	return []string{
		"prepare", "flags", "traffic", "application", "config", "database", "infrastructure", "cache", "restore",
		"verify", "cleanup",
	}
}

// laterKinds are the kinds of step this version cannot carry out.
func laterKinds() []string {
	return []string{"nats", "systemd", "kubernetes", "argo", "swarm", "nomad"}
}

// The parts of a plan that have steps. The words are their keys.
const (
	partSteps      = "steps"
	partFinally    = "finally"
	partFollowUp   = "follow_up"
	partForward    = "forward"
	partStopDeploy = "stop_deploy"
)

// stepKinds are the kinds of step that a part of a plan may have.
func stepKinds(part string) []string {
	changing := []string{"exec", "http", "symlink"}
	if part == partStopDeploy {
		// It stands in the way of the rollback itself: it acts, and waits for nobody.
		return changing
	}
	if part == partFollowUp {
		// The incident is as good as over: nobody is waited for any more.
		return append(changing, "wait", "query")
	}
	return append(changing, "wait", "query", "approval")
}

func readSteps(plan *table, part string) []Step {
	var out []Step
	list := plan.list(part, "[[plans.NAME.steps]]")
	for i, t := range list {
		s := readStep(t, part, i)
		if t.has("enough") && part == partSteps && i == len(list)-1 {
			t.errorf(t.key("enough"), "stands at the last step, after which nothing is left to save: put it at an earlier one")
		}
		t.done()
		out = append(out, s)
	}
	return out
}

func readStep(t *table, part string, i int) Step {
	s := Step{
		Phase:      t.choice("phase", "", phases()...),
		Retries:    t.integer("retries", 0, 0),
		Idempotent: t.boolean("idempotent", false),
		OnFailure:  t.choice("on_failure", "stop", "stop", "continue", "escalate"),
		at:         t.path,
	}
	if part == partStopDeploy {
		t.refuseKinds("stops a deployment and waits for nothing: want exec, http or symlink", "wait", "query", "approval")
	}
	if part == partFollowUp {
		t.refuseKinds("comes after the rollback, for which nobody is waited any more: want exec, http, symlink, wait or query", "approval")
	}
	s.Do = t.action(&s, stepKinds(part), laterKinds())
	s.Changes = !slices.Contains([]string{"wait", "query", "approval"}, s.Do.Kind)
	s.Name = t.stepName(defaultName(part, s.Do.Kind, i))
	s.Timeout = t.stepTimeout(s.Do)
	s.Probe = t.question(&s, "probe")
	s.If = t.question(&s, "if")
	t.units(&s)
	t.scopes(&s, part)
	t.enough(&s, part)
	t.checkRepeat(s)
	t.later("as")
	return s
}

// defaultName is what a step without a name is called. That of steps and
// finally is in journals already.
func defaultName(part, kind string, i int) string {
	switch part {
	case partForward:
		return fmt.Sprintf("forward %d", i+1)
	case partFollowUp:
		return fmt.Sprintf("follow_up %d", i+1)
	case partStopDeploy:
		return "stop_deploy"
	}
	return fmt.Sprintf("%s %d", kind, i+1)
}

// question reads a probe or an if: an exec or a request that only asks. It is
// nil where none is written.
func (t *table) question(s *Step, key string) *Action {
	sub := t.sub(key, "[[plans.NAME.checks]]")
	if sub == nil {
		return nil
	}
	a := sub.action(s, []string{"exec", "http"}, nil)
	sub.done()
	return &a
}

// checkRepeat refuses what would run a step twice without knowing that this is
// safe, and what means nothing for a question to people.
func (t *table) checkRepeat(s Step) {
	if s.Do.Kind == "approval" {
		for _, key := range []string{"retries", "idempotent", "probe", "each"} {
			if t.has(key) {
				t.errorf(t.key(key), "means nothing for an approval: people are asked once")
			}
		}
		if s.OnFailure == "continue" {
			t.errorf(t.key("on_failure"), "an approval that goes on without a yes would be none (want stop or escalate)")
		}
		return
	}
	looks := s.Do.Kind == "query"
	if s.Retries > 0 && !s.Idempotent && s.Probe == nil && !looks {
		t.errorf(t.key("retries"), "needs idempotent = true or a probe: running a step twice must be known to be safe")
	}
}

// units reads each, and what is said of each unit.
func (t *table) units(s *Step) {
	s.Each = t.strings("each")
	seen := map[string]bool{}
	for i, unit := range s.Each {
		at := t.key("each").index(i)
		switch {
		case unit == "":
			t.errorf(at, "must not be empty")
		case strings.Contains(unit, "*"):
			t.errorf(at, "%q is no unit: write each of them out, so that no more is touched than stands here", unit)
		case !fitsStep(unit):
			t.errorf(at, "%q cannot stand in a step (want a letter or digit, then at most 127 of letters, digits and . _ : / @ + -, without \"..\")", unit)
		case seen[unit]:
			t.errorf(at, "%q is there twice", unit)
		}
		seen[unit] = true
	}
	if list, ok := t.vals["each"].([]any); ok && len(list) == 0 {
		t.errorf(t.key("each"), "must name at least one unit")
	}
	s.Soak, s.UnitSLA = t.durationOrZero("soak", 0), t.duration("unit_sla", 0)
	if t.has("each") {
		return
	}
	for _, key := range []string{"soak", "unit_sla"} {
		if t.has(key) {
			t.errorf(t.key(key), "needs each: it is about the units of a step")
		}
	}
	for _, u := range s.uses {
		if u.name == "each" {
			t.errorf(u.at, "uses ${each}, and the step has no each")
		}
	}
}

// scopes reads only.
func (t *table) scopes(s *Step, part string) {
	s.Only = t.strings("only")
	seen := map[string]bool{}
	for i, scope := range s.Only {
		at := t.key("only").index(i)
		if !validName(scope) {
			t.errorf(at, "%q is not a name", scope)
		}
		if seen[scope] {
			t.errorf(at, "%q is there twice", scope)
		}
		seen[scope] = true
	}
	if list, ok := t.vals["only"].([]any); ok && len(list) == 0 {
		t.errorf(t.key("only"), "must name at least one scope: without the key the step runs in every one")
	}
	if part != partSteps {
		t.refuses("only")
		if t.has("only") {
			t.errorf(t.key("only"), "belongs to steps: %s counts in every scope", part)
		}
	}
}

// enough reads how long to look whether the service has recovered already.
func (t *table) enough(s *Step, part string) {
	sub := t.sub("enough", "[plans.NAME.steps.enough]")
	if sub == nil {
		return
	}
	s.Enough = sub.duration("within", 0)
	sub.must("within", ": for how long to look whether the service has recovered")
	if part != partSteps {
		t.refuses("enough")
		t.errorf(t.key("enough"), "belongs to steps: %s has nothing to leave out", part)
	}
	sub.done()
}

func (t *table) stepName(otherwise string) string {
	name := t.str("name", "")
	if len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		t.errorf(t.key("name"), "want at most 128 characters on one line")
	}
	if name == "" {
		return otherwise
	}
	return name
}

// stepTimeout is how long a step may take. What waits must not run into a limit
// that nobody wrote.
func (t *table) stepTimeout(a Action) time.Duration {
	otherwise := 5 * time.Minute
	if a.Kind == "approval" {
		otherwise = time.Hour
	}
	d := t.duration("timeout", max(otherwise, withMinute(a.wait)))
	if a.wait > 0 && d <= a.wait {
		what := "wait"
		if a.Kind == "query" {
			what = "query's hold"
		}
		t.errorf(t.key("timeout"), "must be longer than the %s (%s)", what, durationText(a.wait))
	}
	return d
}

func withMinute(wait time.Duration) time.Duration {
	if wait == 0 {
		return 0
	}
	return wait + time.Minute
}
