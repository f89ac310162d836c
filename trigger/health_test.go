package trigger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

const (
	pass    = trigger.HealthPass
	fail    = trigger.HealthFail
	unknown = trigger.HealthUnknown
)

// one is the only instance of a service.
func one(t *testing.T, h *trigger.Health, now time.Time) trigger.InstanceHealth {
	t.Helper()
	list := h.Instances(now)
	if len(list) != 1 {
		t.Fatalf("%d instances, want one: %v", len(list), list)
	}
	return list[0]
}

func TestParseHealthStatus(t *testing.T) {
	words := map[trigger.HealthStatus][]string{
		pass:               {"pass", "OK", "Up", "passing", "SERVING", "healthy"},
		trigger.HealthWarn: {"warn", "warning", "degraded"},
		fail:               {"fail", "error", "DOWN", "critical", "NOT_SERVING", "unhealthy", "OUT_OF_SERVICE"},
		unknown:            {"unknown", "SERVICE_UNKNOWN", "maintenance"},
	}
	for want, list := range words {
		for _, w := range list {
			if got, ok := trigger.ParseHealthStatus(w); !ok || got != want {
				t.Errorf("%q is %v, %v; want %v", w, got, ok, want)
			}
		}
	}
	for _, w := range []string{"", "failed", "fail ", "0"} {
		if got, ok := trigger.ParseHealthStatus(w); ok || got != unknown {
			t.Errorf("%q is %v, %v; want it refused", w, got, ok)
		}
	}
}

// step is a check at a number of seconds, and what it should do.
type step struct {
	at       int
	status   trigger.HealthStatus
	boot     string
	seq      uint64
	ttl      int
	accepted bool
	failures int
}

func TestHealthOrder(t *testing.T) {
	tests := []struct {
		name  string
		ttl   time.Duration
		steps []step
	}{
		{"a sequence counts once", 0, []step{
			{0, fail, "b", 1, 0, true, 1}, {5, fail, "b", 1, 0, false, 1}, {10, fail, "b", 2, 0, true, 2}, {10, fail, "b", 2, 0, false, 2},
		}},
		{"a late check changes nothing", 0, []step{
			{0, fail, "b", 1, 0, true, 1}, {10, fail, "b", 3, 0, true, 2}, {11, pass, "b", 2, 0, false, 2}, {20, fail, "b", 4, 0, true, 3},
		}},
		{"a new boot resets the order, not the count", 0, []step{
			{0, fail, "a", 7, 0, true, 1}, {10, fail, "b", 1, 0, true, 2}, {11, pass, "a", 8, 0, false, 2}, {20, fail, "b", 2, 0, true, 3},
		}},
		{"an older boot stays late", 0, []step{
			{0, fail, "a", 1, 0, true, 1}, {5, fail, "b", 1, 0, true, 2}, {10, fail, "c", 1, 0, true, 3}, {12, pass, "a", 9, 0, false, 3}, {13, pass, "b", 9, 0, false, 3},
		}},
		{"the first boot named is a new one", 0, []step{
			{0, fail, "", 50, 0, true, 1}, {5, fail, "b", 1, 0, true, 2}, {6, fail, "", 1, 0, false, 2}, {7, fail, "", 2, 0, true, 3},
		}},
		{"without a sequence the time orders", 0, []step{
			{10, fail, "", 0, 0, true, 1}, {10, fail, "", 0, 0, false, 1}, {10, pass, "", 0, 0, false, 1}, {5, pass, "", 0, 0, false, 1}, {11, fail, "", 0, 0, true, 2},
		}},
		{"two checks of one instant with sequences are two", 0, []step{
			{0, fail, "b", 1, 0, true, 1}, {0, fail, "b", 2, 0, true, 2},
		}},
		{"a sender without boots that counts anew is heard after a silence", 0, []step{
			{0, pass, "", 90, 0, true, 0}, {10, fail, "", 1, 0, false, 0}, {31, fail, "", 2, 0, true, 1}, {40, fail, "", 3, 0, true, 2}, {80, fail, "", 3, 0, false, 2},
		}},
		{"within the least ttl", 0, []step{
			{0, fail, "", 0, 0, true, 1}, {10, fail, "", 0, 0, true, 2}, {20, fail, "", 0, 0, true, 3}, {50, fail, "", 0, 0, true, 4}, {51, fail, "", 0, 0, true, 5},
		}},
		{"a silence in a fast rhythm", 0, []step{
			{0, fail, "", 0, 0, true, 1}, {10, fail, "", 0, 0, true, 2}, {20, fail, "", 0, 0, true, 3}, {51, fail, "", 0, 0, true, 1},
		}},
		{"the earlier check's ttl counts", 0, []step{
			{0, fail, "", 0, 100, true, 1}, {100, fail, "", 0, 5, true, 2}, {106, fail, "", 0, 100, true, 1},
		}},
		{"a configured ttl", time.Minute, []step{
			{0, fail, "", 0, 0, true, 1}, {60, fail, "", 0, 0, true, 2}, {121, fail, "", 0, 0, true, 1},
		}},
		{"the check's ttl wins over the configured one", time.Minute, []step{
			{0, fail, "", 0, 10, true, 1}, {11, fail, "", 0, 0, true, 1},
		}},
		{"warnings bridge a silence", 0, []step{
			{0, fail, "", 0, 0, true, 1}, {25, trigger.HealthWarn, "", 0, 0, true, 1}, {50, unknown, "", 0, 0, true, 1}, {75, fail, "", 0, 0, true, 2},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := trigger.NewHealth(tt.ttl)
			for i, s := range tt.steps {
				now := at(time.Duration(s.at) * time.Second)
				accepted := h.Observe(trigger.HealthCheck{
					Instance: "a", Status: s.status, At: now, Boot: s.boot, Seq: s.seq, TTL: time.Duration(s.ttl) * time.Second,
				})
				if got := one(t, h, now).Failures; accepted != s.accepted || got != s.failures {
					t.Fatalf("step %d: accepted %v with %d failures, want %v with %d", i, accepted, got, s.accepted, s.failures)
				}
			}
		})
	}
}

