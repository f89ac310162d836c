package config

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// query reads a PromQL condition that must hold before the plan goes on. The
// PromQL is checked where the variables of a service are known.
func (t *table) query(s *Step) Action {
	a := Action{Kind: "query", at: t.key("query")}
	_, table := t.vals["query"].(map[string]any)
	_, text := t.vals["query"].(string)
	switch {
	case text:
		a.Expr = t.str("query", "")
	case table || t.sketch != nil:
		q := t.sub("query", "[plans.NAME.steps.query]")
		a.Expr, a.at = q.required("expr"), q.key("expr")
		if a.wait = q.durationOrZero("hold", 0); a.wait > 0 {
			a.Hold = stepDuration(a.wait)
		}
		q.done()
		t.or("query", object{"type": "string", "minLength": 1, "description": "PromQL"})
	default:
		t.errorf(a.at, "want PromQL in a string, or a table with expr and hold, not %s", typeName(t.vals["query"]))
	}
	s.uses = append(s.uses, t.checkPlaceholders(a.at, a.Expr)...)
	return a
}

// approval reads a question to people: its text, or a table of text and roles.
func (t *table) approval() Action {
	a := Action{Kind: "approval", at: t.key("approval")}
	textAt := a.at
	_, table := t.vals["approval"].(map[string]any)
	_, text := t.vals["approval"].(string)
	switch {
	case text:
		a.Text = t.str("approval", "")
	case table || t.sketch != nil:
		sub := t.sub("approval", "")
		a.Text, textAt = sub.text("text", ""), sub.key("text")
		a.Needs = sub.needs()
		t.or("approval", object{"type": "string", "minLength": 1})
	default:
		t.errorf(a.at, "want a text, or a table with text and a number for each role, not %s", typeName(t.vals["approval"]))
	}
	if len(a.Text) > 256 || strings.ContainsFunc(a.Text, unicode.IsControl) {
		t.errorf(textAt, "want at most 256 characters on one line")
	}
	if strings.Contains(a.Text, "${") {
		t.errorf(textAt, "is read by people and takes no ${…}: the message says service and versions itself")
	}
	return a
}

// needs reads how many people of each role must say yes; the key text is
// somebody else's. It is nil where no role is written.
func (t *table) needs() map[string]int {
	t.each(object{"type": "integer", "minimum": 0, "description": "how many people of the role"})
	needs := map[string]int{}
	written := false
	for _, role := range slices.Sorted(maps.Keys(t.vals)) {
		if role == "text" {
			continue
		}
		written = true
		t.checkName(role)
		if n := t.integer(role, 1, 0); n > 0 {
			needs[role] = n
		}
	}
	if written && len(needs) == 0 {
		t.errorf(t.path, "asks nobody: want at least one person, for example { any = 1 }")
		return map[string]int{"any": 1}
	}
	if !written {
		return nil
	}
	return needs
}
