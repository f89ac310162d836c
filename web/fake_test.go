package web_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when every test takes place.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a memory with one service, checkout, and a few incidents; it notes
// what it is told to do.
type world struct {
	incidents []*incident.Incident
	older     []*incident.Incident
	triggers  []incident.TriggerView
	reply     incident.Reply
	viewErr   error
	notReady  error
	reloadErr error

	// full is a journal that cannot be written: no deployment comes into force,
	// until room, where that is set.
	full    bool
	room    time.Time
	running string
	// rolling is true while what runs is still rolling out: until rollsUntil, where
	// that is set.
	rolling    bool
	rollsUntil time.Time
	brakes     []incident.BrakeView
	// bad is a version that is quarantined.
	bad string
	// series and blind are for the pages.
	series []incident.Series
	blind  []incident.Blindness
	// journal is how it fares; nil where there is none.
	journal *web.JournalView
	// log takes what is logged; nil throws it away.
	log io.Writer
	// receivers are those that messages wait for; nil where nobody is told.
	receivers []web.ReceiverView
	// ask answers instead of receivers; nil where it does not.
	ask func(ctx context.Context) ([]web.ReceiverView, error)
	// memory is looked at instead of the world itself, where it is set.
	memory web.Memory

	// meanwhile, when not nil, is done once while a command is carried out.
	meanwhile func()

	// configFile, roles and gateToken are the server's options.
	configFile string
	roles      map[string][]string
	gateToken  func(run string) string
	// events is what the stream of events comes from.
	events *web.Hub
	// folded are the incidents that were asked of the journal.
	folded []string

	commands []incident.Command
	// rehearsals are those asked for; rehearseErr is why there is no report.
	rehearsals  []incident.RehearsalAsk
	rehearseErr error
	inputs      []incident.Input
	reloads     int
	reloadedBy  string
}

func newWorld() *world {
	return &world{
		incidents: []*incident.Incident{
			{ID: "inc-3", Service: "checkout", State: incident.Held, OpenedAt: noon().Add(-time.Hour)},
			{ID: "inc-2", Service: "search", State: incident.Closed, OpenedAt: noon().Add(-2 * time.Hour)},
		},
		older: []*incident.Incident{
			{ID: "inc-2", Service: "search", State: incident.Closed, OpenedAt: noon().Add(-2 * time.Hour)},
			{ID: "inc-1", Service: "checkout", State: incident.Closed, OpenedAt: noon().Add(-72 * time.Hour)},
		},
	}
}

func (w *world) Services(time.Time) []incident.ServiceView {
	if !w.room.IsZero() && !time.Now().Before(w.room) {
		w.running = "v2"
	}
	v := incident.ServiceView{Service: "checkout", State: "ok", Triggers: w.triggers, Running: w.running, Brakes: w.brakes}
	if w.running != "" {
		v.Deployment = &incident.Deployment{Version: w.running, Rolling: w.rolling && (w.rollsUntil.IsZero() || time.Now().Before(w.rollsUntil))}
	}
	return []incident.ServiceView{v}
}

func (w *world) Service(name string, now time.Time) (incident.ServiceView, bool) {
	return w.Services(now)[0], name == "checkout"
}

func (w *world) Versions(name string, _ time.Time) []incident.VersionView {
	if name != "checkout" {
		return nil
	}
	return []incident.VersionView{
		{Version: "v2", Standing: "running", Running: true}, {Version: w.bad, Standing: "quarantined", Why: "rolled back from by inc-2"},
	}
}

func (w *world) Why(name string, now time.Time) (incident.WhyView, bool) {
	s, ok := w.Service(name, now)
	return incident.WhyView{Service: s, Now: "watching", Incident: w.incidents[0]}, ok
}

func (w *world) Incidents() []*incident.Incident { return w.incidents }

func (w *world) Incident(idOrService string) (*incident.Incident, bool) {
	for _, i := range w.incidents {
		if i.ID == idOrService || (i.Service == idOrService && i.State != incident.Closed) {
			return i, true
		}
	}
	return nil, false
}

func (w *world) view(_ context.Context, f func(m web.Memory, now time.Time)) error {
	if w.viewErr != nil {
		return w.viewErr
	}
	if w.memory != nil {
		f(w.memory, noon())
		return nil
	}
	f(w, noon())
	return nil
}

// past is the world's journal.
type past struct{ *world }

