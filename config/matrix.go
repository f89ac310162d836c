package config

import (
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// readMatrix gives the tiers in order and the matrix. Without a table there is
// one tier, "1"; a severity without a row has the default's.
func readMatrix(root *table, countdown time.Duration) ([]string, evaluator.Matrix) {
	t := root.orEmpty("matrix", "[matrix]")
	tiers := []string{"1"}
	if t.has("tiers") {
		tiers = t.tiers()
	}
	m := evaluator.Matrix{}
	for _, tier := range tiers {
		m[tier] = evaluator.DefaultMatrix(tier, countdown)[tier]
	}
	for _, s := range trigger.Severities() {
		t.matrixRow(s, tiers, m, countdown)
	}
	t.done()
	return tiers, m
}

func (t *table) tiers() []string {
	tiers := t.strings("tiers")
	seen := map[string]bool{}
	for i, tier := range tiers {
		if !validName(tier) {
			t.errorf(t.key("tiers").index(i), "%q is not a name", tier)
		}
		if seen[tier] {
			t.errorf(t.key("tiers").index(i), "%q is there twice", tier)
		}
		seen[tier] = true
	}
	if len(tiers) == 0 {
		t.errorf(t.key("tiers"), "must name at least one tier")
		return []string{"1"}
	}
	return slices.Clip(tiers)
}

func (t *table) matrixRow(s trigger.Severity, tiers []string, m evaluator.Matrix, countdown time.Duration) {
	if !t.has(s.String()) {
		return
	}
	cells := t.strings(s.String())
	at := t.key(s.String())
	if list, ok := t.vals[s.String()].([]any); ok && len(list) != len(tiers) {
		t.errorf(at, "has %d responses for %d tiers (%s)", len(list), len(tiers), strings.Join(tiers, ", "))
		return
	}
	for i, cell := range cells[:min(len(cells), len(tiers))] {
		r, err := evaluator.ParseResponse(cell, countdown)
		if err != nil {
			t.errorf(at.index(i), "%v", err)
			continue
		}
		m[tiers[i]][s] = r
	}
}
