package scenario

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// host is the machine that the daemon runs on: its wall clock, and its sleep.
// What happens in the world is told by time since the start, which goes on
// whatever is done to either of them.
type host struct {
	// stepped is how much the wall clock was set, all in all.
	stepped time.Duration
	// unnoticed is how much of that the daemon has not looked at.
	unnoticed time.Duration
	// told is the newest time that the brain was told since the clock was set.
	told time.Time
	// wakes is when a suspended host goes on; in the past while it is awake.
	wakes time.Duration
}

// clockSlack is how far the wall clock may drift from time itself before the
// daemon takes it for a step.
const clockSlack = 5 * time.Second

// clock is the wall clock's present time.
func (w *world) clock() time.Time { return w.wall(w.now) }

// wall is an offset from the start as the wall clock shows it now.
func (w *world) wall(since time.Duration) time.Time { return w.start.Add(since + w.host.stepped) }

// since is a time of the wall clock as an offset from the start.
func (w *world) since(t time.Time) time.Duration { return t.Sub(w.start) - w.host.stepped }

// present is the time as the brain is told: the wall clock, never running
// backwards but for a step that the brain knows of.
func (w *world) present() time.Time {
	if now := w.clock(); now.After(w.host.told) {
		w.host.told = now
	}
	return w.host.told
}

// setClock sets the wall clock. The grid is that of the new one.
func (w *world) setClock(by time.Duration) {
	w.record.note(w.now, "", "world", "the wall clock is set by "+by.String())
	w.forget() // what is asked from now on is not asked for the times of the samples
	w.host.stepped += by
	w.host.unnoticed += by
	if w.brain != nil {
		w.scheduleTick(w.now)
	}
}

// noticeClock tells the brain of a step of the wall clock, as the daemon does:
// before the next input. A small one it follows in silence.
func (w *world) noticeClock() {
	by := w.host.unnoticed
	w.host.unnoticed = 0
	if by.Abs() <= clockSlack {
		w.audit.jump(by)
		return
	}
	w.host.told = time.Time{}
	w.drive(incident.ClockStepped{By: by})
}

// asleep tells whether the host is suspended.
func (w *world) asleep() bool { return w.now < w.host.wakes }

// suspend suspends the host. The world goes on: steps run to their ends,
// wherever they run, and what is published on NATS is lost.
func (w *world) suspend(length time.Duration) {
	w.record.note(w.now, "", "world", "the host is suspended for "+length.String())
	w.host.wakes = w.now + length
	w.queue.push(w.host.wakes, rankSource, func() {
		w.record.note(w.now, "", "world", "the host goes on")
		w.reconnected()
		w.showVersions()
	})
}

// reachesDaemon tells whether an event is somebody's word to the daemon, which
// waits while the host is suspended.
func (e event) reachesDaemon() bool {
	return e.command != nil || e.signal != nil && e.signal.Source != "nats" || e.rehearsed != nil || e.restart != nil || e.reload != nil || e.suspend != nil
}

// defers keeps an input until the host goes on. Ticks that were slept through
// are skipped, never made up for.
func (w *world) defers(in incident.Input) {
	if s, samples := in.(incident.Samples); samples && s.Kind == incident.Grid {
		return
	}
	life := w.life
	w.queue.push(w.host.wakes, rankEffect, func() {
		if w.life == life {
			w.input(in)
		}
	})
}

// deaf says why nothing reaches the daemon by NATS now; empty while it does.
func (w *world) deaf() string {
	if _, down := w.holds(faultNATS, w.now); down {
		return "NATS is down"
	}
	if w.asleep() {
		return "the host is suspended"
	}
	return ""
}