func (p past) Summaries(_ context.Context, f web.SummaryFilter) (found []incident.Summary, err error) {
	for _, i := range append(slices.Clone(p.older), p.incidents...) {
		switch {
		case f.Service != "" && i.Service != f.Service:
		case f.State == "closed" && i.State != incident.Closed, f.Before != "" && i.ID >= f.Before:
		default:
			found = append(found, i.Summary())
		}
	}
	return found, nil
}

func (p past) Stats(_ context.Context, f web.StatsFilter) (web.Stats, error) {
	return web.Stats{Since: f.Since, Service: f.Service, All: web.Figures{Incidents: 3}}, nil
}

func (p past) Incident(_ context.Context, id string) (*incident.Incident, bool, error) {
	p.folded = append(p.folded, id)
	for _, i := range p.older {
		if i.ID == id {
			return i, true, nil
		}
	}
	return nil, false, nil
}

func (w *world) server() *web.Server {
	mock := clock.NewMock()
	mock.Set(noon())
	return w.serverAt(mock)
}

func (w *world) serverAt(c clock.Clock) *web.Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(web.NewTriggers(w.view))
	var fares func() web.JournalView
	if w.journal != nil {
		fares = func() web.JournalView { return *w.journal }
	}
	var told func(context.Context) ([]web.ReceiverView, error)
	if w.receivers != nil {
		told = func(context.Context) ([]web.ReceiverView, error) { return w.receivers, nil }
	}
	if w.ask != nil {
		told = w.ask
	}
	return web.New(web.Options{
		View:    web.TakeTurns(w.view),
		Journal: fares, Receivers: told,
		History: past{w},
		Events:  w.events,
		Config: func() (web.ConfigView, error) {
			return web.ConfigView{Hash: "abc", File: "/etc/rollbackd.toml", Config: map[string]any{"journal": map[string]any{}}, TOML: []byte("[journal]\n")}, nil
		},
		Do: func(_ context.Context, c incident.Command) (incident.Reply, error) {
			w.commands = append(w.commands, c)
			if f := w.meanwhile; f != nil {
				w.meanwhile = nil
				f()
			}
			return w.reply, nil
		},
		Rehearse: func(_ context.Context, ask incident.RehearsalAsk, _ string) (*incident.RehearsalReport, error) {
			w.rehearsals = append(w.rehearsals, ask)
			if w.rehearseErr != nil {
				return nil, w.rehearseErr
			}
			report := &incident.RehearsalReport{Service: ask.Service, To: ask.To, Scope: ask.Scope}
			report.Add(incident.RehearsalLine{About: "checks", Name: "backup exists", Found: incident.FindingProblem, Why: "exit status 1"})
			return report, nil
		},
		Submit: func(in incident.Input) {
			w.inputs = append(w.inputs, in)
			if d, ok := in.(incident.Deployed); ok && !w.full {
				w.running, w.rolling = d.Version, d.Rolling
			}
		},
		Reload: func(by string) error {
			w.reloads++
			w.reloadedBy = by
			return w.reloadErr
		},
		Ready: func() error { return w.notReady },
		Hosts: []string{"", "ops.example.com", "ops1"},

		ConfigFile: w.configFile, Roles: w.roles, GateToken: w.gateToken,

		Clock:    c,
		Logger:   hclog.New(&hclog.LoggerOptions{Output: cmp.Or[io.Writer](w.log, io.Discard), Level: hclog.Info}),
		Gatherer: registry,
	})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	web.Envelope
}

// ask sends one request, as the user alice on localhost.
func ask(t *testing.T, h http.Handler, method, target, body string) answer {
	t.Helper()
	return send(t, h, request(t, web.Peer{Name: "alice"}, method, target, body))
}

// request is one on localhost, by somebody whom the kernel names.
func request(t *testing.T, by web.Peer, method, target, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(web.WithPeer(t.Context(), by), method, target, reader)
	r.Host = "localhost:9797"
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func send(t *testing.T, h http.Handler, r *http.Request) answer {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal([]byte(a.body), &a.Envelope); err != nil {
			t.Fatalf("%s %s: the answer is not JSON: %v\n%s", r.Method, r.URL, err, a.body)
		}
	}
	return a
}

// firing is a trigger that fires at 8.1%.
func firing(name string) incident.TriggerView {
	return incident.TriggerView{Name: name, State: trigger.Firing, Value: 0.081, HasValue: true}
}