func TestHealthLearnsTheInterval(t *testing.T) {
	tests := []struct {
		name    string
		seconds []int
		want    time.Duration // the ttl after the last check
	}{
		{"nothing yet", []int{0}, 30 * time.Second},
		{"fast", []int{0, 1, 2, 3}, 30 * time.Second},
		{"every twenty seconds", []int{0, 20, 40}, time.Minute},
		{"a minute, once", []int{0, 60}, 30 * time.Second},
		{"a minute, twice", []int{0, 60, 120}, 3 * time.Minute},
		{"a minute with some jitter", []int{0, 58, 121, 180}, 177 * time.Second},
		{"one silence is no interval", []int{0, 15, 30, 45, 345, 360, 375}, 45 * time.Second},
		{"two silences of different length", []int{0, 15, 30, 100, 500}, 45 * time.Second},
		{"it slows down", []int{0, 15, 30, 45, 165, 285}, 6 * time.Minute},
		{"it speeds up", []int{0, 60, 120, 180, 190, 200, 210, 220}, 30 * time.Second},
		{"at most a day", []int{0, 100_000, 200_000}, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := trigger.NewHealth(0)
			for _, s := range tt.seconds {
				h.Observe(trigger.HealthCheck{Instance: "a", Status: pass, At: at(time.Duration(s) * time.Second)})
			}
			if got := one(t, h, start).TTL; got != tt.want {
				t.Errorf("ttl %v, want %v", got, tt.want)
			}
		})
	}
}

func TestASlowCheckerReachesItsCount(t *testing.T) {
	h := trigger.NewHealth(0)
	for i, want := range []int{0, 0, 1, 2, 3} {
		status := fail
		if want == 0 {
			status = pass
		}
		now := at(time.Duration(i) * time.Minute)
		h.Observe(trigger.HealthCheck{Instance: "a", Status: status, At: now})
		if got := one(t, h, now).Failures; got != want {
			t.Errorf("check %d: %d failures, want %d", i, got, want)
		}
	}
}

