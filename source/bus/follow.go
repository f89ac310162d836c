package bus

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rollbackd/rollbackd/source"
)

// stopTimeout bounds the wait for a reader to end.
const stopTimeout = 5 * time.Second

// follow reads the route from its stream, until the stream is another one or the
// connection is. It tells whether reading began at all.
//
// What the stream held when reading began is replayed: it rebuilds what is known
// and nothing is done about it. Going by the stream's own numbers keeps that
// right when the server's clock and ours differ.
func (l *listener) follow(ctx context.Context, st stream, epoch int) bool {
	c := l.consumption(st)
	if l.sub != nil {
		// From subscription to stream: what is published in the instant between
		// the two is missing rather than counted twice.
		l.unsubscribe()
		c.from = st.last + 1
		l.lose()
		l.leave(st, st.last)
	}
	live := st.last
	var over atomic.Bool
	c.handle = func(m message, seq uint64) {
		if over.Load() {
			return // it is read again from where the next reader begins
		}
		m.replayed = seq <= live
		l.s.intake.receive(ctx, l.route, m)
		l.leave(st, seq)
	}
	trouble := make(chan struct{}, 1)
	c.failed = func(err error) {
		l.s.fail("consumer", "a stream cannot be read for the moment", l.route.subject, err)
		select {
		case trouble <- struct{}{}:
		default:
		}
	}
	r, err := l.s.conn.consume(ctx, c)
	if err != nil {
		l.s.fail("consumer", "a stream cannot be read", l.route.subject, err)
		return false
	}
	closed := r.Closed()
	defer func() {
		over.Store(true)
		l.stop(r, closed)
	}()
	l.s.log.Info("listening", "subject", l.route.subject, "stream", st.name, "replay_to", live)
	return l.watch(ctx, st, epoch, closed, trouble)
}

func (l *listener) stop(r reader, closed <-chan struct{}) {
	r.Stop()
	timer := l.s.clock.Timer(stopTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
		l.s.log.Warn("a stream's reader does not end", "subject", l.route.subject)
	}
}

// watch stays with a stream for as long as it is there. Errors of a consumer pass
// by themselves, except that a stream which was deleted is not coming back.
func (l *listener) watch(ctx context.Context, st stream, epoch int, closed, trouble <-chan struct{}) bool {
	for {
		l.pause(ctx, epoch, trouble, closed)
		select {
		case <-ctx.Done():
			return true
		case <-closed:
			return false
		default:
		}
		if _, now, _ := l.s.link.state(); now != epoch {
			return true
		}
		same, found, err := l.find(ctx)
		if err == nil && (!found || same.name != st.name || !same.created.Equal(st.created)) {
			return true
		}
		if source.Sleep(ctx, l.s.clock, time.Second) != nil {
			return true
		}
	}
}

// consumption is where to begin: after what was read last, if the stream still
// has it, or as far back as events count.
func (l *listener) consumption(st stream) consumption {
	l.mu.Lock()
	left := l.left
	l.mu.Unlock()
	c := consumption{stream: st.name, subject: l.route.subject, since: l.since()}
	switch {
	case left.stream == "":
	case left.stream == st.name && left.created.Equal(st.created):
		c.from = left.seq + 1
		if st.first > c.from {
			l.lose() // the stream dropped some meanwhile
		}
	default:
		l.lose() // it is another stream: what came between the two is not known
	}
	return c
}

// since is how far back a stream is read that was not read before.
func (l *listener) since() time.Time {
	since := l.s.clock.Now().Add(-l.s.intake.currentRules().Window)
	if l.route.kind == kindDeploy && l.s.opt.DeploysSince.After(since) {
		return l.s.opt.DeploysSince
	}
	return since
}

// leave notes up to where a stream was read.
func (l *listener) leave(st stream, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = place{stream: st.name, created: st.created, seq: seq}
}
