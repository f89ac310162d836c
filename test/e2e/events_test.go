package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/test/world"
)

// refused is an event that must be refused, and why.
type refused struct{ reason, subject, body string }

func refusedEvents(now time.Time) []refused {
	const health, deploy = "rollbackd.v1.health.checkout.i1", "rollbackd.v1.deploy.checkout"
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	return []refused{
		{"malformed", health, ``},
		{"malformed", health, `fail`},
		{"malformed", health, `["fail"]`},
		{"malformed", health, `{"status":"fail"`},
		{"malformed", health, `{"status":"fail"} {"status":"fail"}`},
		{"malformed", health, `{"status":"fail","seq":NaN}`},
		{"malformed", deploy, `{"version":"v9"`},
		{"too_large", health, `{"status":"fail","output":"` + strings.Repeat("x", 64<<10) + `"}`},
		{"too_large", deploy, `{"version":"v9","change":"` + strings.Repeat("x", 512<<10) + `"}`},
		{"bad_utf8", health, "{\"status\":\"fail\",\"output\":\"\xff\xfe\"}"},
		{"bad_utf8", health, "\xff\xfe{\x00\"\x00s\x00"},
		{"too_deep", health, `{"status":"fail","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`},
		{"duplicate_key", health, `{"status":"pass","status":"fail"}`},
		{"missing_status", health, `{}`},
		{"unknown_status", health, `{"status":"banana"}`},
		{"bad_type", health, `{"status":5}`},
		{"bad_type", health, `{"status":"fail","seq":"five"}`},
		{"bad_number", health, `{"status":"fail","seq":1e999}`},
		{"bad_ttl", health, `{"status":"fail","ttl":"1ms"}`},
		{"bad_time", health, `{"status":"fail","time":"yesterday"}`},
		{"future", health, `{"status":"fail","time":"` + at(time.Hour) + `"}`},
		{"future", deploy, `{"version":"v9","at":"` + at(24*time.Hour) + `"}`},
		{"too_old", health, `{"status":"fail","time":"` + at(-48*time.Hour) + `"}`},
		{"unknown_service", "rollbackd.v1.health.nobody.i1", `{"status":"fail"}`},
		{"unknown_service", "rollbackd.v1.deploy.nobody", `{"version":"v9"}`},
		{"service_mismatch", health, `{"status":"fail","service":"cart"}`},
		{"instance_mismatch", health, `{"status":"fail","instance":"i2"}`},
		{"bad_subject", "rollbackd.v1.health.=!!.i1", `{"status":"fail"}`},
		{"missing_version", deploy, `{"previous":"v1"}`},
		{"unsupported_format", health, `{"specversion":"1.0","id":"1","source":"x","type":"y","data":{"status":"fail"}}`},
		{"unknown_signal", "rollbackd.v1.signal.checkout", `{"name":"validation_failed"}`},
	}
}

// letters collects dead letters by reason.
type letters struct {
	mu       sync.Mutex
	byReason map[string]int
}

func (l *letters) take(m *nats.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byReason[strings.TrimPrefix(m.Subject, "rollbackd.v1.deadletter.")]++
}

func (l *letters) count() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	for reason, n := range l.byReason {
		counts[reason] = n
	}
	return counts
}

// TestBadEvents sends every kind of event that is not as it should be. Each is
// counted by its reason and kept as a dead letter; none counts as a failure, and
// the daemon goes on hearing good ones.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true})
	c := w.Bus.Connect(t)
	dead := &letters{byReason: map[string]int{}}
	if _, err := c.Subscribe("rollbackd.v1.deadletter.>", dead.take); err != nil {
		t.Fatal(err)
	}
	w.Start()
	awaitHeard(t, w, c)
	w.AwaitWell("errors", "slow", "health")
	before := w.Daemon.ByLabel(t, "rollbackd_events_received_total", "kind")

	want := map[string]int{}
	for _, e := range refusedEvents(time.Now()) {
		publish(t, c, e.subject, []byte(e.body))
		want[e.reason]++
	}
	world.Await(t, "the events to be refused, counted and kept", soon, func() (bool, string) {
		counted := map[string]int{}
		for reason, n := range w.Daemon.ByLabel(t, "rollbackd_events_rejected_total", "reason") {
			counted[reason] = int(n)
		}
		diff := cmp.Diff(want, counted) + cmp.Diff(want, dead.count())
		return diff == "", diff
	})
	confuse(t, w, c, before)
	checkHarmless(t, w)

	// What is good still gets through.
	w.Behave("v2", world.Behaviour{Unhealthy: true})
	w.Deploy(t, "v2")
	w.Heartbeat(t, c, "i1", 500*time.Millisecond)
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "health", "v2", "v1")
	checkOnce(t, w)
}

