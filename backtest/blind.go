package backtest

import (
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// acting is what the triggers of a service look at that can lead to a rollback
// without a person.
type acting struct {
	// metrics are those they read, by their name in gaps; true where a series that is
	// missing leaves such a trigger without an answer.
	metrics map[string]bool
	// hold is the name of hold_when in gaps; empty without one.
	hold string
	// window is the shortest that one of them needs to fire.
	window time.Duration
	// maxGap is the longest stretch of unknown that a window survives.
	maxGap time.Duration
}

// acting tells of each service what its acting triggers read. Where none can act,
// all that are judged count.
func (p *player) acting(need *demand) map[string]acting {
	all := map[string]acting{}
	for name, s := range p.config.Config.Services {
		a := acting{metrics: map[string]bool{}, maxGap: p.options.MaxGap}
		if i, held := p.metrics[incident.HoldWhenMetric]; held {
			a.hold = need.title(i)
		}
		for i, spec := range p.actingTriggers(s) {
			if window := windowOf(spec); i == 0 || window < a.window {
				a.window = window
			}
			for _, c := range spec.Expr.Conditions {
				title := need.title(p.metrics[c.Metric])
				a.metrics[title] = a.metrics[title] || c.Kind == trigger.Compare && spec.NoData == trigger.NoDataHold
			}
		}
		all[name] = a
	}
	return all
}

func (p *player) actingTriggers(s *config.Service) []trigger.Spec {
	var judged, act []trigger.Spec
	for _, t := range s.Triggers {
		if unjudgeable(t.Spec.Expr) != "" {
			continue
		}
		judged = append(judged, t.Spec)
		if p.options.Matrix.Respond(s.Tier, t.Spec.Severity).Directness > evaluator.Approve {
			act = append(act, t.Spec)
		}
	}
	if len(act) == 0 {
		return judged
	}
	return act
}

// windowOf is the stretch of ticks in which a trigger can fire: of a `for`, the tick
// at its end is one of them.
func windowOf(s trigger.Spec) time.Duration {
	return max(s.Expr.Hold.For+s.Poll, time.Duration(s.Expr.Hold.M)*s.Poll)
}

// dark are the gaps for which a label could not have been found; nil where it could.
type dark struct{ rollback, firing *Gap }

// blind tells whether gaps cover so much of a label that it could not have been
// found: whatever the record says of it then, it is no miss. For a rollback the
// running version and hold_when must have been known too.
func (sc scoring) blind(l Label, s ServiceResult) dark {
	if g := blindGap(sc.nothing, s, sc.from, sc.end); g != nil {
		return dark{rollback: g, firing: g}
	}
	a := sc.acting[l.Service]
	var metrics, all []Gap
	for _, g := range sc.gaps {
		switch {
		case g.Service != "" && g.Service != l.Service:
		case a.reads(g):
			metrics, all = append(metrics, g), append(all, g)
		case a.holds(g):
			all = append(all, g)
		}
	}
	return dark{rollback: sc.tooLittle(l, a, all), firing: sc.tooLittle(l, a, metrics)}
}

// reads tells whether a gap leaves an acting trigger without an answer.
func (a acting) reads(g Gap) bool {
	if g.Kind == GapEverything || g.Kind == GapBefore {
		return true
	}
	missing, is := a.metrics[g.Metric]
	return is && g.Kind != GapVersion && (g.Kind != GapMissing || missing)
}

// holds tells whether a gap keeps a rollback from being decided. Where the version
// goes on counting as the running one, the decisions were the live ones.
func (a acting) holds(g Gap) bool {
	return g.Kind == GapVersion && !strings.HasSuffix(g.Reason, goesOnRunning) || a.hold != "" && g.Metric == a.hold
}

// tooLittle is the first of the gaps that overlap a label, where they leave no
// stretch of it that is as long as the window; else nil. Of a label that is shorter
// than the window all must be known. What a window survives is no interruption.
func (sc scoring) tooLittle(l Label, a acting, gaps []Gap) *Gap {
	from, to := later(l.From, sc.from), earlier(l.To, sc.end)
	window := min(a.window, to.Sub(from))
	var first *Gap
	known := from // up to here it was looked at
	for _, g := range inRow(gaps) {
		if g.To.Sub(g.From) <= a.maxGap || !g.From.Before(to) || !g.To.After(from) {
			continue
		}
		if g.From.Sub(known) >= window {
			return nil
		}
		if first == nil {
			first = &g.Gap
		}
		known = g.To
	}
	if to.Sub(known) >= window {
		return nil
	}
	return first
}

// row is a stretch of gaps without anything known between them, and the first of them.
type row struct {
	Gap
	From, To time.Time
}

// inRow puts gaps together that touch each other, in the order of time.
func inRow(gaps []Gap) []row {
	var rows []row
	for _, g := range slices.SortedStableFunc(slices.Values(gaps), func(a, b Gap) int { return a.From.Compare(b.From) }) {
		if n := len(rows); n > 0 && !g.From.After(rows[n-1].To) {
			rows[n-1].To = later(rows[n-1].To, g.To)
			continue
		}
		rows = append(rows, row{Gap: g, From: g.From, To: g.To})
	}
	return rows
}
