package responder_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
)

// settable is a machine whose wall clock can be set, and which can sleep. Timers
// go by neither, as those of the kernel.
type settable struct {
	clock.Clock
	start time.Time

	mu          sync.Mutex
	wall, slept time.Duration
}

func newSettable() *settable { return &settable{Clock: clock.New(), start: time.Now()} }

// set sets the wall clock; time goes on.
func (s *settable) set(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall += by
}

// sleep suspends the machine.
func (s *settable) sleep(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall += d
	s.slept += d
}

func (s *settable) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Round(0).UTC().Add(s.wall)
}

func (s *settable) Since(t time.Time) time.Duration { return s.Now().Sub(t) }
func (s *settable) Until(t time.Time) time.Duration { return t.Sub(s.Now()) }

func (s *settable) steady() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.start) + s.slept
}

// timed is an input with the time that the brain was given with it, from the start.
type timed struct {
	At time.Duration
	In incident.Input
}

// onSettable runs a test of the loop on a machine whose clock can be set. What
// the brain is told is collected, its wakings included.
func onSettable(t *testing.T, w *world, test func(in bubble, m *settable, told func() []timed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newSettable()
		start := m.Now()
		var mu sync.Mutex
		var all []timed
		script := w.step
		w.step = func(now time.Time, in incident.Input) []incident.Effect {
			mu.Lock()
			all = append(all, timed{now.Sub(start), in})
			mu.Unlock()
			if script == nil {
				return nil
			}
			return script(now, in)
		}
		o := w.options(t)
		o.Clock, o.Steady = m, m.steady
		r, stop := begin(t, o)
		test(bubble{t, r, stop}, m, func() []timed {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return append([]timed(nil), all...)
		})
		stop()
	})
}

func TestClockThatIsSetIsToldBeforeAnythingElse(t *testing.T) {
	tests := []struct {
		name string
		do   func(m *settable)
		want []timed
	}{
		{
			"an hour forward", func(m *settable) { m.set(time.Hour) },
			[]timed{{time.Hour + time.Minute, incident.ClockStepped{By: time.Hour}}, {time.Hour + time.Minute, seen("v2")}},
		},
		{
			"an hour back", func(m *settable) { m.set(-time.Hour) },
			[]timed{{time.Minute - time.Hour, incident.ClockStepped{By: -time.Hour}}, {time.Minute - time.Hour, seen("v2")}},
		},
		{"half an hour asleep", func(m *settable) { m.sleep(30 * time.Minute) }, []timed{{31 * time.Minute, seen("v2")}}},
		{
			"asleep, and set when it woke", func(m *settable) { m.sleep(30 * time.Minute); m.set(time.Hour) },
			[]timed{{91 * time.Minute, incident.ClockStepped{By: time.Hour}}, {91 * time.Minute, seen("v2")}},
		},
		{"five seconds forward are followed", func(m *settable) { m.set(5 * time.Second) }, []timed{{65 * time.Second, seen("v2")}}},
		{"five seconds back are waited for", func(m *settable) { m.set(-5 * time.Second) }, []timed{{time.Minute, seen("v2")}}},
		{
			"more than five seconds", func(m *settable) { m.set(-5*time.Second - 1) },
			[]timed{{55*time.Second - 1, incident.ClockStepped{By: -5*time.Second - 1}}, {55*time.Second - 1, seen("v2")}},
		},
		{"nothing", func(*settable) {}, []timed{{time.Minute, seen("v2")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onSettable(t, &world{}, func(in bubble, m *settable, told func() []timed) {
				time.Sleep(time.Minute)
				synctest.Wait()
				tt.do(m)
				in.r.Submit(seen("v2"))
				if diff := cmp.Diff(tt.want, told()); diff != "" {
					in.Errorf("(-want +got):\n%s", diff)
				}
				if err := in.r.View(in.Context(), func(_ *incident.Brain, now time.Time) error {
					if want := tt.want[len(tt.want)-1].At; now.Sub(m.start) != want {
						in.Errorf("a view is at %s, want %s", now.Sub(m.start), want)
					}
					return nil
				}); err != nil {
					in.Error(err)
				}
			})
		})
	}
}

// TestClockThatIsSetIsNoticedWithoutAnyInput: a daemon with nothing to do looks
// at the clock all the same, and a view never shows a moment before the brain
// knows how to count from it.
func TestClockThatIsSetIsNoticedWithoutAnyInput(t *testing.T) {
	onSettable(t, &world{}, func(in bubble, m *settable, told func() []timed) {
		synctest.Wait()
		m.set(time.Hour)
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]timed{{time.Hour + time.Second, incident.ClockStepped{By: time.Hour}}}, told()); diff != "" {
			in.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestSlowDriftIsFollowed: a clock that is being corrected for ten minutes, by a
// minute in all, was never set; and the brain's time never goes back.
func TestSlowDriftIsFollowed(t *testing.T) {
	for _, perSecond := range []time.Duration{100 * time.Millisecond, -100 * time.Millisecond} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			onSettable(t, &world{}, func(in bubble, m *settable, told func() []timed) {
				for i := range 600 {
					time.Sleep(time.Second)
					m.set(perSecond)
					in.r.Submit(seen(fmt.Sprint(i)))
				}
				time.Sleep(500 * time.Millisecond)
				synctest.Wait()
				in.r.Submit(seen("last"))
				all := told()
				last := all[0].At
				for _, one := range all {
					if step, ok := one.In.(incident.ClockStepped); ok {
						in.Fatalf("at %s the clock was said to be set by %s", one.At, step.By)
					}
					if one.At < last {
						in.Fatalf("time went back from %s to %s", last, one.At)
					}
					last = one.At
				}
				if want := 600*time.Second + 600*perSecond + 500*time.Millisecond; last != want {
					in.Errorf("the last time is %s, want that of the clock, %s", last, want)
				}
			})
		})
	}
}

