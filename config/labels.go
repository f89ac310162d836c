package config

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
)

// The bounds of a service's labels: they go with every message and every incident,
// and other programs keep them.
const (
	maxLabels     = 32
	maxLabelValue = 256
)

// ownLabels are the labels that rollbackd gives its alerts.
func ownLabels() []string {
	return []string{"alertname", "service", "severity", "incident", "mode", "event"}
}

// serviceLabels reads what a service is labelled with for others. They are kept with
// each of its incidents, so what Prometheus would refuse, or take for no label, is
// refused here.
func (t *table) serviceLabels(key string) map[string]string {
	s := t.sub(key, "")
	if s == nil {
		return nil
	}
	s.each(object{"type": "string", "minLength": 1, "maxLength": maxLabelValue})
	if len(s.vals) > maxLabels {
		t.errorf(t.key(key), "has %d labels, and at most %d are carried", len(s.vals), maxLabels)
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.vals)) {
		value, text := s.vals[name].(string)
		problem := labelNameProblem(name)
		switch {
		case problem != "":
		case !text:
			problem = "want a string, not " + typeName(s.vals[name])
		default:
			problem = labelValueProblem(value)
		}
		if problem != "" {
			s.errorf(s.key(name), "%s", problem)
			continue
		}
		out[name] = value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// labelNameProblem is what is wrong with a label's name; empty where nothing is.
func labelNameProblem(name string) string {
	if _, secret := inlineSecret(name); secret {
		return "a secret may not stand in the file: labels are shown to everybody"
	}
	switch {
	case !model.LegacyValidation.IsValidLabelName(name):
		problem := "a label's name is a letter or '_', then letters, digits and '_'"
		if near := labelName(name); near != "" {
			problem += " (did you mean \"" + near + "\"?)"
		}
		return problem
	case len(name) > maxName:
		return "a label's name has at most 128 characters"
	case strings.HasPrefix(name, model.ReservedLabelPrefix):
		return "names that begin with \"__\" are Prometheus's own"
	case name == "trigger" || slices.Contains(ownLabels(), name):
		return "rollbackd sets this label itself"
	}
	return ""
}

// labelName is a label's name as near as can be to a text; empty where none is.
func labelName(text string) string {
	near := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-. /:", r) {
			return '_'
		}
		return r
	}, text)
	if !model.LegacyValidation.IsValidLabelName(near) || labelNameProblem(near) != "" {
		return ""
	}
	return near
}

// labelValueProblem is what is wrong with a label's value; empty where nothing is.
func labelValueProblem(value string) string {
	switch {
	case value == "":
		return "must not be empty: to Prometheus a label without a value is none"
	case utf8.RuneCountInString(value) > maxLabelValue || strings.ContainsFunc(value, unicode.IsControl):
		return "want at most 256 characters on one line"
	case strings.Contains(value, "${"):
		return "takes no ${…}: it goes out as it stands here"
	}
	return ""
}
