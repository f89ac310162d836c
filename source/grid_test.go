package source_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFloorAndCeil(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, int64(s*1e9)).UTC() }
	tests := []struct{ t, step, floor, ceil float64 }{
		{0, 7, 0, 0}, {1, 7, 0, 7}, {7, 7, 7, 7}, {13.5, 7, 7, 14}, {-1, 7, -7, 0}, {-7, 7, -7, -7}, {2.5, 0.5, 2.5, 2.5},
	}
	for _, tt := range tests {
		step := time.Duration(tt.step * 1e9)
		if f, c := source.Floor(at(tt.t), step), source.Ceil(at(tt.t), step); !f.Equal(at(tt.floor)) || !c.Equal(at(tt.ceil)) {
			t.Errorf("%v on a grid of %v: %v to %v, want %v to %v", tt.t, step, f, c, at(tt.floor), at(tt.ceil))
		}
	}
}

// shifted is a clock that can be set.
type shifted struct {
	clock.Clock
	by atomic.Int64
}

func (s *shifted) Now() time.Time { return s.Clock.Now().Add(time.Duration(s.by.Load())) }

func (s *shifted) set(by time.Duration) { s.by.Store(int64(by)) }

func TestGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC()
		time.Sleep(3 * time.Second)
		c := &shifted{Clock: clock.New()}
		grid := source.NewGrid(c, 10*time.Second)
		var got []string
		next := func() {
			tick, skipped, err := grid.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(tick.Sub(start), " ", skipped))
		}
		next()
		next() // at once after a tick comes the next, not the same again
		time.Sleep(9 * time.Second)
		next()
		time.Sleep(31 * time.Second)
		next() // 40s, 50s and 60s have passed
		c.set(-5 * time.Second)
		next() // set back a little: no tick comes twice
		c.set(-time.Hour)
		next() // set back a lot: the grid begins anew
		want := []string{"10s 0", "20s 0", "30s 0", "1m10s 3", "1m20s 0", "-58m30s 0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ticks (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := grid.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

// A machine that slept wakes with a timer that fires long after its tick.
func TestGridAfterSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC()
		c := &shifted{Clock: clock.New()}
		grid := source.NewGrid(c, 10*time.Second)
		if _, _, err := grid.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			c.set(time.Minute)
		}()
		tick, skipped, err := grid.Next(t.Context())
		if err != nil || tick.Sub(start) != 70*time.Second || skipped != 6 {
			t.Errorf("tick at %v after skipping %d, %v, want 1m10s after 6", tick.Sub(start), skipped, err)
		}
	})
}

func TestSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source.NewSeldom(clock.New(), time.Minute)
		steps := []struct {
			key  string
			want bool
		}{{"a", true}, {"a", false}, {"b", true}, {"b", false}}
		for i, step := range steps {
			if got := s.Allow(step.key); got != step.want {
				t.Errorf("step %d: %s is allowed: %v, want %v", i, step.key, got, step.want)
			}
		}
		s.Forget("a")
		time.Sleep(59 * time.Second)
		if !s.Allow("a") || s.Allow("b") {
			t.Error("a was forgotten and b was not: want a allowed and b refused")
		}
		time.Sleep(time.Second)
		if !s.Allow("b") {
			t.Error("b is refused a minute later")
		}
		for i := range 5000 {
			s.Allow(fmt.Sprint("key", i))
		}
		if !s.Allow("b") {
			t.Error("want memory bounded: older keys are forgotten after thousands of others")
		}
	})
}
