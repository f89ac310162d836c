package prom

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/trigger"
)

// Bounds of one page of history. Prometheus refuses more than 11,000 points a
// series; the second keeps a page of many services small in memory.
const (
	maxPagePoints  = 10000
	maxPageSamples = 200000
)

// Rebuild reads the grid ticks in [from, to] back, in time order, by range
// queries. Each point of a range query is what a query at that instant gave, so
// the samples mean what they would have meant then: no series in an answered
// range is missing, an error is unknown.
//
// The samples are usable even beside an error, which names the metrics that
// could not be read somewhere in the range; only a context that ended gives none.
func (s *Source) Rebuild(ctx context.Context, from, to time.Time) ([]incident.Samples, error) {
	first, last := source.Ceil(from, s.opt.Poll), source.Floor(to, s.opt.Poll)
	if last.Before(first) || len(s.names) == 0 {
		return nil, ctx.Err()
	}
	page := max(2, min(maxPagePoints, maxPageSamples/max(1, len(s.opt.Services))))
	var samples []incident.Samples
	broken := map[string]string{}
	for total := int(last.Sub(first)/s.opt.Poll) + 1; total > 0; total -= page {
		sp := span{from: first, step: s.opt.Poll, count: min(page, total)}
		if sp.count == 1 {
			sp = instant(first)
		}
		for i, answers := range s.measure(ctx, request{metrics: s.names, span: sp}) {
			samples = append(samples, incident.Samples{At: sp.at(i), Kind: incident.Rebuilt, Answers: answers})
			collect(answers, broken)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first = first.Add(time.Duration(sp.count) * s.opt.Poll)
	}
	return samples, s.brokenError(broken)
}

func collect(answers map[string]trigger.Answer, broken map[string]string) {
	for name, a := range answers {
		if a.Err != "" {
			broken[name] = a.Err
		}
		for service, reason := range a.Failed {
			broken[name] = reason + " (" + service + ")"
		}
	}
}

func (s *Source) brokenError(broken map[string]string) error {
	var problems []error
	for _, name := range s.names {
		if reason, is := broken[name]; is {
			problems = append(problems, fmt.Errorf("metrics.%s: history is not known in full: %s", name, reason))
		}
	}
	return errors.Join(problems...)
}
