package bus

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

const (
	webFails = `{"status":"fail"}`
	webPass  = `{"status":"pass"}`
)

func expect(t *testing.T, w *world, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.heard()); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

func TestSubscriptions(t *testing.T) {
	inWorld(t, func(o *Options) {
		o.Maps = []Map{
			{Subject: "beat.*.*.*", Tokens: []string{"", "service", "instance"}, Kind: "health"},
			{Subject: "ci.done", Kind: "deploy"},
		}
	}, func(w *world) {
		time.Sleep(10 * time.Second) // no server yet: nothing is listened to, and time passes blind
		synctest.Wait()
		w.metric("rollbackd_source_up", "nats 0")
		w.connect()
		w.metric("rollbackd_source_up", "nats 1")
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		w.say("rollbackd.v1.health.=Y2hlY2tvdXQ.=d2ViLjE", webPass)
		w.say("beat.eu.cart.c1", webFails)
		w.say("rollbackd.v1.deploy.checkout", `{"version":"v2"}`)
		w.say("ci.done", `{"service":"cart","version":"v3"}`)
		expect(t, w, "checkout/web1 fail", "checkout/web.1 pass", "cart/c1 fail", "checkout deployed v2", "cart deployed v3")
		w.metric("rollbackd_events_received_total", "deploy 2, health 3")
		w.metric("rollbackd_events_rejected_total", "")
		w.metric("rollbackd_blind_seconds_total", "nats 10")
	})
}

func TestALostConnectionIsAGap(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		w.disconnect()
		if w.source.Connected() {
			t.Error("connected, want not")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		expect(t, w, "checkout/web1 fail") // the gap is told once we hear again
		w.connect()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "gap", "checkout/web1 fail")
		w.metric("rollbackd_source_errors_total", "disconnected nats 1")
	})
}

func TestDroppedMessagesAreAGap(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		w.bus.tell.failed(nats.ErrSlowConsumer)
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "gap", "checkout/web1 fail")
		w.bus.mu.Lock()
		w.bus.subs[healthSubject].dropped = 7
		w.bus.mu.Unlock()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "gap", "checkout/web1 fail")
		w.metric("rollbackd_source_errors_total", "dropped nats 7, slow_consumer nats 1")
	})
}

func TestAStreamIsReadInsteadOfASubscription(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		created := time.Now()
		w.store(healthSubject, created, webFails, webPass)
		w.connect()
		expect(t, w, "checkout/web1 fail replayed", "checkout/web1 pass replayed")
		w.bus.mu.Lock()
		subs, since := len(w.bus.subs), w.bus.held[healthSubject].reader.c.since
		w.bus.mu.Unlock()
		if want := time.Now().Add(-time.Hour); subs != 2 || !since.Equal(want) {
			t.Errorf("%d subscriptions and the stream since %v, want those of deploy and signal, and %v", subs, since, want)
		}
		w.store(healthSubject, created, webFails)
		expect(t, w, "checkout/web1 fail")

		// What the stream stored while we were away is no loss, but it is late:
		// it is replayed, from where we left off.
		w.disconnect()
		w.bus.mu.Lock()
		w.bus.held[healthSubject].reader.Stop()
		w.bus.mu.Unlock()
		w.store(healthSubject, created, webFails, webPass)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		w.connect()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.store(healthSubject, created, webFails)
		expect(t, w, "checkout/web1 fail replayed", "checkout/web1 pass replayed", "checkout/web1 fail")
	})
}

func TestAStreamThatDroppedMessagesIsAGap(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		created := time.Now()
		w.store(healthSubject, created, webFails)
		w.connect()
		expect(t, w, "checkout/web1 fail replayed")
		w.disconnect()
		w.store(healthSubject, created, webFails, webFails)
		w.heard()
		w.bus.mu.Lock()
		w.bus.held[healthSubject].first = 9
		w.bus.held[healthSubject].last = 9
		w.bus.held[healthSubject].data = append(make([]string, 8), webPass)
		w.bus.mu.Unlock()
		w.connect()
		w.mu.Lock()
		got := append([]string(nil), w.got...)
		w.mu.Unlock()
		if len(got) == 0 || got[0] != "gap" {
			t.Errorf("heard %v, want a gap first", got)
		}
	})
}

func TestAStreamThatAppears(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "checkout/web1 fail")
		created := time.Now()
		w.store(healthSubject, created, webFails, webFails) // heard by subscription as well
		time.Sleep(31 * time.Second)
		synctest.Wait()
		w.bus.mu.Lock()
		_, subscribed := w.bus.subs[healthSubject]
		from := w.bus.held[healthSubject].reader.c.from
		w.bus.mu.Unlock()
		if subscribed || from != 3 {
			t.Errorf("subscribed %v, the stream from %d, want only the stream from 3", subscribed, from)
		}
		w.store(healthSubject, created, webPass)
		expect(t, w, "gap", "checkout/web1 pass")
	})
}

