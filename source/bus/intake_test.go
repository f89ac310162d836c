package bus

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestRefusedEventsAreBuried(t *testing.T) {
	var log bytes.Buffer
	inWorld(t, func(o *Options) {
		o.Logger = hclog.New(&hclog.LoggerOptions{Output: &log})
		o.Maps = []Map{{Subject: "rollbackd.v1.deadletter.*", Tokens: []string{""}, Kind: "health"}}
	}, func(w *world) {
		w.connect()
		cloud := nats.Header{"content-TYPE": []string{"application/cloudevents+json"}}
		w.say("rollbackd.v1.health.checkout.web1", `{"status":"so so"}`)
		w.say("rollbackd.v1.health.checkout.web1", `{"status":"so so"}`)
		w.sayWith("rollbackd.v1.deploy.checkout", `{"version":"v2"}`, cloud)
		w.sayWith("rollbackd.v1.deploy.checkout", `{"version":"v2"}`, nats.Header{"CE-SpecVersion": []string{"1.0"}})
		w.say("rollbackd.v1.signal.checkout", `{}`)
		w.say("rollbackd.v1.health.nobody.web1", webFails)
		w.say("rollbackd.v1.health.nobody.web1", webFails)
		w.say("rollbackd.v1.health.=!.web1", webFails)
		w.say("rollbackd.v1.health.checkout.web1", strings.Repeat("x", 1<<20))
		w.sayWith("rollbackd.v1.deadletter.malformed", "{", nats.Header{"Rollbackd-Reason": []string{"malformed"}})
		expect(t, w)
		w.metric("rollbackd_events_rejected_total", "bad_subject 1, missing_name 1, too_large 1, unknown_service 2, unknown_status 2, unsupported_format 2")

		w.bus.mu.Lock()
		defer w.bus.mu.Unlock()
		if len(w.bus.letters) != 9 {
			t.Fatalf("%d dead letters, want 9", len(w.bus.letters))
		}
		letter := w.bus.letters[2]
		want := nats.Header{"Rollbackd-Reason": {"unsupported_format"}, "Rollbackd-Subject": {"rollbackd.v1.deploy.checkout"}, "Content-Type": {"application/cloudevents+json"}}
		if diff := cmp.Diff(want, letter.Header); diff != "" || letter.Subject != "rollbackd.v1.deadletter.unsupported_format" || string(letter.Data) != `{"version":"v2"}` {
			t.Errorf("letter %s %q, headers (-want +got):\n%s", letter.Subject, letter.Data, diff)
		}
		if got := len(w.bus.letters[8].Data); got != 64<<10 {
			t.Errorf("the large one's copy has %d bytes, want 64 KiB", got)
		}
		if got := strings.Count(log.String(), "was refused"); got != 6 {
			t.Errorf("%d lines of log, want one a reason:\n%s", got, log.String())
		}
	})
}

func TestReplayedEventsAreBuriedOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		created := time.Now()
		w.store(healthSubject, created, `{}`)
		w.connect()
		w.store(healthSubject, created, `{}`)
		expect(t, w)
		w.bus.mu.Lock()
		defer w.bus.mu.Unlock()
		if len(w.bus.letters) != 1 {
			t.Errorf("%d dead letters, want only the live one", len(w.bus.letters))
		}
	})
}

func TestAnInstanceHasARate(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		for i := range 50 {
			body := webPass
			if i == 30 || i == 40 {
				body = fmt.Sprintf(`{"status":"fail","seq":%d}`, i)
			}
			w.say("rollbackd.v1.health.checkout.web1", body)
		}
		w.say("rollbackd.v1.health.checkout.web2", webPass)
		got := w.heard()
		if len(got) != 21 || got[20] != "checkout/web2 pass" {
			t.Fatalf("heard %v, want 20 of web1 and that of web2", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		expect(t, w, "checkout/web1 fail 30")
		for range 21 {
			w.say("rollbackd.v1.health.checkout.web1", webPass)
		}
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		w.heard()
	})
}

func TestALaterCheckBringsOutWhatWasHeld(t *testing.T) {
	l := newLimiter()
	at := time.Unix(100, 0)
	check := func(status trigger.HealthStatus, at time.Time) incident.Health {
		return incident.Health{Service: "s", Check: trigger.HealthCheck{Instance: "i", Status: status, At: at}}
	}
	var got []string
	emit := func(h incident.Health) { got = append(got, h.Check.Status.String()) }
	for range 20 {
		l.take(check(trigger.HealthPass, at), emit)
	}
	got = nil
	for _, s := range []trigger.HealthStatus{trigger.HealthPass, trigger.HealthWarn, trigger.HealthUnknown} {
		l.take(check(s, at), emit)
	}
	l.flush(at, emit)
	if len(got) != 0 {
		t.Errorf("passed on %v within the second, want nothing", got)
	}
	l.take(check(trigger.HealthPass, at.Add(time.Second)), emit)
	if diff := cmp.Diff([]string{"warn", "pass"}, got); diff != "" {
		t.Errorf("passed on (-want +got):\n%s", diff)
	}
	if len(l.holding) != 0 {
		t.Errorf("%d are still to be looked after, want none", len(l.holding))
	}
}

func TestInstancesAreBounded(t *testing.T) {
	l := newLimiter()
	at := time.Unix(100, 0)
	take := func(i int, at time.Time) bool {
		return l.take(incident.Health{Service: "s", Check: trigger.HealthCheck{Instance: fmt.Sprint(i), At: at}}, func(incident.Health) {})
	}
	for i := range maxInstances {
		if !take(i, at) {
			t.Fatalf("instance %d was refused", i)
		}
	}
	if take(-1, at) || !take(0, at) {
		t.Error("want one too many refused, and a known one taken")
	}
	if !take(-1, at.Add(idleAfter+2*time.Second)) || len(l.instances) != 1 {
		t.Errorf("%d instances, want those long silent forgotten for the new one", len(l.instances))
	}
}

