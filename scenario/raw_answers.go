package scenario

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// fromRaw is what the queries say of the raw series at a time; nil without any.
// Metrics that have values for every service are not asked.
func (w *world) fromRaw(since time.Duration, names []string) map[string]trigger.Answer {
	if w.scrapes == nil {
		return nil
	}
	var ask []string
	for _, name := range names {
		if slices.ContainsFunc(w.readFor(name), func(service string) bool { return !w.hasValues(since, name, service) }) {
			ask = append(ask, name)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	at := w.wall(since)
	if answers, known := w.lookAhead(at, ask); known {
		return answers
	}
	w.scrape(w.now)
	return w.scrapes.source.Read(context.Background(), at, ask, "")
}

// hasValues tells whether what a metric is for a service is said by values.
func (w *world) hasValues(since time.Duration, metric, service string) bool {
	return slices.ContainsFunc(w.values[seriesKey{metric: metric, service: service}], func(p placed) bool { return p.from <= since })
}

// lookahead holds answers of ticks that are still to come, got by one range query
// instead of many instant ones. A point of the one is what the other gives, unless
// a query reads what is after its time; then there is no looking ahead.
type lookahead struct {
	off  bool
	step time.Duration
	// names are the metrics that are asked, without hold_when.
	names   []string
	answers map[int64]map[string]trigger.Answer // by Unix milliseconds
	// notBefore is where the next try is, after one in which something failed.
	notBefore time.Time
}

// aheadTicks is how many ticks are asked for at a time.
const aheadTicks = 64

func newLookahead(s setting) lookahead {
	l := lookahead{step: s.options.Poll, names: sortedKeys(s.config.Metrics)}
	for text := range queriesOf(s, func(string, error) { l.off = true }) {
		q, err := engine.ParseQuery(text)
		l.off = l.off || err != nil || !q.OwnTime()
	}
	return l
}

func (l *lookahead) clear() { l.answers, l.notBefore = nil, time.Time{} }

// lookAhead gives the answers at a tick, if they can be had by a range query.
func (w *world) lookAhead(at time.Time, names []string) (map[string]trigger.Answer, bool) {
	l := &w.scrapes.ahead
	if l.off || w.host.stepped != 0 || len(l.names) == 0 || slices.Contains(names, incident.HoldWhenMetric) && len(names) == 1 {
		return nil, false
	}
	if _, known := l.answers[at.UnixMilli()]; !known && !w.readAhead(at) {
		return nil, false
	}
	found := make(map[string]trigger.Answer, len(names))
	for _, name := range names {
		a, known := l.answers[at.UnixMilli()][name]
		switch {
		case name == incident.HoldWhenMetric:
			w.scrape(w.now)
			maps.Copy(found, w.scrapes.source.Read(context.Background(), at, []string{name}, ""))
		case !known:
			return nil, false
		default:
			found[name] = a
		}
	}
	return found, true
}

// readAhead asks for the ticks from one on. It keeps nothing when any of them
// failed: one bad instant fails a whole range.
func (w *world) readAhead(at time.Time) bool {
	l := &w.scrapes.ahead
	if at.Before(l.notBefore) || !gridAfter(at.Add(-1), l.step).Equal(at) {
		return false
	}
	last := at.Add((aheadTicks - 1) * l.step)
	w.scrape(max(w.now, min(w.since(last), w.c.Until)))
	samples, err := w.scrapes.source.Rebuild(context.Background(), at, last)
	if err != nil {
		w.forget()
		l.notBefore = last
		return false
	}
	l.answers = make(map[int64]map[string]trigger.Answer, len(samples))
	for _, s := range samples {
		l.answers[s.At.UnixMilli()] = s.Answers
	}
	return true
}

// sights are what the version sources told, until it is taken. They tell it from
// several goroutines.
type sights struct {
	mu  sync.Mutex
	all []incident.VersionSeen
}

// Submit implements source.Sink.
func (s *sights) Submit(in incident.Input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen, is := in.(incident.VersionSeen); is {
		s.all = append(s.all, seen)
	}
}

func (s *sights) take() []incident.VersionSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = nil
	slices.SortFunc(all, func(a, b incident.VersionSeen) int { return cmp.Compare(a.Service, b.Service) })
	return all
}

// stillClock shows the time of a world. While a source works, that time stands
// still: no timeout ever comes.
type stillClock struct {
	clock.Clock
	now func() time.Time
}

func newStillClock(now func() time.Time) stillClock {
	return stillClock{Clock: clock.NewMock(), now: now}
}

// Now implements clock.Clock.
func (c stillClock) Now() time.Time { return c.now() }

// WithTimeout implements clock.Clock.
func (stillClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// WithDeadline implements clock.Clock.
func (stillClock) WithDeadline(ctx context.Context, _ time.Time) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}
