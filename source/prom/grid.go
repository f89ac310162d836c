package prom

import (
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Run polls on the grid until the context ends, and then returns nil.
//
// A tick is asked for within one interval. If that was not enough, the ticks
// that passed meanwhile are skipped and counted, never made up for: late
// questions about the past would only make the next answers later still.
func (s *Source) Run(ctx context.Context) error {
	defer s.http.CloseIdleConnections()
	s.opt.Observer.SetDown(sourceName)
	grid := source.NewGrid(s.clock, s.opt.Poll)
	for {
		tick, skipped, err := grid.Next(ctx)
		if err != nil {
			return nil // the context's end is how a run ends well
		}
		if skipped > 0 {
			s.opt.Observer.Skipped(skipped)
			s.opt.Observer.Blind(sourceName, time.Duration(skipped)*s.opt.Poll)
			s.log.Warn("ticks were skipped", "skipped", skipped, "tick", tick)
		}
		if s.jitter(ctx) != nil {
			return nil
		}
		s.poll(ctx, tick)
	}
}

// jitter spreads the asking, so that many daemons do not ask in the same instant.
func (s *Source) jitter(ctx context.Context) error {
	if s.opt.Jitter <= 0 {
		return ctx.Err()
	}
	return source.Sleep(ctx, s.clock, rand.N(s.opt.Jitter)) //nolint:gosec // spreading needs no secrecy
}

// poll asks all metrics as of the tick and hands over what came.
func (s *Source) poll(ctx context.Context, tick time.Time) {
	// A little less than an interval leaves the next tick its time, unless a
	// single query was allowed more than that.
	limit := max(s.opt.Poll-s.opt.Poll/20, s.opt.Timeout)
	bounded, cancel := s.clock.WithTimeout(ctx, limit)
	defer cancel()
	hold := s.beginTickHold(bounded, tick)
	answers := s.measure(bounded, request{metrics: s.names, span: instant(tick)})[0]
	held := s.endTickHold(hold)
	if ctx.Err() != nil {
		return
	}
	up := len(answers) == 0
	for _, a := range answers {
		up = up || a.Err == "" && (len(a.Failed) == 0 || len(a.Services) > 0)
	}
	if up {
		s.opt.Observer.SetUp(sourceName)
	} else {
		s.opt.Observer.SetDown(sourceName)
		s.opt.Observer.Blind(sourceName, s.opt.Poll)
	}
	maps.Copy(answers, held)
	s.opt.Sink.Submit(incident.Samples{At: tick, Kind: incident.Grid, Answers: answers})
}
