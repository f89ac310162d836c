package responder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestInputsKeepTheirOrder(t *testing.T) {
	w := &world{}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		var want []incident.Input
		for i := range 500 {
			in := seen(fmt.Sprint(i))
			want = append(want, in)
			r.Submit(in)
		}
		synctest.Wait()
		if diff := cmp.Diff(want, w.took()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestInputsSubmittedBeforeRunAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		r := responder.New(w.options(t))
		r.Submit(seen("v1"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		if got := w.took(); len(got) != 1 {
			t.Errorf("got %v, want the one input", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// hold stops the loop between two inputs until the returned function is called.
func hold(t *testing.T, r *responder.Responder) (release func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	go func() {
		_ = r.View(context.Background(), func(*incident.Brain, time.Time) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return sync.OnceFunc(func() { close(free) })
}

func TestFloodOfHealthBecomesAGapInItsPlace(t *testing.T) {
	w := &world{}
	reg := prometheus.NewRegistry()
	change := func(o *responder.Options) { o.QueueSize, o.Registerer = 3, reg }
	inBubble(t, w, change, func(in bubble) {
		t, r := in.T, in.r
		at := time.Now().UTC()
		release := hold(t, r)
		for seq := range uint64(10) {
			r.Submit(check(seq))
		}
		release()
		synctest.Wait()
		r.Submit(check(10))
		synctest.Wait()
		want := []incident.Input{check(0), check(1), check(2), incident.HealthGap{At: at}, check(10)}
		if diff := cmp.Diff(want, w.took()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(7.0, value(t, reg, "rollbackd_health_events_dropped_total")); diff != "" {
			t.Errorf("dropped (-want +got):\n%s", diff)
		}

		// A second flood gets a gap of its own.
		release = hold(t, r)
		for seq := range uint64(5) {
			r.Submit(check(seq))
		}
		release()
		synctest.Wait()
		gaps := 0
		for _, in := range w.took() {
			if _, ok := in.(incident.HealthGap); ok {
				gaps++
			}
		}
		if gaps != 2 {
			t.Errorf("%d gaps, want 2", gaps)
		}
	})
}

// value is the value of a metric without labels.
func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestOtherInputsWaitForRoom(t *testing.T) {
	w := &world{}
	inBubble(t, w, func(o *responder.Options) { o.QueueSize = 2 }, func(in bubble) {
		t, r := in.T, in.r
		release := hold(t, r)
		var submitted sync.WaitGroup
		for i := range 20 {
			submitted.Go(func() { r.Submit(seen(fmt.Sprint(i))) })
		}
		synctest.Wait()
		// A command gives up when its caller does, although there is no room.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Do(ctx, incident.Command{Verb: "pause"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", err)
		}
		release()
		submitted.Wait()
		synctest.Wait()
		if got := len(w.took()); got != 20 {
			t.Errorf("%d inputs taken, want all 20", got)
		}
	})
}

func TestWaking(t *testing.T) {
	var woken []time.Duration
	var start time.Time
	wakes := map[string]incident.WakeAt{}
	w := &world{step: func(now time.Time, in incident.Input) []incident.Effect {
		switch in := in.(type) {
		case incident.Wake:
			woken = append(woken, now.Sub(start))
		case incident.VersionSeen:
			return []incident.Effect{wakes[in.Version]}
		}
		return nil
	}}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		start = time.Now().UTC()
		at := func(d time.Duration) incident.WakeAt { return incident.WakeAt{T: start.Add(d)} }
		wakes["late"], wakes["soon"], wakes["never"], wakes["past"] = at(time.Hour), at(1500*time.Millisecond), incident.WakeAt{}, at(-time.Hour)
		wakes["later"] = at(2*time.Hour + time.Minute)

		r.Submit(seen("late"))
		r.Submit(seen("soon"))
		time.Sleep(2 * time.Hour)
		r.Submit(seen("past"))
		time.Sleep(time.Second)
		r.Submit(seen("later"))
		r.Submit(seen("never"))
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []time.Duration{1500 * time.Millisecond, 2 * time.Hour}
		if diff := cmp.Diff(want, woken); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestBrainThatAlwaysAsksToBeWokenIsNotAHotLoop(t *testing.T) {
	wakings := 0
	w := &world{}
	w.step = func(now time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(incident.Wake); ok {
			wakings++
		}
		return []incident.Effect{incident.WakeAt{T: now}}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		r.Submit(seen("v1"))
		time.Sleep(time.Second)
		synctest.Wait()
		if wakings < 10 || wakings > 101 {
			t.Errorf("woken %d times in a second, want at most a hundred", wakings)
		}
	})
}

func TestLastLoopAdvancesWithNothingToDo(t *testing.T) {
	w := &world{}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		for range 5 {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if age := time.Since(r.LastLoop()); age > time.Second {
				t.Errorf("the loop last went round %s ago", age)
			}
		}
		release := hold(t, r)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if age := time.Since(r.LastLoop()); age < 29*time.Second {
			t.Errorf("a stuck loop looks alive: last round %s ago", age)
		}
		release()
	})
}

func TestView(t *testing.T) {
	w := &world{}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		mine := errors.New("mine")
		if err := r.View(t.Context(), func(_ *incident.Brain, now time.Time) error {
			if !now.Equal(time.Now()) {
				t.Errorf("now is %s", now)
			}
			return mine
		}); !errors.Is(err, mine) {
			t.Errorf("got %v, want the function's error", err)
		}
		release := hold(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.View(ctx, func(*incident.Brain, time.Time) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the loop is busy: got %v, want context.DeadlineExceeded", err)
		}
		release()
		in.stop()
		if err := r.View(t.Context(), func(*incident.Brain, time.Time) error { return nil }); !errors.Is(err, responder.ErrStopping) {
			t.Errorf("after the end: got %v, want ErrStopping", err)
		}
	})
}

func TestCommands(t *testing.T) {
	w := &world{step: func(_ time.Time, in incident.Input) []incident.Effect {
		c, ok := in.(incident.Command)
		if !ok || c.Verb == "mute" {
			return nil
		}
		return []incident.Effect{incident.Reply{ID: c.ID, Incident: "inc-of-" + c.Service}}
	}}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				service := fmt.Sprint("s", i)
				reply, err := r.Do(t.Context(), incident.Command{Verb: "pause", Service: service})
				if err != nil || reply.Incident != "inc-of-"+service {
					t.Errorf("%s: got %+v, %v", service, reply, err)
				}
			})
		}
		all.Wait()
		reply, err := r.Do(t.Context(), incident.Command{ID: "mine", Verb: "mute"})
		if err != nil || reply.ID != "mine" || reply.Code != "refused" || reply.Err == "" {
			t.Errorf("a command that the brain does not answer: got %+v, %v", reply, err)
		}
		release := hold(t, r)
		all.Go(func() {
			if _, err := r.Do(t.Context(), incident.Command{ID: "twice", Verb: "pause"}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := r.Do(t.Context(), incident.Command{ID: "twice", Verb: "pause"}); err == nil {
			t.Error("two commands with one id were accepted")
		}
		release()
		all.Wait()
		in.stop()
		if _, err := r.Do(t.Context(), incident.Command{Verb: "pause"}); !errors.Is(err, responder.ErrStopping) {
			t.Errorf("after the end: got %v, want ErrStopping", err)
		}
	})
}

func TestReading(t *testing.T) {
	want := incident.Samples{Kind: incident.Confirm, ReadID: "read-1", Answers: map[string]trigger.Answer{
		"errors":  {Services: map[string]trigger.Reading{"checkout": trigger.KnownValue(0.08)}},
		"latency": {Err: "not answered"},
	}}
	w := &world{step: func(now time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(incident.VersionSeen); !ok {
			return nil
		}
		return []incident.Effect{incident.Read{
			ID: "read-1", Kind: incident.Confirm, Service: "checkout", Metrics: []string{"errors", "latency"}, Deadline: now.Add(time.Second),
		}}
	}}
	w.read = func(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer {
		want.At = at
		if diff := cmp.Diff([]string{"errors", "latency"}, metrics); diff != "" || service != "checkout" {
			w.t.Errorf("asked for %s %s", service, diff)
		}
		<-ctx.Done() // as slow as it may be
		return map[string]trigger.Answer{"errors": want.Answers["errors"], "unasked": {}}
	}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		at := time.Now().UTC()
		r.Submit(seen("v1"))
		time.Sleep(time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]incident.Input{seen("v1"), want}, w.took()); diff != "" || !want.At.Equal(at) {
			t.Errorf("read at %s, want %s (-want +got):\n%s", want.At, at, diff)
		}
	})
}

func TestSubscribersGetEntriesAndTheSlowLoseTheOldest(t *testing.T) {
	w := &world{step: func(_ time.Time, in incident.Input) []incident.Effect {
		if in, ok := in.(incident.VersionSeen); ok {
			r := record(incident.KindRunning)
			r.Entry.Text = in.Version
			return []incident.Effect{r}
		}
		return nil
	}}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		entries, cancel := r.Subscribe()
		_, cancelOther := r.Subscribe()
		cancelOther()
		cancelOther()
		for i := range 100 {
			r.Submit(seen(fmt.Sprint(i)))
		}
		synctest.Wait()
		cancel()
		var got []string
		for e := range entries {
			got = append(got, e.Text)
		}
		if len(got) != 64 || got[0] != "36" || got[63] != "99" {
			t.Errorf("got %d entries, %q; want the newest 64", len(got), got)
		}
	})
}

func TestMetricsLint(t *testing.T) {
	reg := prometheus.NewRegistry()
	w := &world{}
	inBubble(t, w, gathered(reg), func(in bubble) {
		t := in.T
		problems, err := testutil.GatherAndLint(reg)
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %v", problems, err)
		}
	})
}
