package config

import (
	"fmt"
	"time"
)

// maxCapture is how long a capture may take: nothing waits longer for it.
const maxCapture = 20 * time.Second

// readCheck reads a check: a step that only looks.
func readCheck(t *table, i int) Step {
	s := Step{Phase: t.choice("phase", "", phases()...), OnFailure: "stop", at: t.path}
	t.refuseKinds("a check only looks: want exec or http", "symlink", "wait", "query", "approval")
	s.Do = t.action(&s, []string{"exec", "http"}, laterKinds())
	s.Name = t.stepName(fmt.Sprintf("check %d", i+1))
	s.Timeout = t.stepTimeout(s.Do)
	t.noUnits(s)
	t.done()
	return s
}

// readReversible reads what is asked right before each changing step. It has no
// name of its own: there is one, and everything calls it "reversible".
func readReversible(plan *table) *Step {
	t := plan.sub("reversible", "[plans.NAME.reversible]")
	if t == nil {
		return nil
	}
	s := Step{Name: "reversible", OnFailure: "stop", at: t.path}
	s.Do = t.action(&s, []string{"exec", "http"}, nil)
	s.Timeout = t.duration("timeout", 30*time.Second)
	t.noUnits(s)
	t.done()
	return &s
}

// readCaptures reads what is looked at when an incident opens.
func readCaptures(plan *table) []Step {
	var out []Step
	for i, t := range plan.list("capture", "[[plans.NAME.capture]]") {
		s := Step{OnFailure: "continue", at: t.path}
		s.Do = t.action(&s, []string{"exec", "http"}, nil)
		s.Name = t.stepName(fmt.Sprintf("capture %d", i+1))
		s.Timeout = t.duration("timeout", maxCapture)
		if s.Timeout > maxCapture {
			t.errorf(t.key("timeout"), "must not be longer than %s: all captures of an incident have so long together", durationText(maxCapture))
		}
		t.noUnits(s)
		t.done()
		out = append(out, s)
	}
	return out
}

// refuseKinds refuses kinds that steps have, and that have no place here.
func (t *table) refuseKinds(why string, kinds ...string) {
	t.refuses(kinds...)
	for _, k := range kinds {
		if _, written := t.vals[k]; written {
			t.known[k] = true
			t.errorf(t.key(k), "%s", why)
		}
	}
}

// noUnits refuses ${each} where there can be no each.
func (t *table) noUnits(s Step) {
	for _, u := range s.uses {
		if u.name == "each" {
			t.errorf(u.at, "uses ${each}, which only a step with each has")
		}
	}
}