func TestAFullQueueIsAGapWhereItIsMissing(t *testing.T) {
	q := newQueue(4)
	at := time.Unix(100, 0)
	offer := func(i int) bool { return q.offer(incident.VersionSeen{Version: fmt.Sprint(i)}, at) }
	for i := range 4 {
		if !offer(i) {
			t.Errorf("%d was dropped", i)
		}
	}
	take := func() string {
		select {
		case in := <-q.inputs:
			if v, ok := in.(incident.VersionSeen); ok {
				return v.Version
			}
			return "gap"
		default:
			return ""
		}
	}
	if offer(4) {
		t.Error("4 was taken, want it dropped")
	}
	q.mend(at) // no room for a gap either
	first := take()
	if offer(5) {
		t.Error("5 was taken without room for the gap before it")
	}
	got := []string{first, take()}
	offer(6)
	for s := take(); s != ""; s = take() {
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "gap", "6"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	q.lost()
	q.mend(at)
	q.mend(at)
	if got := []string{take(), take()}; got[0] != "gap" || got[1] != "" {
		t.Errorf("mended with %v, want one gap", got)
	}
}

func TestSignals(t *testing.T) {
	inWorld(t, func(o *Options) {
		o.Signals = map[string][]string{"checkout": {"flag_failed"}, "cart": {}}
		o.Maps = []Map{{Subject: "flags.*.off", Tokens: []string{"service"}, Kind: "signal"}}
	}, func(w *world) {
		w.store(signalSubject, time.Now(), `{"name":"flag_failed"}`) // a stream's past says nothing
		w.connect()
		const failed = `{"name":"flag_failed","id":"7"}`
		w.say("rollbackd.v1.signal.checkout", failed)
		w.say("rollbackd.v1.signal.checkout", failed)
		w.say("flags.checkout.off", `{"name":"flag_failed"}`)
		w.say("rollbackd.v1.signal.cart", failed)
		expect(t, w, "checkout signal flag_failed", "checkout signal flag_failed")
		w.source.SetSignals(map[string][]string{"cart": {"flag_failed"}})
		w.say("rollbackd.v1.signal.cart", failed) // the id is another service's too
		expect(t, w, "cart signal flag_failed")
		time.Sleep(rememberIDs + time.Second)
		synctest.Wait()
		w.say("rollbackd.v1.signal.checkout", failed)
		expect(t, w, "checkout signal flag_failed")
		w.metric("rollbackd_events_received_total", "signal 6")
		w.metric("rollbackd_events_rejected_total", "repeated 1, unknown_signal 1")
	})
}

func TestIDsAreBounded(t *testing.T) {
	r := newRepeats()
	at := time.Unix(100, 0)
	for i := range maxIDs + 1 {
		if !r.take("s", fmt.Sprint(i), at) {
			t.Fatalf("id %d was taken for a repeated one", i)
		}
	}
	if len(r.seen) != maxIDs || len(r.order) != maxIDs {
		t.Errorf("%d ids in %d places, want %d", len(r.seen), len(r.order), maxIDs)
	}
	if r.take("s", fmt.Sprint(maxIDs), at) || !r.take("s", "0", at) || !r.take("s", "", at) || !r.take("s", "", at) {
		t.Error("want the newest known, the oldest forgotten, and no id never a repeated one")
	}
}

// What a stream holds waits for room instead of being dropped.
func TestStoredEventsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4)
		in := newIntake(Options{Clock: clock.New(), Logger: hclog.NewNullLogger(), Services: []string{"checkout"}}, q)
		r := route{subject: healthSubject, tokens: []string{"service", "instance"}, kind: kindHealth}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 10 {
				in.receive(t.Context(), r, message{subject: fmt.Sprintf("rollbackd.v1.health.checkout.w%d", i), data: []byte(webFails), at: time.Now(), stored: true})
			}
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		var got []string
		for len(got) < 10 {
			h, ok := (<-q.inputs).(incident.Health)
			if !ok {
				t.Fatal("a gap, want nothing lost")
			}
			got = append(got, h.Check.Instance)
		}
		<-done
		if diff := cmp.Diff([]string{"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9"}, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 5 { // the last finds no room, and the context has ended
			in.receive(ctx, r, message{subject: fmt.Sprintf("rollbackd.v1.health.checkout.x%d", i), data: []byte(webFails), at: time.Now(), stored: true})
		}
	})
}

// BenchmarkIntake is the whole way of a health check up to the brain's door.
func BenchmarkIntake(b *testing.B) {
	q := newQueue(queueLength)
	in := newIntake(Options{Clock: clock.New(), Logger: hclog.NewNullLogger(), Services: []string{"checkout"}}, q)
	r := route{subject: healthSubject, tokens: []string{"service", "instance"}, kind: kindHealth}
	m := message{data: []byte(`{"status":"fail","time":"2026-01-02T03:04:05.123Z","seq":4711,"boot":"b1f3","version":"2.4.1","ttl":"45s"}`)}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	subjects := make([]string, 1000)
	for i := range subjects {
		subjects[i] = fmt.Sprintf("rollbackd.v1.health.checkout.web%d", i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.subject, m.at = subjects[n%1000], start.Add(time.Duration(n/20000)*time.Second)
		n++
		in.receive(b.Context(), r, m)
		<-q.inputs
	}
}
