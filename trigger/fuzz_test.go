package trigger_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func FuzzParse(f *testing.F) {
	for _, when := range []string{
		"error_rate > 1% for 2m", "latency_p99 > 500ms and cpu >= 90% in 3 of 5 samples", "3 consecutive health failures",
		"health failing for 1m30s", "heap absent", "request_rate < 10/min", "heap > 64MiB", "queue != -1.5e-3",
		"error_rate > ${vars.limit}", "${vars.n} consecutive health failures for ${vars.d}", "queue > ${vars.inject}",
		"error_rate > 1.2x of baseline", "alert X", "event flag_failed and event x.y for 2m", "event for", "event absent", "größe > 1", "error_rate > 1% for", "${", "\xff > 1", "queue > 0e99999999999",
	} {
		f.Add(when)
	}
	f.Fuzz(func(t *testing.T, when string) {
		got, err := trigger.Parse(when, options())
		if err != nil {
			var perr *trigger.ParseError
			if !errors.As(err, &perr) {
				t.Fatalf("%T, want a *ParseError", err)
			}
			if perr.Column < 1 || perr.Column > len([]rune(when))+1 || perr.Problem == "" || perr.Error() == "" {
				t.Fatalf("column %d of %q: %q", perr.Column, when, perr.Problem)
			}
			return
		}
		opt := options()
		opt.Vars = nil
		again, err := trigger.Parse(got.Text, opt)
		if err != nil {
			t.Fatalf("%q was read, its text %q was not: %v", when, got.Text, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatalf("%q read twice (-first +second):\n%s", when, diff)
		}
		if _, err := trigger.QuantityUnits(when, options().Vars); err != nil {
			t.Fatalf("Parse read %q, QuantityUnits did not: %v", when, err)
		}
	})
}

// FuzzHealth feeds checks of ten bytes each: instance, status, boot, sequence,
// ttl, the distance in time and, now and then, a gap.
func FuzzHealth(f *testing.F) {
	f.Add([]byte{1, 3, 0, 1, 0, 0, 10, 0, 0, 0, 1, 3, 0, 2, 0, 0, 10, 0, 0, 0})
	f.Add([]byte{1, 3, 1, 9, 5, 0, 10, 0, 1, 0, 1, 3, 2, 1, 5, 255, 255, 255, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		h := trigger.NewHealth(0)
		s := spec(t, "2 consecutive health failures and health failing")
		now, fails := start, 0
		for ; len(data) >= 10; data = data[10:] {
			now = now.Add(time.Duration(int32(binary.LittleEndian.Uint32(data[5:9]))) * time.Millisecond)
			if data[9]%16 == 15 {
				h.Gap(now)
			}
			c := trigger.HealthCheck{
				Instance: string(rune('a' + data[0]%4)), Status: trigger.HealthStatus(data[1] % 4), At: now,
				Boot: []string{"", "x", "y", "z"}[data[2]%4], Seq: uint64(data[3] % 8), TTL: time.Duration(data[4]) * time.Second,
			}
			if h.Observe(c) && c.Status == trigger.HealthFail {
				fails++
			}
			if h.Observe(c) {
				t.Fatalf("%+v was taken twice", c)
			}
			longest := 0
			for _, in := range h.Instances(now) {
				longest = max(longest, in.Failures)
			}
			e := trigger.Evaluate(s, trigger.Quorum{}, view{health: h, now: now})
			if longest > fails || e.Truth == trigger.Breach && longest < 2 {
				t.Fatalf("%v with a run of %d after %d failing checks", e.Truth, longest, fails)
			}
			if next := h.NextSilence(now); !next.IsZero() && !next.After(now) {
				t.Fatalf("the next silence %v is not after %v", next, now)
			}
		}
	})
}
