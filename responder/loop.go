package responder

import (
	"context"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// heartbeat is how often the loop goes round with nothing to do.
const heartbeat = time.Second

// wakeSpacing is the least time between two wakings: a brain that always asks
// to be woken at once is a bug that must not become a hot loop.
const wakeSpacing = 10 * time.Millisecond

// loop is what only the goroutine of Run touches.
type loop struct {
	*Responder
	time *timekeeper
	// setAt is when the wall clock was last set, by its new time; zero for never.
	setAt time.Time
	// wakeAt is when the brain asked to be woken; zero for never.
	wakeAt   time.Time
	lastWake time.Time
	// running are the attempts that have begun and not ended. True means that
	// stopping waits for it.
	running map[incident.StepRef]bool
	latency *latency
	// flight are the runs that have begun to change something.
	flight InFlight
	// closing is true once the daemon stops, and halting while a person's no is
	// decided on then: see Record.
	closing, halting bool
	// beside and whileGoing start what takes time: a step, and a reading.
	beside, whileGoing func(func(context.Context))
}

// run is the loop. Between two inputs it looks at the timer and answers one
// question, so that no flood of the one delays the others.
func (l *loop) run(ctx context.Context) {
	ticker := l.clock.Ticker(heartbeat)
	defer ticker.Stop()
	for ctx.Err() == nil && !l.isInterrupted() {
		l.beat()
		l.wake()
		answered := l.answer()
		if next, ok := l.queue.pop(); ok {
			l.take(next)
			continue
		}
		if !answered {
			l.sleep(ctx, ticker.C)
		}
	}
	l.finish(ticker.C)
}

// answer answers one question, if there is one.
func (l *loop) answer() bool {
	select {
	case ask := <-l.asks:
		ask(l.now())
		return true
	default:
		return false
	}
}

// beat shows that the loop is alive.
func (l *loop) beat() { l.lastLoop.Store(new(l.clock.Now())) }

// now is the present moment for the brain, which learns first of a clock that
// was set.
func (l *loop) now() time.Time {
	now, by := l.time.now()
	if by != 0 {
		l.clockSet(now, by)
	}
	return now
}

// sleep waits for whatever comes first. The ticker also bounds how late a
// waking is when the wall clock jumps.
func (l *loop) sleep(ctx context.Context, tick <-chan time.Time) {
	var due <-chan time.Time
	if !l.wakeAt.IsZero() {
		timer := l.clock.Timer(max(0, l.clock.Until(l.wakeAt)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-l.interrupted:
	case <-l.queue.ready:
	case <-due:
	case <-tick:
	case ask := <-l.asks:
		ask(l.now())
	}
}

// wake tells the brain that the time it asked for has come.
func (l *loop) wake() {
	now := l.now()
	if l.wakeAt.IsZero() || now.Before(l.wakeAt) {
		return
	}
	l.wakeAt, l.lastWake = time.Time{}, now
	l.latency.deciding(incident.Wake{}, l.clock.Now())
	l.drive(incident.Wake{})
}

// take gives the brain one input.
func (l *loop) take(next queued) {
	now := l.now()
	l.latency.deciding(next.in, next.at)
	switch in := next.in.(type) {
	case incident.Samples:
		in, usable := l.believed(now, in)
		if !usable {
			return
		}
		began := l.clock.Now()
		l.drive(in)
		l.metrics.evaluation.Observe(l.clock.Since(began).Seconds())
	case incident.HealthGap:
		if in.At.After(now) {
			in.At = now // it was noted before the clock was set back
		}
		l.drive(in)
	case incident.StepEnded:
		delete(l.running, in.Ref)
		l.latency.ended(in)
		l.drive(in)
	case incident.Command:
		l.drive(in)
		l.unanswered(in.ID)
	default:
		l.drive(in)
	}
}

// drive gives the brain an input at the present moment.
func (l *loop) drive(in incident.Input) {
	l.options.Drive(l.now(), in, l)
}

// finish is the ordered stop: nothing is taken in but the ends of steps and what
// people say to stop, and those that are running are waited for.
func (l *loop) finish(tick <-chan time.Time) {
	l.closing = true
	l.queue.close()
	close(l.stopping)
	defer close(l.stopped)
	grace := l.clock.Timer(l.options.StepGrace)
	defer grace.Stop()
	if n := l.awaited(); n > 0 {
		l.log.Info("stopping once the running step has ended", "steps", n, "at_most", l.options.StepGrace)
	}
	for l.awaited() > 0 || l.queue.length() > 0 {
		l.beat()
		if next, ok := l.queue.pop(); ok {
			l.takeLate(next)
			continue
		}
		select {
		case <-l.queue.ready:
		case <-tick:
		case <-l.interrupted:
			l.recordInterrupted()
			return
		case <-grace.C:
			l.log.Warn("stopping while a step is still running: the next start takes it up again", "steps", l.awaited())
			return
		}
	}
}

// takeLate gives the brain what still counts while stopping.
func (l *loop) takeLate(next queued) {
	if !countsWhileStopping(next.in) {
		return
	}
	_, l.halting = next.in.(incident.Command)
	l.take(next)
	l.halting = false
}

// awaited is how many running attempts the stop waits for.
func (l *loop) awaited() (n int) {
	for _, wait := range l.running {
		if wait {
			n++
		}
	}
	return n
}
