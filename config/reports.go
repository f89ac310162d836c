package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Reports is [report]: where incidents are written down, and what their impact is
// measured by. The zero value writes none, and measures what bad + total metrics say.
type Reports struct {
	// Dir is the folder that reports of closed incidents are written to; empty for
	// none.
	Dir string
	// Requests, Failed and Affected are PromQL, asked at an incident's end with
	// ${service}, ${vars.NAME}, and ${range} for its length; empty asks nothing.
	Requests, Failed, Affected string

	at *path
}

// queries are those that are written, by their keys.
func (r Reports) queries() map[string]string {
	queries := map[string]string{}
	for key, query := range map[string]string{"requests": r.Requests, "failed": r.Failed, "affected": r.Affected} {
		if query != "" {
			queries[key] = query
		}
	}
	return queries
}

func readReports(root *table) Reports {
	t := root.orEmpty("report", "[report]")
	r := Reports{
		Dir: t.beside("dir"), Requests: t.str("requests", ""), Failed: t.str("failed", ""), Affected: t.str("affected", ""), at: t.path,
	}
	queries := r.queries()
	for _, key := range slices.Sorted(maps.Keys(queries)) {
		if err := checkImpactQuery(queries[key]); err != nil {
			t.errorf(t.key(key), "%v", err)
		}
	}
	t.done()
	return r
}

// checkImpactQuery checks the ${…} of a query about an impact, and its PromQL with
// something in their place.
func checkImpactQuery(query string) error {
	var wrong error
	filled := regexp.MustCompile(`\$\{[^}]*\}?`).ReplaceAllStringFunc(query, func(use string) string {
		name, closed := strings.CutSuffix(strings.TrimPrefix(use, "${"), "}")
		v, isVar := strings.CutPrefix(name, "vars.")
		switch {
		case !closed:
			wrong = fmt.Errorf("%q has a ${ without its }", query)
		case name == "range":
			return "5m"
		case name == "service", isVar && bareKey(v):
			return "1"
		default:
			wrong = fmt.Errorf("unknown ${%s} (want ${service}, ${range} or ${vars.NAME})", name)
		}
		return "1"
	})
	if wrong != nil {
		return wrong
	}
	_, err := parseQuery(filled)
	return err
}

// checkReports checks that there is a Prometheus to ask.
func (r *resolver) checkReports() {
	if r.Prometheus.written {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(r.Reports.queries())) {
		r.errorf(r.Reports.at.key(key), "asks Prometheus, and [prometheus] is not configured")
	}
}

func (r Reports) tree() tree {
	t := tree{}
	if r.Dir != "" {
		t["dir"] = r.Dir
	}
	for key, query := range r.queries() {
		t[key] = query
	}
	return t
}
