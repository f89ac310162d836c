package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
)

// arrived decodes what arrived on a subject; exactly one message must have.
func arrived(t *testing.T, s *server, subject string) map[string]any {
	t.Helper()
	var found []*nats.Msg
	for _, m := range s.got {
		if m.Subject == subject {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d messages on %s, want 1; there are %q", len(found), subject, s.subjects())
	}
	var event map[string]any
	if err := json.Unmarshal(found[0].Data, &event); err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	return event
}

// play publishes entries and returns the world, stopped.
func play(t *testing.T, entries []incident.Entry) *world {
	t.Helper()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.t = t
		w.change = func(o *Options) { o.MaxAge = 100 * 365 * 24 * time.Hour } // the bubble's clock is not that of the story
		p := w.run()
		for _, e := range entries {
			w.journal.add(t, e)
		}
		p.Poke()
		synctest.Wait()
		w.end()
	})
	return w
}

func TestEveryEntryOfAServiceGoesOutOnce(t *testing.T) {
	entries := append(
		[]incident.Entry{
			{At: begin(), Kind: incident.KindStarted, Actor: "rollbackd", Text: "started"}, // of the daemon: nobody's subject
			{At: begin(), Kind: incident.KindBrake, Service: "shop.checkout", Actor: "alice", Text: "paused by alice"},
		}, story("i1", incident.RunCompleted, incident.RolledBack)...)
	w := play(t, entries)
	want := []string{
		"rollbackd.v1.event.=c2hvcC5jaGVja291dA.brake",
		"rollbackd.v1.event.checkout.opened",
		"rollbackd.v1.event.checkout.planned",
		"rollbackd.v1.event.checkout.step_begun",
		"rollbackd.v1.event.checkout.step_ended",
		"rollbackd.v1.event.checkout.run_ended",
		"rollbackd.v1.event.checkout.rolledback",
		"rollbackd.v1.event.checkout.closed",
		"rollbackd.v1.event.checkout.root_cause_analysis",
	}
	got := slices.DeleteFunc(w.server.subjects(), func(s string) bool { return s == "rollbackd.v1.journal.head" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	for _, msg := range w.server.got {
		if strings.Contains(string(msg.Data), "secret-canary") {
			t.Errorf("%s holds what a step does or wrote: %s", msg.Subject, msg.Data)
		}
	}
	if got := w.counted("opened", resultPublished); got != 1 {
		t.Errorf("opened is counted as published %v times, want 1", got)
	}
}

func TestAnEventIsACloudEvent(t *testing.T) {
	w := play(t, story("i1", incident.RunCompleted, incident.RolledBack))
	ids := map[string]bool{}
	for _, msg := range w.server.got {
		if msg.Subject == "rollbackd.v1.journal.head" {
			continue
		}
		if got := msg.Header.Get("Content-Type"); got != "application/cloudevents+json" {
			t.Errorf("%s: Content-Type %q", msg.Subject, got)
		}
		e := arrived(t, w.server, msg.Subject)
		for _, attribute := range []string{"id", "source", "type", "subject", "time"} {
			if text, ok := e[attribute].(string); !ok || text == "" {
				t.Errorf("%s: %s is %v, want a text", msg.Subject, attribute, e[attribute])
			}
		}
		if e["specversion"] != "1.0" || e["datacontenttype"] != "application/json" || e["source"] != "/rollbackd/ops1" {
			t.Errorf("%s: %v", msg.Subject, e)
		}
		id, _ := e["id"].(string)
		if ids[id] || msg.Header.Get(jetstream.MsgIDHeader) != id {
			t.Errorf("%s: id %q is not its own, or not the message's %q", msg.Subject, id, msg.Header.Get(jetstream.MsgIDHeader))
		}
		ids[id] = true
	}
	opened := arrived(t, w.server, "rollbackd.v1.event.checkout.opened")
	data, _ := opened["data"].(map[string]any)
	summary, _ := data["summary"].(map[string]any)
	if opened["type"] != "io.github.rollbackd.opened" || data["seq"] != 1.0 || data["incident"] != "i1" || summary["state"] == "closed" || summary["id"] != "i1" {
		t.Errorf("the opening went out as %v, want its incident as it was then", opened)
	}
}

func TestAVerifiedRollbackIsACDEvent(t *testing.T) {
	w := play(t, story("i1", incident.RunCompleted, incident.RolledBack))
	e := arrived(t, w.server, "rollbackd.v1.event.checkout.rolledback")
	cd, _ := e["data"].(map[string]any)
	context, _ := cd["context"].(map[string]any)
	for _, same := range []string{"id", "source", "type"} {
		if context[same] != e[same] || e[same] == "" {
			t.Errorf("%s is %v in the context and %v around it", same, context[same], e[same])
		}
	}
	if context["specversion"] != "0.5.1" || context["timestamp"] != e["time"] || e["type"] != "dev.cdevents.service.rolledback.0.3.0" {
		t.Errorf("the context is %v", context)
	}
	want := map[string]any{
		"id":      "checkout",
		"content": map[string]any{"environment": map[string]any{"id": "production"}, "artifactId": "pkg:generic/checkout@v1"},
	}
	if diff := cmp.Diff(want, cd["subject"]); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	custom, _ := cd["customData"].(map[string]any)
	if custom["from"] != "v2" || custom["to"] != "v1" || custom["incident"] != "i1" || custom["severity"] != "critical" {
		t.Errorf("customData is %v", custom)
	}
}

func TestNoRollbackIsClaimedThatWasNotVerified(t *testing.T) {
	for _, c := range []struct {
		end     incident.RunState
		outcome incident.Outcome
		reason  string
	}{
		{incident.RunPartial, incident.Unresolved, "a rollback changed something and was not verified"},
		{incident.RunAborted, incident.Unresolved, "a rollback changed something and was not verified"},
	} {
		w := play(t, story("i1", c.end, c.outcome))
		if slices.Contains(w.server.subjects(), "rollbackd.v1.event.checkout.rolledback") {
			t.Errorf("%s is told as rolled back", c.end)
		}
		e := arrived(t, w.server, "rollbackd.v1.event.checkout.root_cause_analysis")
		data, _ := e["data"].(map[string]any)
		if data["reason"] != c.reason || data["report"] != "https://ops.example.com/report/i1" {
			t.Errorf("%s: the signal says %v", c.end, data)
		}
	}
}

func TestAnIncidentThatRecoveredAsksForNoAnalysis(t *testing.T) {
	all := story("i1", incident.RunCompleted, incident.Recovered)
	w := play(t, []incident.Entry{all[0], all[5]})
	want := []string{"rollbackd.v1.event.checkout.opened", "rollbackd.v1.event.checkout.closed"}
	got := slices.DeleteFunc(w.server.subjects(), func(s string) bool { return s == "rollbackd.v1.journal.head" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

// TestAnAnalysisFitsIntoAMessage lets go of evidence, and then of the incident,
// rather than of the signal.
func TestAnAnalysisFitsIntoAMessage(t *testing.T) {
	for _, c := range []struct {
		name         string
		line         int
		wantIncident bool
	}{{"small", 10, true}, {"large", mostBytes, false}} {
		a := analysis{Document: &incident.Incident{ID: "i1", Timeline: []incident.Moment{{Text: strings.Repeat("x", c.line)}}, Samples: []incident.Series{{}}}}
		if err := a.fit(); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if (a.Document != nil) != c.wantIncident || len(body) > mostBytes {
			t.Errorf("%s: incident %v in %d bytes", c.name, a.Document != nil, len(body))
		}
	}
}

func TestAnOutageLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.set(w.server.down, nil)
		p := w.run()
		note := func(n int) {
			for range n {
				w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindSignal, Service: "checkout", Actor: "ci", Text: "said"})
				p.Poke()
			}
		}
		note(250)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := w.server.subjects(); len(got) != 0 {
			t.Fatalf("%d events arrived while nobody was there", len(got))
		}
		w.server.set(nil, nil)
		time.Sleep(retryAtMost)
		synctest.Wait()
		if got := w.counted("signal", resultPublished); got != 250 {
			t.Errorf("%v events after the outage, want 250", got)
		}
		w.end()
	})
}

func TestALostAnswerRepeatsWithTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.run()
		synctest.Wait()
		w.server.set(nil, func(*nats.Msg) error { return errors.New("timeout") })
		w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindPardon, Service: "checkout", Actor: "alice", Text: "pardoned"})
		p.Poke()
		synctest.Wait()
		w.server.set(nil, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if published, duplicate := w.counted("pardon", resultPublished), w.counted("pardon", resultDuplicate); published != 0 || duplicate != 1 {
			t.Errorf("published %v, duplicate %v; want the stream to know the second one", published, duplicate)
		}
		if retried := w.counted("pardon", resultRetried); retried != 1 {
			t.Errorf("retried %v times, want once", retried)
		}
		w.end()
	})
}

func TestOneThatIsRefusedHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.set(func(m *nats.Msg) error {
			if strings.HasSuffix(m.Subject, ".pardon") {
				return fmt.Errorf("%w: too large", bus.ErrRefused)
			}
			return nil
		}, nil)
		p := w.run()
		for _, kind := range []incident.Kind{incident.KindPardon, incident.KindBrake} {
			w.journal.add(t, incident.Entry{At: time.Now(), Kind: kind, Service: "checkout", Actor: "alice", Text: "x"})
		}
		p.Poke()
		synctest.Wait()
		if refused, next := w.counted("pardon", resultRefused), w.counted("brake", resultPublished); refused != 1 || next != 1 {
			t.Errorf("refused %v, and the next one published %v times; want 1 and 1", refused, next)
		}
		w.end()
	})
}

func TestWhatWaitedTooLongIsDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.change = func(o *Options) { o.MaxWaiting = 10 }
		w.server.set(w.server.down, nil)
		p := w.run()
		add := func(n int) {
			for range n {
				w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindSignal, Service: "checkout", Actor: "ci", Text: "said"})
			}
			p.Poke()
		}
		add(3) // too old
		time.Sleep(24*time.Hour + time.Second)
		add(15) // five too many
		w.server.set(nil, nil)
		time.Sleep(retryAtMost)
		synctest.Wait()
		if dropped, published := w.counted("signal", resultDropped), w.counted("signal", resultPublished); dropped != 3+5 || published != 10 {
			t.Errorf("dropped %v and published %v, want 8 and 10", dropped, published)
		}
		w.end()
	})
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		note := func(text string) {
			w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindSignal, Service: "checkout", Actor: "ci", Text: text})
		}
		note("before there was a publisher")
		p := w.run()
		note("one")
		p.Poke()
		synctest.Wait()
		w.end()
		note("two") // while nobody published
		w.run()
		synctest.Wait()
		w.end()
		if got := w.counted("signal", resultPublished); got != 2 {
			t.Errorf("%v events, want the two after the first start", got)
		}
		if got := w.counted("signal", resultDuplicate); got != 0 {
			t.Errorf("%v events went out again over a restart", got)
		}
		w.journal = &memory{salt: "bbbb"} // another journal was put in its place
		note("of another journal")
		p = w.run()
		note("three")
		p.Poke()
		synctest.Wait()
		w.end()
		if got := w.counted("signal", resultPublished); got != 3 {
			t.Errorf("%v events, want only the new one of the other journal", got)
		}
	})
}

func TestAPlaceThatCannotBeReadStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := os.WriteFile(w.path, []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := w.run()
		w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindSignal, Service: "checkout", Actor: "ci", Text: "said"})
		p.Poke()
		synctest.Wait()
		w.end()
		if got := w.counted("signal", resultPublished); got != 1 {
			t.Errorf("%v events, want 1", got)
		}
	})
}

func TestTheHeadIsSaidHourlyAtAClosingAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		heads := func() (seqs []uint64) {
			w.server.mu.Lock()
			defer w.server.mu.Unlock()
			for _, m := range w.server.got {
				if m.Subject != "rollbackd.v1.journal.head" {
					continue
				}
				var h head
				if err := json.Unmarshal(m.Data, &h); err != nil {
					t.Fatal(err)
				}
				if h.Hash != w.journal.hash(h.Seq) || h.Host != "ops1" {
					t.Errorf("the head is said to be %+v", h)
				}
				seqs = append(seqs, h.Seq)
			}
			return seqs
		}
		p := w.run()
		all := story("i1", incident.RunCompleted, incident.RolledBack)
		for _, e := range []incident.Entry{all[0], all[5]} {
			e.At = time.Now()
			w.journal.add(t, e)
		}
		p.Poke()
		synctest.Wait()
		if diff := cmp.Diff([]uint64{2}, heads()); diff != "" { // the journal was empty at the start
			t.Errorf("heads after the closing (-want +got):\n%s", diff)
		}
		time.Sleep(headEvery)
		synctest.Wait()
		w.journal.add(t, incident.Entry{At: time.Now(), Kind: incident.KindStarted, Actor: "rollbackd", Text: "x"})
		w.end()
		if diff := cmp.Diff([]uint64{2, 2, 3}, heads()); diff != "" {
			t.Errorf("heads (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsToldIsTheSameOnEveryDay(t *testing.T) {
	one, other := play(t, story("i1", incident.RunCompleted, incident.RolledBack)), play(t, story("i1", incident.RunCompleted, incident.RolledBack))
	events := func(w *world) (all []string) {
		for _, m := range w.server.got {
			if m.Header.Get(jetstream.MsgIDHeader) != "" {
				all = append(all, string(m.Data))
			}
		}
		return all
	}
	if diff := cmp.Diff(events(one), events(other)); diff != "" {
		t.Errorf("the same journal went out in two ways:\n%s", diff)
	}
}