// TestManySmallStepsBackAreOneStep: time does not stand still for as long as
// somebody sets the clock back by a little again and again.
func TestManySmallStepsBackAreOneStep(t *testing.T) {
	onSettable(t, &world{}, func(in bubble, m *settable, told func() []timed) {
		synctest.Wait()
		for range 3 {
			m.set(-4 * time.Second)
			in.r.Submit(seen("v1"))
			synctest.Wait()
		}
		want := []timed{
			{0, seen("v1")},
			{-8 * time.Second, incident.ClockStepped{By: -8 * time.Second}},
			{-8 * time.Second, seen("v1")},
			{-8 * time.Second, seen("v1")},
		}
		if diff := cmp.Diff(want, told()); diff != "" {
			in.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestWakingAfterASuspendIsOne: of all the moments that a machine slept through,
// the brain is woken for one.
func TestWakingAfterASuspendIsOne(t *testing.T) {
	w := &world{step: func(now time.Time, _ incident.Input) []incident.Effect {
		return []incident.Effect{incident.WakeAt{T: now.Add(15 * time.Second)}}
	}}
	onSettable(t, w, func(in bubble, m *settable, told func() []timed) {
		in.r.Submit(seen("v1"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		m.sleep(30 * time.Minute)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		all := told()
		if len(all) != 2 || all[1].In != (incident.Wake{}) || all[1].At > 30*time.Minute+12*time.Second {
			in.Errorf("told %+v, want the input and one waking right after the suspend", all)
		}
	})
}

// TestWakingStaysAsFarAwayAsItWas: the moment that the brain waits for moves with
// the clock, in both directions.
func TestWakingStaysAsFarAwayAsItWas(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			w := &world{step: func(now time.Time, in incident.Input) []incident.Effect {
				switch in.(type) {
				case incident.VersionSeen:
					return []incident.Effect{incident.WakeAt{T: now.Add(10 * time.Minute)}}
				case incident.Wake:
					return []incident.Effect{incident.WakeAt{T: now.Add(20 * time.Minute)}}
				}
				return nil
			}}
			onSettable(t, w, func(in bubble, m *settable, told func() []timed) {
				in.r.Submit(seen("v1"))
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				m.set(by)
				time.Sleep(6 * time.Minute)
				synctest.Wait()
				m.set(-by)
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				want := []timed{
					{0, seen("v1")},
					{5*time.Minute + by + time.Second, incident.ClockStepped{By: by}},
					{10*time.Minute + by, incident.Wake{}},
					{11*time.Minute + time.Second, incident.ClockStepped{By: -by}},
					{30 * time.Minute, incident.Wake{}},
				}
				if diff := cmp.Diff(want, told()); diff != "" {
					in.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestReadingsFromBeforeTheClockWasSet: they are of another moment than they say.
func TestReadingsFromBeforeTheClockWasSet(t *testing.T) {
	answers := map[string]trigger.Answer{"errors": {Services: map[string]trigger.Reading{"checkout": trigger.KnownValue(0.08)}}}
	unknown := map[string]trigger.Answer{"errors": {Err: "clock_set"}}
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			onSettable(t, &world{}, func(in bubble, m *settable, told func() []timed) {
				before := m.Now()
				reading := func(at time.Time, kind incident.SampleKind, answers map[string]trigger.Answer) incident.Samples {
					return incident.Samples{At: at, Kind: kind, ReadID: fmt.Sprint(kind), Answers: answers}
				}
				in.r.Submit(reading(before, incident.Grid, answers))
				synctest.Wait()
				m.set(by)
				now := m.Now()
				for _, kind := range []incident.SampleKind{incident.Grid, incident.Full, incident.Confirm} {
					in.r.Submit(reading(before, kind, answers))
				}
				past := reading(now.Add(-2*time.Hour), incident.Rebuilt, answers)
				in.r.Submit(past)
				in.r.Submit(incident.HealthGap{At: before})
				in.r.Submit(reading(now, incident.Grid, answers))
				gap := before
				if gap.After(now) {
					gap = now
				}
				want := []timed{
					{0, reading(before, incident.Grid, answers)},
					{by, incident.ClockStepped{By: by}},
					{by, reading(now, incident.Full, unknown)},
					{by, reading(now, incident.Confirm, unknown)},
					{by, past},
					{by, incident.HealthGap{At: gap}},
					{by, reading(now, incident.Grid, answers)},
				}
				if diff := cmp.Diff(want, told()); diff != "" {
					in.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestBootTimeGoesOn(t *testing.T) {
	steady := responder.BootTime()
	if steady == nil {
		t.Fatal("this machine does not say how long it has been up")
	}
	first := steady()
	if first <= 0 || steady() < first {
		t.Errorf("boot time %s, then %s", first, steady())
	}
}

// TestWakingSoonAfterTheClockWasSetBack: the waking before is no reason to wait
// until the old time has returned.
func TestWakingSoonAfterTheClockWasSetBack(t *testing.T) {
	w := &world{step: func(now time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(incident.VersionSeen); ok {
			return []incident.Effect{incident.WakeAt{T: now.Add(time.Minute)}}
		}
		return nil
	}}
	onSettable(t, w, func(in bubble, m *settable, told func() []timed) {
		in.r.Submit(seen("v1"))
		time.Sleep(90 * time.Second)
		synctest.Wait()
		m.set(-time.Hour)
		in.r.Submit(seen("v2"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		all := told()
		if want := (timed{150*time.Second - time.Hour, incident.Wake{}}); len(all) != 5 || all[4] != want {
			in.Errorf("told %+v, want the last to be %+v", all, want)
		}
	})
}

// TestALockLastsAsLongAsItWasMeant, whatever becomes of the clock, with the real
// brain and over a restart.
func TestALockLastsAsLongAsItWasMeant(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, m := &world{}, newSettable()
				start := func() (*responder.Responder, func()) {
					o := w.real(t, time.Minute)
					o.Clock, o.Steady = m, m.steady
					r, stop := begin(t, o)
					r.Submit(incident.Restored{DownFrom: o.Brain.LastEntryAt(), To: m.Now()})
					return r, stop
				}
				r, stop := start()
				r.Submit(incident.Deployed{Service: "checkout", Version: "v2", Previous: "v1", At: m.Now(), Source: "command"})
				say := func(c incident.Command) incident.Reply {
					t.Helper()
					c.Service, c.Actor, c.Reason = "checkout", "alice", "because"
					reply, err := r.Do(t.Context(), c)
					if err != nil {
						t.Fatal(err)
					}
					return reply
				}
				if reply := say(incident.Command{Verb: "lock", For: 10 * time.Minute}); reply.Err != "" {
					t.Fatalf("lock: %+v", reply)
				}
				time.Sleep(5 * time.Minute)
				m.set(by)
				time.Sleep(2 * time.Minute)
				stop()
				r, stop = start()
				time.Sleep(2 * time.Minute)
				if reply := say(incident.Command{Verb: "rollback"}); reply.Guard != incident.GuardLocked {
					t.Errorf("after nine minutes: %+v, want it locked", reply)
				}
				time.Sleep(90 * time.Second)
				if reply := say(incident.Command{Verb: "rollback"}); reply.Err != "" {
					t.Errorf("after ten and a half minutes: %+v, want it free", reply)
				}
				stop()
			})
		})
	}
}