func TestGapRestartsTheCount(t *testing.T) {
	h := trigger.NewHealth(0)
	observe := func(second, want int) {
		t.Helper()
		now := at(time.Duration(second) * time.Second)
		h.Observe(trigger.HealthCheck{Instance: "a", Status: fail, At: now})
		if got := one(t, h, now).Failures; got != want {
			t.Errorf("at %ds: %d failures, want %d", second, got, want)
		}
	}
	observe(0, 1)
	observe(10, 2)
	h.Gap(at(15 * time.Second))
	if got := one(t, h, at(15*time.Second)).Failures; got != 0 {
		t.Errorf("after the gap: %d failures, want 0", got)
	}
	e := trigger.Evaluate(spec(t, "2 consecutive health failures"), trigger.Quorum{}, view{health: h, now: at(15 * time.Second)})
	if e.Truth != trigger.NotKnown || e.Building {
		t.Errorf("after the gap: %v, building %v; want unknown", e.Truth, e.Building)
	}
	observe(12, 1) // it was still queued when the gap was found
	observe(20, 1)
	observe(30, 2)
	h.Gap(at(19 * time.Second)) // known late: the run lies behind it
	if got := one(t, h, at(30*time.Second)).Failures; got != 2 {
		t.Errorf("after an older gap: %d failures, want 2", got)
	}
}

func TestInstancesAndNextSilence(t *testing.T) {
	h := trigger.NewHealth(0)
	if got := h.NextSilence(start); !got.IsZero() {
		t.Errorf("next silence of nobody: %v", got)
	}
	h.Observe(trigger.HealthCheck{Instance: "b", Status: fail, At: start, TTL: time.Minute, Version: "v2"})
	h.Observe(trigger.HealthCheck{Instance: "a", Status: pass, At: at(10 * time.Second), Version: "v1"})
	want := []trigger.InstanceHealth{
		{Instance: "a", Status: "silent", LastAt: at(10 * time.Second), Version: "v1", TTL: 30 * time.Second},
		{Instance: "b", Status: "fail", Failures: 1, LastAt: start, Version: "v2", TTL: time.Minute},
	}
	next := h.NextSilence(at(10 * time.Second))
	if !next.Equal(at(40*time.Second + 1)) {
		t.Errorf("next silence %v, want a's, just past 40s", next)
	}
	if diff := cmp.Diff(want, h.Instances(next)); diff != "" {
		t.Errorf("Instances (-want +got):\n%s", diff)
	}
	if got := h.NextSilence(next); !got.Equal(at(time.Minute + 1)) {
		t.Errorf("then %v, want b's", got)
	}
	if got := h.NextSilence(at(time.Hour)); !got.IsZero() {
		t.Errorf("with all silent: %v", got)
	}
}

func TestHealthMemoryIsBounded(t *testing.T) {
	const limit = 10_000
	h := trigger.NewHealth(0)
	for i := range limit + 5 {
		h.Observe(trigger.HealthCheck{Instance: fmt.Sprintf("i%05d", i), Status: pass, At: at(time.Duration(i) * time.Millisecond)})
		if i == 100 {
			h.Observe(trigger.HealthCheck{Instance: "i00000", Status: fail, At: at(time.Second)})
		}
	}
	list := h.Instances(at(time.Minute))
	if len(list) != limit || list[0].Instance != "i00000" || list[1].Instance != "i00006" {
		t.Errorf("%d instances, the first %q and %q; want %d without the five silent longest", len(list), list[0].Instance, list[1].Instance, limit)
	}
	later := at(48 * time.Hour)
	h.Observe(trigger.HealthCheck{Instance: "new", Status: pass, At: later})
	if got := one(t, h, later).Instance; got != "new" {
		t.Errorf("after a day of silence %q is left, want new", got)
	}
}

// A clock that is set makes no instance silent, and no check late or a silence.
func TestShiftMovesWhatWasReceivedAlong(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		h := trigger.NewHealth(30 * time.Second)
		at := time.Unix(1_000_000, 0).UTC()
		for i := range 2 {
			h.Observe(trigger.HealthCheck{Instance: "a", Status: fail, At: at.Add(time.Duration(i) * 10 * time.Second)})
		}
		h.Shift(by)
		now := at.Add(20*time.Second + by)
		if in := one(t, h, now); in.Status != "fail" || in.Failures != 2 {
			t.Errorf("set by %s, the instance is %s after %d failures, want fail after 2", by, in.Status, in.Failures)
		}
		if !h.Observe(trigger.HealthCheck{Instance: "a", Status: fail, At: now}) {
			t.Errorf("set by %s, the next check counts as late", by)
		}
		if in := one(t, h, now); in.Failures != 3 {
			t.Errorf("set by %s, %d failures in a row, want 3", by, in.Failures)
		}
	}
}
