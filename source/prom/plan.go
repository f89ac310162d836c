package prom

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rollbackd/rollbackd/trigger"
)

// question is one query as it is sent. Equal questions are asked once a tick,
// whichever metrics want them.
type question struct {
	query string
	// by is the label that names the service, for a question about all of them.
	by string
	// match is the one service this question is about; empty means all.
	match string
	// anyValue keeps every value of the by label, not only those of services.
	anyValue bool
	// whole is a question about no service: whatever is returned counts, without
	// its labels, and a scalar other than zero does too.
	whole bool
}

// parts are the questions a metric asks about one service. An empty query means
// that there is no such part.
type parts struct{ value, bad, total, fresh question }

// plan is a metric made ready to be asked.
type plan struct {
	name string
	unit trigger.Unit
	// shared is true when no part is asked once a service: a failure is then one
	// of the whole answer.
	shared   bool
	services map[string]parts
}

func newPlan(m Metric, services []Service) (plan, error) {
	single, ratio := m.Query != "", m.Bad != "" || m.Total != ""
	if single == ratio || ratio && (m.Bad == "" || m.Total == "") {
		return plan{}, fmt.Errorf("metrics.%s: want either query, or bad and total", m.Name)
	}
	m.By = orElse(m.By, "service")
	if ratio {
		m.Unit = orElse(m.Unit, trigger.Ratio)
	}
	p := plan{name: m.Name, unit: m.Unit, services: map[string]parts{}}
	p.shared = !strings.Contains(m.Query+m.Bad+m.Total+m.Fresh, "${")
	var problems []error
	ask := func(query string, s Service) question {
		if !strings.Contains(query, "${") {
			return question{query: query, by: m.By}
		}
		expanded, err := Expand(query, s)
		if err != nil {
			problems = append(problems, fmt.Errorf("metrics.%s: service %s: %w", m.Name, s.Name, err))
		}
		return question{query: expanded, match: s.match()}
	}
	for _, s := range services {
		p.services[s.Name] = parts{value: ask(m.Query, s), bad: ask(m.Bad, s), total: ask(m.Total, s), fresh: ask(m.Fresh, s)}
	}
	return p, errors.Join(problems...)
}

// questions adds what the plan asks about some services (nil: all) to set.
func (p plan) questions(services map[string]bool, set map[question]bool) {
	for name, ps := range p.services {
		if services != nil && !services[name] {
			continue
		}
		for _, q := range []question{ps.value, ps.bad, ps.total, ps.fresh} {
			if q.query != "" {
				set[q] = true
			}
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{[^}]*\}?`)

// Expand fills ${service} and ${vars.x} of a query. A value that could end a
// PromQL string (a quote, a backslash, a control character) is refused: it would
// change the query's meaning.
func Expand(query string, s Service) (string, error) {
	var problems []error
	out := placeholder.ReplaceAllStringFunc(query, func(ref string) string {
		value, err := lookUp(ref, s)
		if err != nil {
			problems = append(problems, err)
		}
		return value
	})
	return out, errors.Join(problems...)
}

func lookUp(ref string, s Service) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(ref, "${"), "}")
	value := s.match()
	if name != "service" {
		key, isVar := strings.CutPrefix(name, "vars.")
		v, known := s.Vars[key]
		if !isVar || !known {
			return "", fmt.Errorf("%s is not known in a query (want ${service} or ${vars.NAME} of the service)", ref)
		}
		value = v
	}
	unsafe := func(r rune) bool { return strings.ContainsRune("\"'`\\", r) || r < ' ' || r == 0x7f }
	if value == "" || strings.ContainsFunc(value, unsafe) {
		return "", fmt.Errorf("%s is %q, which cannot stand in a query (want no quotes, backslashes or control characters, and not nothing)", ref, value)
	}
	return value, nil
}
