package bus

import (
	"context"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/source"
)

// lookAgain is how often a subject's stream is looked for, since one may appear
// or go at any time; lookTimeout bounds one look.
const (
	lookAgain   = 30 * time.Second
	lookTimeout = 2 * time.Second
	patience    = 4
)

// listener reads one route, from a stream where one holds it and by a
// subscription where none does. One goroutine runs it.
type listener struct {
	s     *Source
	route route

	sub     subscription
	dropped int

	mu   sync.Mutex
	left place // up to where a stream was read; empty when none was
}

// place is a place in a stream: created tells streams of one name apart.
type place struct {
	stream  string
	created time.Time
	seq     uint64
}

// run listens until the context ends. What fails is tried again, later each time.
func (l *listener) run(ctx context.Context) {
	defer l.unsubscribe()
	for attempt := 0; ; attempt++ {
		if attempt > 0 && source.Sleep(ctx, l.s.clock, backoff(attempt)) != nil {
			return
		}
		epoch, err := l.s.link.waitUp(ctx)
		if err != nil {
			return
		}
		st, found, err := l.find(ctx)
		if err != nil {
			l.s.fail("jetstream", "a stream was looked for in vain", l.route.subject, err)
			// A stream that was being read is most likely still there: its
			// cluster may be choosing a leader.
			if l.wasFollowing() && attempt < patience {
				continue
			}
		}
		var ok bool
		if found {
			ok = l.follow(ctx, st, epoch)
		} else {
			ok = l.subscribe(ctx, epoch)
		}
		if ctx.Err() != nil {
			return
		}
		if ok {
			attempt = -1
		}
	}
}

func (l *listener) wasFollowing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left.stream != ""
}

// find looks for a stream that holds the route. Signals are not read from one:
// there is nothing in the past that they could say.
func (l *listener) find(ctx context.Context) (stream, bool, error) {
	if l.route.kind == kindSignal {
		return stream{}, false, nil
	}
	ctx, cancel := l.s.clock.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return l.s.conn.findStream(ctx, l.route.subject)
}

// subscribe listens without a stream until it is time to look for one again. The
// subscription itself stays, over reconnects too.
func (l *listener) subscribe(ctx context.Context, epoch int) bool {
	if l.sub == nil {
		sub, err := l.s.conn.subscribe(l.route.subject, func(m message) { l.s.intake.receive(ctx, l.route, m) })
		if err != nil {
			l.s.fail("subscribe", "a subject cannot be listened to", l.route.subject, err)
			return false
		}
		l.sub, l.dropped = sub, 0
		l.countLossy(1)
		if l.wasFollowing() {
			l.lose() // what came since the stream went is not known
			l.leave(stream{}, 0)
		}
		l.s.log.Info("listening", "subject", l.route.subject)
	}
	l.pause(ctx, epoch, nil, nil)
	l.countDropped()
	return true
}

// pause waits for a reason to look again: time, a new connection, trouble, or the
// end.
func (l *listener) pause(ctx context.Context, epoch int, trouble, closed <-chan struct{}) {
	timer := l.s.clock.Timer(lookAgain)
	defer timer.Stop()
	for {
		up, now, changed := l.s.link.state()
		if up && now != epoch {
			return
		}
		select {
		case <-timer.C:
			return
		case <-changed:
		case <-trouble:
			return
		case <-closed:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *listener) unsubscribe() {
	if l.sub == nil {
		return
	}
	l.countDropped()
	if err := l.sub.Unsubscribe(); err != nil {
		l.s.log.Debug("a subscription was gone already", "subject", l.route.subject, "err", err)
	}
	l.sub = nil
	l.countLossy(-1)
}

// countLossy adds to the subscriptions of which a lost connection loses health
// checks.
func (l *listener) countLossy(n int32) {
	if l.route.kind == kindHealth {
		l.s.lossy.Add(n)
	}
}

// countDropped looks at what the subscription dropped since the last look.
func (l *listener) countDropped() {
	dropped, err := l.sub.Dropped()
	if err != nil || dropped <= l.dropped {
		return
	}
	l.s.opt.Observer.FailedTimes(sourceName, "dropped", dropped-l.dropped)
	l.dropped = dropped
	l.lose()
}

// lose makes a gap of what is missing.
func (l *listener) lose() {
	if l.route.kind == kindHealth {
		l.s.queue.lost()
	}
}
