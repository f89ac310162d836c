package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/test/world"
)

// onlyErrors is a trigger on a metric alone: nothing needs to come in by NATS.
const onlyErrors = `errors = { when = "error_rate > 1% for 4s", severity = "critical", warm_up = "1s" }`

// heard are the messages that came on some subject; safe for concurrent use.
type heard struct {
	mu  sync.Mutex
	all []*nats.Msg
}

func listen(t *testing.T, c *nats.Conn, subject string) *heard {
	t.Helper()
	h := &heard{}
	sub, err := c.Subscribe(subject, func(m *nats.Msg) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, m)
	})
	if err == nil {
		err = c.Flush()
	}
	if err != nil {
		t.Fatalf("listening to %s: %v", subject, err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return h
}

func (h *heard) messages() []*nats.Msg {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// published is a CloudEvent as a listener reads it.
type published struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            struct {
		Seq      uint64 `json:"seq"`
		Hash     string `json:"hash"`
		Kind     string `json:"kind"`
		Incident string `json:"incident"`
		Text     string `json:"text"`
		Reason   string `json:"reason"`
		Summary  struct {
			State   string `json:"state"`
			Outcome string `json:"outcome"`
		} `json:"summary"`
		Context struct {
			SpecVersion string `json:"specversion"`
			Type        string `json:"type"`
		} `json:"context"`
		CustomData struct {
			From string `json:"from"`
			To   string `json:"to"`
		} `json:"customData"`
	} `json:"data"`
}

// readEvent checks what CloudEvents 1.0 requires, and returns the event.
func readEvent(t *testing.T, m *nats.Msg) published {
	t.Helper()
	var e published
	if err := json.Unmarshal(m.Data, &e); err != nil {
		t.Fatalf("%s: %v\n%s", m.Subject, err, m.Data)
	}
	if e.SpecVersion != "1.0" || e.ID == "" || !strings.HasPrefix(e.Source, "/rollbackd/") || e.Type == "" || e.Time.IsZero() || e.DataContentType != "application/json" {
		t.Errorf("%s is no CloudEvent: %s", m.Subject, m.Data)
	}
	if got := m.Header.Get("Content-Type"); got != "application/cloudevents+json" {
		t.Errorf("%s: Content-Type %q", m.Subject, got)
	}
	if got := m.Header.Get(jetstream.MsgIDHeader); got != e.ID {
		t.Errorf("%s: Nats-Msg-Id %q, id %q", m.Subject, got, e.ID)
	}
	return e
}

// kindsOf are the kinds of the events about an incident, in order, each of which
// must be there once.
func kindsOf(t *testing.T, messages []*nats.Msg, id string) (kinds []string) {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range messages {
		e := readEvent(t, m)
		if ids[e.ID] {
			t.Errorf("%s came twice as %s", m.Subject, e.ID)
		}
		ids[e.ID] = true
		if e.Data.Incident == id && e.Data.Kind != "" {
			if want := "rollbackd.v1.event.checkout." + e.Data.Kind; m.Subject != want || e.Subject != "checkout" || e.Type != "io.github.rollbackd."+e.Data.Kind {
				t.Errorf("an event of kind %s came on %s as %s", e.Data.Kind, m.Subject, e.Type)
			}
			kinds = append(kinds, e.Data.Kind)
		}
	}
	return kinds
}

// timelineKinds are those that the API tells of an incident. Evidence that is
// written for the report is in no timeline.
func timelineKinds(i world.Incident) (kinds []string) {
	for _, m := range i.Timeline {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

// onTimeline are the kinds that have a place in an incident's timeline, up to its
// end: what is measured afterwards may be there already, or not yet.
func onTimeline(kinds []string) []string {
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == "samples" })
	if end := slices.Index(kinds, "closed"); end >= 0 {
		kinds = kinds[:end+1]
	}
	return kinds
}

// one is the only message on a subject.
func one(t *testing.T, messages []*nats.Msg, subject string) published {
	t.Helper()
	var found []*nats.Msg
	for _, m := range messages {
		if m.Subject == subject {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d messages on %s, want 1", len(found), subject)
	}
	return readEvent(t, found[0])
}

// headSaid is the newest word about the journal's head.
func headSaid(t *testing.T, h *heard) (seq uint64, hash string) {
	t.Helper()
	all := h.messages()
	if len(all) == 0 {
		t.Fatal("the journal's head was never said")
	}
	var said struct {
		Seq  uint64
		Hash string
		At   time.Time
		Host string
	}
	if err := json.Unmarshal(all[len(all)-1].Data, &said); err != nil || said.At.IsZero() || said.Host == "" {
		t.Fatalf("the head is said as %s: %v", all[len(all)-1].Data, err)
	}
	return said.Seq, said.Hash
}

// awaitSubject waits for a message on a subject.
func awaitSubject(t *testing.T, h *heard, subject string) {
	t.Helper()
	world.Await(t, "a message on "+subject, soon, func() (bool, string) {
		all := h.messages()
		return slices.ContainsFunc(all, func(m *nats.Msg) bool { return m.Subject == subject }), fmt.Sprint(len(all))
	})
}

// TestWhatHappensIsPublished lets a rollback happen before a plain NATS server
// and compares what a listener hears with what the API tells.
func TestWhatHappensIsPublished(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true, Triggers: onlyErrors})
	c := w.Bus.Connect(t)
	events, heads := listen(t, c, "rollbackd.v1.event.>"), listen(t, c, "rollbackd.v1.journal.head")
	w.Start()
	w.AwaitWell("errors")
	received := w.Daemon.Sum(t, "rollbackd_events_received_total")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "errors", "v2", "v1")
	const last = "rollbackd.v1.event.checkout.root_cause_analysis"
	awaitSubject(t, events, last)
	all := events.messages()
	if diff := cmp.Diff(onTimeline(timelineKinds(closed)), onTimeline(kindsOf(t, all, closed.ID))); diff != "" {
		t.Errorf("what was published of the incident (-timeline +published):\n%s", diff)
	}
	if e := one(t, all, "rollbackd.v1.event.checkout.closed"); e.Data.Summary.State != "closed" || e.Data.Summary.Outcome != "rolled_back" {
		t.Errorf("the closing is told as %+v", e.Data)
	}
	if e := one(t, all, "rollbackd.v1.event.checkout.rolledback"); e.Type != "dev.cdevents.service.rolledback.0.3.0" || e.Data.Context.Type != e.Type ||
		e.Data.CustomData.From != "v2" || e.Data.CustomData.To != "v1" {
		t.Errorf("the CDEvent is %+v", e)
	}
	if e := one(t, all, last); e.Data.Reason != "rolled back and verified" {
		t.Errorf("the signal is %+v", e.Data)
	}
	if got := w.Daemon.Sum(t, "rollbackd_events_received_total"); got != received {
		t.Errorf("%g events were taken in, want none of our own", got-received)
	}
	awaitPublished(t, w) // the last words are few: there are two seconds for them
	if code := w.Daemon.Terminate(t, soon); code != 0 {
		t.Errorf("exit code %d", code)
	}
	checkHead(t, w, heads)
}

