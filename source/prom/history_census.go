package prom

import (
	"context"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// CensusAt is what a version query gave at a tick, and from there on until the next
// CensusAt. Reason says why it is not known; it is empty where it is.
type CensusAt struct {
	Tick   int
	Census []incident.VersionCount
	Reason string
	// Why says a failure in full, for a log.
	Why string
}

// CensusHistory is Census at each of as many ticks from a tick of the grid on, at
// most PageTicks of one service, as changes: the first element is that of the first
// tick.
func (s *Source) CensusHistory(ctx context.Context, query, label string, from time.Time, ticks int) []CensusAt {
	sp := span{from: from, step: s.opt.Poll, count: ticks}
	if ticks == 1 {
		sp = instant(from)
	}
	q := question{query: query, by: label, anyValue: true}
	replies := s.askAll(ctx, map[question]bool{q: true}, request{span: sp, lane: lanePoll})
	var changes []CensusAt
	for tick, v := range replies[q] {
		at := CensusAt{Tick: tick, Reason: v.reason, Why: v.why}
		if v.reason == "" {
			at.Census = censusOf(v)
		}
		if tick == 0 || !at.same(changes[len(changes)-1]) {
			changes = append(changes, at)
		}
	}
	return changes
}

func (c CensusAt) same(o CensusAt) bool {
	return c.Reason == o.Reason && slices.Equal(c.Census, o.Census)
}
