package backtest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// stage is where all variants are played, page by page, side by side. Variants
// share nothing but the pages, which nobody changes.
type stage struct {
	o       Options
	survey  *survey
	players []*player
}

func newStage(o Options, need *demand) *stage {
	s := &stage{o: o, survey: newSurvey(o, need)}
	for i := range o.Variants {
		s.players = append(s.players, newPlayer(o, need, i))
	}
	return s
}

// play plays one page in every variant, as many at a time as there are processors.
func (s *stage) play(ctx context.Context, p *page) error {
	s.survey.take(p)
	errs := make([]error, len(s.players))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i, player := range s.players {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			errs[i] = player.play(ctx, p)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// report is what came of it.
func (s *stage) report() *Report {
	s.survey.finish()
	end := s.o.To.Add(s.o.step())
	r := &Report{From: s.o.From, To: s.o.To, StepSeconds: s.o.step().Seconds(), Ticks: s.o.ticks()}
	for _, p := range s.players {
		p.record.finish(end, p.brain)
	}
	for _, g := range s.players[0].record.gaps {
		s.survey.add(g)
	}
	slices.SortStableFunc(s.survey.gaps, func(a, b Gap) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Service, b.Service)) })
	shown := map[string]bool{}
	for _, v := range s.o.Variants {
		for name := range v.Config.Services {
			if len(s.o.Services) == 0 || slices.Contains(s.o.Services, name) {
				shown[name] = true
			}
		}
	}
	r.Services = sortedKeys(shown)
	for _, l := range s.o.Labels {
		if shown[l.Service] {
			r.Labels = append(r.Labels, l)
		}
	}
	r.Gaps, r.GapsLeftOut = s.survey.shown(shown)
	r.Series, r.Known = s.survey.series(shown)
	for i, p := range s.players {
		r.Results = append(r.Results, p.result(s.o.Variants[i], r, end, s.survey))
	}
	return r
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func triggersOf(s *config.Service) (judged []TriggerResult, not []NotJudged) {
	judged = []TriggerResult{}
	for _, t := range s.Triggers {
		if reason := unjudgeable(t.Spec.Expr); reason != "" {
			not = append(not, NotJudged{Service: s.Name, Trigger: t.Spec.Name, When: t.Spec.Expr.Text, Reason: reason})
			continue
		}
		one := TriggerResult{Name: t.Spec.Name, When: t.Spec.Expr.Text, Severity: t.Spec.Severity, Conditions: []Condition{}}
		hold := t.Spec.Expr.Hold
		one.WindowSeconds = max(hold.For.Seconds(), float64(hold.M)*t.Spec.Poll.Seconds())
		for _, c := range t.Spec.Expr.Conditions {
			if c.Kind == trigger.Absent {
				one.Conditions = append(one.Conditions, Condition{Metric: c.Metric, Op: "absent"})
				continue
			}
			one.Conditions = append(one.Conditions, Condition{Metric: c.Metric, Op: string(c.Op), Threshold: c.Threshold, ThresholdText: c.ThresholdText})
		}
		judged = append(judged, one)
	}
	return judged, not
}

// unjudgeable says why history says nothing about a condition; empty where it does.
func unjudgeable(e trigger.Expr) string {
	for _, c := range e.Conditions {
		if c.Kind != trigger.Compare && c.Kind != trigger.Absent {
			return "history holds no health checks and no events, and this asks for " + c.Text
		}
	}
	return ""
}

// add counts what is in a service.
func (t *Totals) add(s ServiceResult) {
	t.Firings += len(s.Firings)
	t.Incidents += len(s.Incidents)
	t.Rollbacks += len(s.Rollbacks)
	for _, inc := range s.Incidents {
		if inc.HeldBy != "" {
			t.Held++
			if t.HeldBy == nil {
				t.HeldBy = map[incident.Guard]int{}
			}
			t.HeldBy[inc.HeldBy]++
		}
		if inc.WaitedForPeople {
			t.Asked++
		}
	}
}
