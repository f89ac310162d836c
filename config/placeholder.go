package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/trigger"
)

// use is a ${…} in a step.
type use struct {
	name string
	at   *path
}

// placeholders are the names a step may use; vars.NAME and, in the plan of a
// group, versions.SERVICE.target and .running come beside them.
func placeholders() []string {
	return []string{
		"service", "incident", "running_version", "target_version", "previous_version", "severity", "trigger",
		"fence", "each", "deployed_at", "opened_at", "now",
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
	if v, isVar := strings.CutPrefix(name, "vars."); isVar && bareKey(v) {
		return ""
	}
	if strings.HasPrefix(name, "versions.") {
		if member, known := versionOf(name); known && validName(member) {
			return ""
		}
		return fmt.Sprintf("unknown ${%s} (want ${versions.SERVICE.target} or ${versions.SERVICE.running})", name)
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

// versionOf is the service of ${versions.SERVICE.target} or .running. A
// service's name may itself have dots.
func versionOf(name string) (service string, ok bool) {
	rest, ok := strings.CutPrefix(name, "versions.")
	if !ok {
		return "", false
	}
	if member, is := strings.CutSuffix(rest, ".target"); is {
		return member, true
	}
	return strings.CutSuffix(rest, ".running")
}

// needsTarget tells whether a ${…} has a value only where it is known which
// version to go back to.
func (u use) needsTarget() bool {
	_, ofMember := versionOf(u.name)
	return u.name == "target_version" || ofMember && strings.HasSuffix(u.name, ".target")
}

// cutVars splits "vars.x".
func cutVars(name string) (string, bool) { return strings.CutPrefix(name, "vars.") }

// fitsStep tells whether a value may be put into a step. It is the rule by which
// steps are filled in later on, so that what it refuses is refused here.
func fitsStep(value string) bool {
	ok, _ := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`, value)
	return ok && !strings.Contains(value, "..")
}