func TestAStreamThatGoes(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		first := time.Now()
		w.store(healthSubject, first, webFails)
		w.connect()
		expect(t, w, "checkout/web1 fail replayed")
		w.bus.mu.Lock()
		r := w.bus.held[healthSubject].reader
		delete(w.bus.held, healthSubject)
		w.bus.mu.Unlock()
		r.c.failed(errors.New("consumer deleted"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "gap", "checkout/web1 fail")

		// A new stream of the same name takes over again.
		second := time.Now()
		w.store(healthSubject, second, webFails)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		w.store(healthSubject, second, webPass)
		expect(t, w, "gap", "checkout/web1 pass")
	})
}

// While its cluster has no leader nobody can say whether a stream is there. One
// that was read is waited for: nothing in it is lost.
func TestAStreamThatCannotBeAskedFor(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		created := time.Now()
		w.store(healthSubject, created, webFails)
		w.connect()
		w.heard()
		w.disconnect()
		w.bus.mu.Lock()
		w.bus.findErr = errors.New("no response")
		w.bus.mu.Unlock()
		w.connect()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		w.bus.mu.Lock()
		_, subscribed := w.bus.subs[healthSubject]
		w.bus.findErr = nil
		w.bus.mu.Unlock()
		if subscribed {
			t.Error("a subscription instead of the stream, want it waited for")
		}
		w.store(healthSubject, created, webPass)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		expect(t, w, "checkout/web1 pass replayed")

		// In the end a subscription hears more than nothing.
		w.disconnect()
		w.bus.mu.Lock()
		w.bus.findErr = errors.New("no response")
		w.bus.mu.Unlock()
		w.connect()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.say("rollbackd.v1.health.checkout.web1", webFails)
		expect(t, w, "gap", "checkout/web1 fail")
	})
}

func TestAStreamThatIsReplaced(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.store(healthSubject, time.Now(), webFails)
		w.connect()
		expect(t, w, "checkout/web1 fail replayed")
		w.disconnect()
		time.Sleep(time.Second)
		synctest.Wait()
		w.store(healthSubject, time.Now(), webPass)
		w.connect()
		expect(t, w, "gap", "checkout/web1 pass replayed")
	})
}

func TestAReaderThatEndsIsRebuilt(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		created := time.Now()
		w.store(healthSubject, created, webFails)
		w.connect()
		expect(t, w, "checkout/web1 fail replayed")
		w.bus.mu.Lock()
		w.bus.held[healthSubject].reader.Stop()
		w.bus.attempts, w.bus.consumeErr = nil, errors.New("no responders")
		w.bus.mu.Unlock()
		before := time.Now()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		w.bus.mu.Lock()
		var after []time.Duration
		for _, at := range w.bus.attempts {
			after = append(after, at.Sub(before))
		}
		w.bus.consumeErr = nil
		w.bus.mu.Unlock()
		s := time.Second
		if diff := cmp.Diff([]time.Duration{1 * s, 3 * s, 7 * s, 15 * s, 31 * s, 61 * s, 91 * s}, after); diff != "" {
			t.Errorf("tried after (-want +got):\n%s", diff)
		}
		w.store(healthSubject, created, webPass)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		expect(t, w, "checkout/web1 pass replayed")
	})
}

func TestDeploymentsOfBeforeTheRestartAreKnown(t *testing.T) {
	var since time.Time
	inWorld(t, func(o *Options) {
		since = time.Now().Add(-time.Minute)
		o.DeploysSince = since
	}, func(w *world) {
		w.store(deploySubject, time.Now(), `{"version":"v2","started_at":"1999-12-31T23:00:00Z"}`)
		w.connect()
		expect(t, w, "checkout deployed v2")
		w.bus.mu.Lock()
		defer w.bus.mu.Unlock()
		if got := w.bus.held[deploySubject].reader.c.since; !got.Equal(since) {
			t.Errorf("read since %v, want %v", got, since)
		}
	})
}

func TestAClosedConnectionEndsTheRun(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		w.bus.tell.closed()
		if err := <-w.done; !errors.Is(err, ErrClosed) {
			t.Errorf("error %v, want ErrClosed", err)
		}
		w.done <- nil
	})
}

func TestServicesMayChange(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.connect()
		w.say("rollbackd.v1.health.new.a", webFails)
		expect(t, w)
		w.source.SetServices([]string{"new"}, time.Hour)
		w.say("rollbackd.v1.health.new.a", webFails)
		w.say("rollbackd.v1.health.checkout.a", webFails)
		expect(t, w, "new/a fail")
		w.metric("rollbackd_events_rejected_total", "unknown_service 2")
		synctest.Wait()
	})
}
