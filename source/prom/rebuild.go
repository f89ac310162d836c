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
// could not be read somewhere in the range: what the time did not suffice for is
// among them, as unknown. Only a context that was cancelled gives none.
func (s *Source) Rebuild(ctx context.Context, from, to time.Time) ([]incident.Samples, error) {
	return s.readBack(ctx, request{metrics: s.names}, from, to)
}

// Past reads grid ticks back as Rebuild does, while polling goes on: of some
// metrics, and those that are asked once a service for some services only. It takes
// one place of the polls at a time.
func (s *Source) Past(ctx context.Context, from, to time.Time, metrics, services []string) []incident.Samples {
	r := request{services: make(map[string]bool, len(services)), lane: lanePast}
	for _, name := range metrics {
		if _, known := s.plans[name]; known {
			r.metrics = append(r.metrics, name)
		}
	}
	for _, name := range services {
		r.services[name] = true
	}
	samples, err := s.readBack(ctx, r, from, to)
	if err != nil {
		s.log.Debug("the past is still not known in full", "err", err)
	}
	return samples
}

// readBack reads the ticks of a range that a request asks for, page by page.
func (s *Source) readBack(ctx context.Context, r request, from, to time.Time) ([]incident.Samples, error) {
	first, last := source.Ceil(from, s.opt.Poll), source.Floor(to, s.opt.Poll)
	if last.Before(first) || len(r.metrics) == 0 {
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
		r.span = sp
		for i, answers := range s.measure(ctx, r) {
			samples = append(samples, incident.Samples{At: sp.at(i), Kind: incident.Rebuilt, Answers: answers})
			collect(answers, broken)
		}
		if errors.Is(ctx.Err(), context.Canceled) {
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