// checkHead compares the head that was said last with the journal itself.
func checkHead(t *testing.T, w *world.World, heads *heard) {
	t.Helper()
	j, err := journal.OpenReadOnly(t.Context(), filepath.Join(w.Dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	want, wantHash := j.Head()
	world.Await(t, "the journal's head", soon, func() (bool, string) {
		seq, hash := headSaid(t, heads)
		return seq == want && hash == wantHash, fmt.Sprintf("%d %s, the journal has %d %s", seq, hash, want, wantHash)
	})
}

// TestAnOutageOfNATSLosesNoEvent takes NATS away over a whole rollback, and then
// has the daemon forget how far it had published: a stream has every event once.
func TestAnOutageOfNATSLosesNoEvent(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true, Triggers: onlyErrors})
	js, err := jetstream.New(w.Bus.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"rollbackd.v1.event.>"}, Duplicates: 10 * time.Minute, Storage: jetstream.FileStorage,
	}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.AwaitWell("errors")
	place := filepath.Join(w.Dir, "journal.db.published")
	before, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	w.Daemon.AwaitIncident(t, w.Name, soon, func(world.Incident) bool { return true })
	w.Bus.Stop()
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "errors", "v2", "v1")
	if waiting := w.Daemon.Sum(t, "rollbackd_events_waiting"); waiting == 0 {
		t.Error("nothing is waiting though NATS is away")
	}
	w.Bus.Start(t)
	awaitPublished(t, w)
	want, got := onTimeline(timelineKinds(closed)), onTimeline(kindsOf(t, stored(t, js), closed.ID))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the stream has of the incident (-timeline +stream):\n%s", diff)
	}

	w.Daemon.Kill(t)
	if err := os.WriteFile(place, before, 0o600); err != nil {
		t.Fatal(err)
	}
	w.Start()
	awaitPublished(t, w)
	again := onTimeline(kindsOf(t, stored(t, js), closed.ID)) // fails where an id is there twice
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("what the stream has of the incident when all went out again (-timeline +stream):\n%s", diff)
	}
	if n := w.Daemon.Sum(t, "rollbackd_events_published_total", "result", "duplicate"); n == 0 {
		t.Error("no event is counted as a duplicate though they went out again")
	}
}

// awaitPublished waits until nothing waits to be published.
func awaitPublished(t *testing.T, w *world.World) {
	t.Helper()
	world.Await(t, "everything to be published", soon, func() (bool, string) {
		n := w.Daemon.Sum(t, "rollbackd_events_waiting")
		done := w.Daemon.Sum(t, "rollbackd_events_published_total")
		return n == 0 && done > 0, fmt.Sprintf("%g waiting", n)
	})
}

// stored are the messages of the stream.
func stored(t *testing.T, js jetstream.JetStream) (all []*nats.Msg) {
	t.Helper()
	s, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && seq > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	}
	return all
}