// confuse sends events that are well formed and say nothing new: duplicates, and
// failures that were overtaken by a pass.
// before is what had been received before the first bad event.
func confuse(t *testing.T, w *world.World, c *nats.Conn, before map[string]float64) {
	t.Helper()
	for range 5 {
		publish(t, c, world.HealthSubject("checkout", "twice"), brief("fail", 1))
		publish(t, c, "rollbackd.v1.deploy.checkout", []byte(`{"version":"v1","previous":"v0"}`))
	}
	for _, seq := range []int{7, 8, 9} {
		if seq == 7 {
			publish(t, c, world.HealthSubject("checkout", "late"), brief("pass", 10))
		}
		publish(t, c, world.HealthSubject("checkout", "late"), brief("fail", seq))
	}
	world.Await(t, "the last of the late checks", soon, func() (bool, string) {
		received := w.Daemon.ByLabel(t, "rollbackd_events_received_total", "kind")
		sent := map[string]float64{"health": before["health"] + 5 + 4, "deploy": 5}
		for _, e := range refusedEvents(time.Now()) {
			sent[strings.Split(e.subject, ".")[2]]++
		}
		return cmp.Equal(sent, received), cmp.Diff(sent, received)
	})
	w.AwaitTicks(2)
}

// brief is a check that soon counts no more: its instance is only there to
// confuse, and should have no vote on the service later.
func brief(status string, seq int) []byte {
	return fmt.Appendf(nil, `{"status":%q,"boot":"b","seq":%d,"ttl":"2s"}`, status, seq)
}

// checkHarmless checks that nothing came of all that.
func checkHarmless(t *testing.T, w *world.World) {
	t.Helper()
	state := w.Daemon.Service(t, w.Name)
	if n := state.Failures("twice"); n != 1 {
		t.Errorf("five copies of one failure count as %d in a row, want 1", n)
	}
	if n := state.Failures("late"); n != 0 {
		t.Errorf("failures before a pass count as %d in a row, want 0", n)
	}
	if n := state.Failures("i1"); n != 0 {
		t.Errorf("refused events count as %d failures in a row, want 0", n)
	}
	if len(w.Daemon.Incidents(t, w.Name)) != 0 || state.Trigger("health").State == "firing" {
		t.Errorf("bad events led to %+v", state)
	}
	var versions []struct{ Version string }
	w.Daemon.Get(t, "/api/v1/services/checkout/versions", &versions)
	if text, err := json.Marshal(versions); err != nil || strings.Contains(string(text), "v9") || state.RunningVersion != "v1" {
		t.Errorf("%s runs of %s (%v): bad events must not deploy anything", state.RunningVersion, text, err)
	}
	if gone := w.Daemon.Gone(); gone != "" {
		t.Error(gone)
	}
}

// awaitHeard publishes passing checks until they are heard: the daemon is ready
// before it is connected, and a subscription hears nothing of the past.
func awaitHeard(t *testing.T, w *world.World, c *nats.Conn) {
	t.Helper()
	heard := func(instance string) func() (bool, string) {
		seq := 0
		return func() (bool, string) {
			seq++
			publish(t, c, world.HealthSubject("checkout", instance), world.Health("pass", "b", seq))
			n := w.Daemon.Service(t, w.Name).Failures(instance)
			return n == 0, fmt.Sprint(n)
		}
	}
	world.Await(t, "health checks to be heard", soon, heard("i1"))
	// Once another is heard as well, none of the first is on its way.
	publish(t, c, world.HealthSubject("checkout", "last"), brief("pass", 1))
	world.Await(t, "the last check to be heard", soon, func() (bool, string) {
		n := w.Daemon.Service(t, w.Name).Failures("last")
		return n == 0, fmt.Sprint(n)
	})
}

func publish(t *testing.T, c *nats.Conn, subject string, data []byte) {
	t.Helper()
	err := c.Publish(subject, data)
	if err == nil {
		err = c.Flush()
	}
	if err != nil {
		t.Fatal(fmt.Errorf("publishing on %s: %w", subject, err))
	}
}
