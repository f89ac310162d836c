package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// readSteps reads [case.steps]: what steps do, by name.
func (r *fileReader) readSteps(t *table, c *Case, interval time.Duration) {
	for _, name := range sortedKeys(t.values) {
		st, ok := t.table(name)
		if !ok {
			continue
		}
		r.checkStep(t, name, name)
		b := behaviour{
			exits: exits(st, "exit"), probes: exits(st, "probe"), signal: st.text("signal"), skip: st.boolean("skip"),
			census: readCensus(st),
		}
		b.takes, _ = st.duration("takes")
		b.then, b.thenRaw = r.readThen(st, interval)
		if b.skip && !r.asksIf(name) {
			st.problem("skip", "the step has no if that could say so")
		}
		st.finish()
		c.steps[name] = b
	}
}

// stepNames are the names of all steps of all plans: alone, and with each of
// their units.
func (r *fileReader) stepNames() []string {
	return r.titles(func(incident.PlanStep) bool { return true })
}

// asksIf tells whether a step of this name asks before whether it is needed.
func (r *fileReader) asksIf(name string) bool {
	asking := r.titles(func(s incident.PlanStep) bool { return s.If != nil })
	return len(r.known) == 0 || slices.Contains(asking, name)
}

// titles are what the steps of all plans that are of a kind may be called.
func (r *fileReader) titles(ofKind func(incident.PlanStep) bool) []string {
	return r.names(func(s setting) []string {
		var names []string
		for _, p := range plans(s.options) {
			for _, step := range stepsOf(p) {
				if !ofKind(step) {
					continue
				}
				names = append(names, step.Name)
				for _, unit := range step.Each {
					names = append(names, titled(step.Name, unit))
				}
			}
		}
		return names
	})
}

// plans are all plans of a configuration that a service, a trigger or a group
// can have carried out.
func plans(o incident.Options) []*incident.Plan {
	var all []*incident.Plan
	for _, name := range sortedKeys(o.Services) {
		service := o.Services[name]
		all = append(all, service.Plan)
		for _, trigger := range sortedKeys(service.TriggerPlans) {
			all = append(all, service.TriggerPlans[trigger])
		}
	}
	for _, name := range sortedKeys(o.Groups) {
		all = append(all, o.Groups[name].Plan)
	}
	return slices.DeleteFunc(all, func(p *incident.Plan) bool { return p == nil })
}

// stepsOf is everything that a plan can have carried out.
func stepsOf(p *incident.Plan) []incident.PlanStep {
	steps := slices.Concat(p.Capture, p.Checks, p.Steps, p.Forward, p.Finally, p.FollowUp)
	if p.Reversible != nil {
		asked := *p.Reversible
		asked.Name = reversibleName
		steps = append(steps, asked)
	}
	if p.StopDeploy != nil {
		steps = append(steps, *p.StopDeploy)
	}
	return steps
}

// reversibleName is what a test file calls the question whether one can still go back.
const reversibleName = "reversible"

// titled is a step's name with its unit, if it has one.
func titled(name, unit string) string {
	if unit == "" {
		return name
	}
	return name + " " + unit
}

// checkStep reports a step that no plan has.
func (r *fileReader) checkStep(t *table, key, name string) {
	if names := r.stepNames(); len(r.known) > 0 && !slices.Contains(names, name) {
		t.problem(key, "no plan has a step %q%s", name, suggestion(name, names))
	}
}

// exits reads an exit code, or a list of them, one for each attempt.
func exits(t *table, key string) []int {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	codes := make([]int, 0, len(list))
	for _, element := range list {
		code, isInt := element.(int64)
		if !isInt || code < 0 || code > 255 {
			t.problem(key, "expected an exit code from 0 to 255, found %s", found(element))
			continue
		}
		codes = append(codes, int(code))
	}
	if len(list) == 0 {
		t.problem(key, "the list is empty (%s)", fmt.Sprintf("%s = [1, 0]", key))
	}
	return codes
}
