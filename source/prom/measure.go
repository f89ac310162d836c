package prom

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// request is a set of metrics to ask at every instant of a span.
type request struct {
	metrics []string
	// services limits questions that are asked once a service; nil means all.
	services map[string]bool
	span     span
	lane     lane
}

// lane says what a query waits behind.
type lane int

// The lanes. The zero value is that of polls.
const (
	lanePoll lane = iota
	// laneUrgent is for reads before acting: it does not wait behind polls.
	laneUrgent
	// lanePast is for the past that is read beside polls: it takes one of their
	// places at a time, however many questions it has.
	lanePast
)

// measure asks and gives, for each instant, an answer for each metric. Polls,
// live reads and rebuilt history all go through here, so that a value means the
// same whichever way it came.
func (s *Source) measure(ctx context.Context, r request) []map[string]trigger.Answer {
	set := map[question]bool{}
	for _, name := range r.metrics {
		s.plans[name].questions(r.services, set)
	}
	replies := s.askAll(ctx, set, r)
	answers := make([]map[string]trigger.Answer, r.span.count)
	for i := range answers {
		tables := make(map[question]table, len(replies))
		for q, vectors := range replies {
			tables[q] = newTable(vectors[i])
		}
		answers[i] = make(map[string]trigger.Answer, len(r.metrics))
		for _, name := range r.metrics {
			if p, known := s.plans[name]; known {
				answers[i][name] = s.answer(p, r.services, tables, r.span.at(i))
			}
		}
	}
	return answers
}

// askAll asks every question, as many at a time as are allowed. Those that timed
// out before are asked last: a few slow queries must not take the time of all.
func (s *Source) askAll(ctx context.Context, set map[question]bool, r request) map[question][]vector {
	questions := s.inOrder(set)
	replies := make(map[question][]vector, len(questions))
	var mu sync.Mutex
	var wg sync.WaitGroup
	asked := 0
	for _, q := range questions {
		if !s.enter(ctx, r.lane) {
			break // the time is over for all that are left
		}
		asked++
		wg.Go(func() {
			defer s.leave(r.lane)
			vectors := s.ask(ctx, q, r.span)
			mu.Lock()
			defer mu.Unlock()
			replies[q] = vectors
		})
	}
	wg.Wait()
	s.rememberSlow(replies)
	for _, q := range questions[asked:] {
		reason := reasonOf(ctx.Err(), 0)
		replies[q] = slices.Repeat([]vector{{reason: reason}}, r.span.count)
		s.opt.Observer.Failed(sourceName, reason)
	}
	return replies
}

// inOrder sorts by what is known of a question's speed, then by text.
func (s *Source) inOrder(set map[question]bool) []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	rank := func(q question) int {
		if s.slow[q] {
			return 1
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b question) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.query+a.match, b.query+b.match)
	})
}

func (s *Source) rememberSlow(replies map[question][]vector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for q, vectors := range replies {
		if vectors[0].reason == reasonTimeout {
			s.slow[q] = true
		} else {
			delete(s.slow, q)
		}
	}
}

// enter waits for a place; false means that the context ended first.
func (s *Source) enter(ctx context.Context, l lane) bool {
	if ctx.Err() != nil {
		return false
	}
	places := s.places(l)
	for i, place := range places {
		select {
		case place <- struct{}{}:
		case <-ctx.Done():
			free(places[:i])
			return false
		}
	}
	return true
}

func (s *Source) leave(l lane) { free(s.places(l)) }

// places are what a query of a lane takes a place in, in the order of taking.
func (s *Source) places(l lane) []chan struct{} {
	switch l {
	case lanePoll:
		return []chan struct{}{s.polling, s.inFlight}
	case lanePast:
		return []chan struct{}{s.past, s.polling, s.inFlight}
	case laneUrgent:
	}
	return []chan struct{}{s.inFlight}
}

func free(places []chan struct{}) {
	for _, place := range places {
		<-place
	}
}

// answer puts a metric's answer together from the tables of its questions; of a
// metric that is asked once a service, for those services only (nil: all).
func (s *Source) answer(p plan, only map[string]bool, tables map[question]table, at time.Time) trigger.Answer {
	answer := trigger.Answer{Services: map[string]trigger.Reading{}, Failed: map[string]string{}}
	for name, ps := range p.services {
		if !p.shared && only != nil && !only[name] {
			answer.Failed[name] = reasonNotAsked
			continue
		}
		if reason := firstFailure(ps, tables); reason != "" {
			if p.shared {
				return trigger.Answer{Err: reason}
			}
			answer.Failed[name] = reason
			continue
		}
		reading := read(ps, s.match[name], p.unit, tables)
		if reading.Presence == trigger.Missing {
			continue
		}
		if reason := s.staleness(ps.fresh, s.match[name], tables, at); reason != "" {
			reading = trigger.UnknownBecause(reason)
		}
		answer.Services[name] = reading
	}
	return answer
}

func firstFailure(ps parts, tables map[question]table) string {
	for _, q := range []question{ps.value, ps.bad, ps.total, ps.fresh} {
		if q.query != "" && tables[q].reason != "" {
			return tables[q].reason
		}
	}
	return ""
}
