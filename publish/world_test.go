package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/trigger"
)

// memory is a journal in memory; safe for concurrent use.
type memory struct {
	mu   sync.Mutex
	salt string // what tells two journals apart
	all  []journal.Numbered
	of   []string // the incident of each
}

func (m *memory) add(t *testing.T, e incident.Entry) {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := uint64(len(m.all) + 1)
	m.all = append(m.all, journal.Numbered{Seq: seq, Hash: m.hash(seq), Entry: raw})
	m.of = append(m.of, e.Incident)
}

func (m *memory) hash(seq uint64) string { return fmt.Sprintf("%s%060x", m.salt, seq*7919) }

func (m *memory) After(_ context.Context, seq uint64, limit int) ([]journal.Numbered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := m.all[min(seq, uint64(len(m.all))):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (m *memory) Entries(_ context.Context, id string) (entries [][]byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, n := range m.all {
		if m.of[i] == id {
			entries = append(entries, n.Entry)
		}
	}
	return entries, nil
}

func (m *memory) head() (uint64, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) == 0 {
		return 0, ""
	}
	last := m.all[len(m.all)-1]
	return last.Seq, last.Hash
}

// server is a bus of the test's own, with a stream that knows duplicates.
type server struct {
	mu      sync.Mutex
	got     []*nats.Msg
	ids     map[string]bool
	trouble func(*nats.Msg) error // before it is taken; nil for none
	lost    func(*nats.Msg) error // after it was taken: the answer is lost
	tried   int
}

func newServer() *server { return &server{ids: map[string]bool{}} }

func (s *server) Publish(_ context.Context, msg *nats.Msg) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried++
	if s.trouble != nil {
		if err := s.trouble(msg); err != nil {
			return false, err
		}
	}
	id := msg.Header.Get(jetstream.MsgIDHeader)
	if id != "" && s.ids[id] {
		return true, nil
	}
	s.ids[id] = true
	s.got = append(s.got, msg)
	if s.lost != nil {
		return false, s.lost(msg)
	}
	return false, nil
}

func (s *server) set(trouble, lost func(*nats.Msg) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble, s.lost = trouble, lost
}

// subjects are those of what arrived, in order.
func (s *server) subjects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []string{}
	for _, m := range s.got {
		all = append(all, m.Subject)
	}
	return all
}

func (s *server) down(*nats.Msg) error { return bus.ErrDown }

// world is a publisher over a journal and a server.
type world struct {
	t       *testing.T
	journal *memory
	server  *server
	path    string
	metrics *Metrics
	stop    context.CancelFunc
	ended   chan struct{}
	change  func(*Options)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, journal: &memory{salt: "aaaa"}, server: newServer(),
		path: filepath.Join(t.TempDir(), "published"), metrics: NewMetrics(prometheus.NewRegistry()),
	}
}

func (w *world) make() *Publisher {
	o := Options{
		Bus: w.server, Journal: w.journal, Head: w.journal.head, Path: w.path, Host: "ops1", Metrics: w.metrics,
		Links: func(id string) Links {
			return Links{Page: "https://ops.example.com/incidents/" + id, Report: "https://ops.example.com/report/" + id}
		},
		Environment: func(service string) string {
			if service == "checkout" {
				return "production"
			}
			return ""
		},
	}
	if w.change != nil {
		w.change(&o)
	}
	return New(w.t.Context(), o)
}

// run starts a publisher; end stops it and waits.
func (w *world) run() *Publisher {
	p := w.make()
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stop, w.ended = cancel, make(chan struct{})
	go func() {
		defer close(w.ended)
		if err := p.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	return p
}

func (w *world) end() {
	w.stop()
	<-w.ended
}

func (w *world) counted(kind, result string) float64 {
	return testutil.ToFloat64(w.metrics.published.WithLabelValues(kind, result))
}

func begin() time.Time { return time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC) }

// story is an incident of checkout from its opening to its close, a second from
// one entry to the next, from begin on.
func story(id string, end incident.RunState, outcome incident.Outcome) []incident.Entry {
	about := func(i int, kind incident.Kind, text string) incident.Entry {
		return incident.Entry{At: begin().Add(time.Duration(i) * time.Second), Kind: kind, Service: "checkout", Incident: id, Actor: "rollbackd", Text: text}
	}
	opened := about(0, incident.KindOpened, "errors is firing")
	opened.Opened = &incident.OpenedEntry{Severity: trigger.Critical, Mode: "live", Triggers: []incident.Evidence{{Name: "errors", When: "error_rate > 1% for 2m"}}}
	planned := about(1, incident.KindPlanned, "rolling back v2 to v1")
	planned.Planned = &incident.Run{
		ID: id + "/1", State: incident.RunPlanned, From: "v2", To: "v1", By: "rollbackd", Automatic: true, DecidedAt: begin(), StartedAt: begin(),
		Plan:   incident.Plan{Steps: []incident.PlanStep{{Name: "restart", Do: json.RawMessage(`{"exec":["secret-canary"]}`)}}},
		Steps:  []incident.StepRun{{Name: "restart", Section: incident.SectionSteps, State: incident.StepPending}},
		Values: map[string]string{"vars.token": "secret-canary"},
	}
	ref := incident.StepRef{Run: id + "/1", Section: incident.SectionSteps, Attempt: 1}
	begun := about(2, incident.KindStepBegun, "restart begins")
	begun.Step = &incident.StepEntry{Ref: ref, Changes: true}
	done := about(3, incident.KindStepEnded, "restart is done")
	done.Step = &incident.StepEntry{Ref: ref, Changes: true, Result: &incident.StepResult{State: incident.StepDone, Output: "secret-canary", Error: "secret-canary"}}
	ended := about(4, incident.KindRunEnded, "the rollback ended")
	ended.RunEnded = &incident.RunEndedEntry{Run: id + "/1", State: end, SLAMet: true}
	closed := about(5, incident.KindClosed, "closed")
	closed.Closed = &incident.ClosedEntry{Outcome: outcome}
	return []incident.Entry{opened, planned, begun, done, ended, closed}
}
