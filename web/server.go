package web

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rollbackd/rollbackd/incident"
)

// Memory is what can be asked about the present; *incident.Brain answers it. It
// may only be used inside the function that was given to View, and what it
// returns must not be changed or kept.
type Memory interface {
	Services(now time.Time) []incident.ServiceView
	Service(name string, now time.Time) (incident.ServiceView, bool)
	Versions(name string, now time.Time) []incident.VersionView
	Why(name string, now time.Time) (incident.WhyView, bool)
	Incidents() []*incident.Incident
	Incident(idOrService string) (*incident.Incident, bool)
	Recent(service string) []incident.Series
	Blind() []incident.Blindness
}

// View gives f the memory at one instant, undisturbed by decisions. It returns
// an error when the memory cannot be read before ctx ends; f is then not called.
type View func(ctx context.Context, f func(m Memory, now time.Time)) error

// History is what is no longer in memory.
type History interface {
	// Incident finds one by its ID; false when there is none.
	Incident(ctx context.Context, id string) (*incident.Incident, bool, error)
	Statistics
}

// Options are what the API stands on. View should be one of TakeTurns. View, Do, Rehearse, Submit, Reload,
// Ready, Clock, Logger and Gatherer must be set.
type Options struct {
	View View
	// Do carries out a person's command and waits for the answer.
	Do func(ctx context.Context, c incident.Command) (incident.Reply, error)
	// Rehearse looks at all that a rollback would need, for somebody's reason, which
	// may be empty. Its error is an *incident.NotKnownError, ErrRehearsing, or says
	// why nothing can be said.
	Rehearse func(ctx context.Context, ask incident.RehearsalAsk, reason string) (*incident.RehearsalReport, error)
	// Submit hands an input to the brain without waiting.
	Submit func(in incident.Input)
	// History is nil where only the present is known.
	History History
	// Events is where the stream of events comes from; nil has none.
	Events *Hub
	// Journal is how the journal fares; nil where there is none. It must not wait for
	// the disk.
	Journal func() JournalView
	// Receivers are those that messages wait for; nil where nobody is told.
	Receivers func(ctx context.Context) ([]ReceiverView, error)
	// Config shows the configuration in force; nil shows none.
	Config func() (ConfigView, error)
	// Reload loads the configuration file again, whole or not at all, because by asked
	// for it.
	Reload func(by string) error
	// Ready returns why the daemon is not ready; nil when it is.
	Ready func() error
	// Hosts are the names that TCP requests may call us by, beside localhost,
	// IP addresses and that of [web] listen: that of external_url and the machine's
	// own.
	Hosts []string
	// ExternalURL is where people reach the page, for reports; empty leaves links out.
	ExternalURL string
	// ConfigFile is the exporter-toolkit's file of TLS and users for TCP, which is
	// read anew at each request; empty means neither.
	ConfigFile string
	// Roles are the users of each role: viewer, operator and approver give rights,
	// each those of the one before; any other counts for approvals only. Without
	// any, whoever may open the socket may do everything, and TCP only reads.
	Roles incident.Roles
	// GateToken is the token of a run's own steps, which opens the gate to them
	// while the run is running; nil, or an empty token, opens it to nobody.
	GateToken func(run string) string
	Clock     clock.Clock
	Logger    hclog.Logger
	Gatherer  prometheus.Gatherer
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	o       Options
	users   users
	keys    keys
	origins *http.CrossOriginProtection
	// ending is closed once Serve ends: a stream would go on for ever.
	ending chan struct{}
	end    sync.Once
	pages  *pages
	// saidWhy is the reason not to be ready that was logged last.
	saidWhy atomic.Value
}

// New makes a server; it listens on nothing.
func New(o Options) *Server {
	return &Server{o: o, users: users{path: o.ConfigFile}, origins: http.NewCrossOriginProtection(), ending: make(chan struct{}), pages: newPages()}
}

// Socket is the handler of the unix socket: the kernel says who asks.
func (s *Server) Socket() http.Handler { return s.readGuard(s.door(socketDoor)) }

// TCP is the handler of the TCP listener, for requests whose Host is ours. It
// reads for everybody: keeping out whoever is no user is the toolkit's part,
// which Serve puts in front of it.
func (s *Server) TCP() http.Handler { return s.tcp("") }

// tcp is TCP for a listener that also has a name.
func (s *Server) tcp(listened string) http.Handler { return s.hostGuard(listened, s.door(tcpDoor)) }

// door is where a request comes in.
type door int

const (
	tcpDoor door = iota
	socketDoor
)

type doorKey struct{}

// doorOf is the door that a change came in by; TCP, which may least, where that is
// not known.
func doorOf(ctx context.Context) door {
	d, _ := ctx.Value(doorKey{}).(door)
	return d
}

// verbReload is the verb that loads the configuration again.
const verbReload = "reload"

// endpoint is what one path does: one method, its handler, and the right that it
// needs. verb names it to those who lack that.
type endpoint struct {
	method string
	verb   string
	needs  right
	handle http.HandlerFunc
}

func get(h http.HandlerFunc) endpoint { return endpoint{method: http.MethodGet, handle: h} }

func post(verb string, h http.HandlerFunc) endpoint {
	return endpoint{method: http.MethodPost, verb: verb, needs: incident.Needs(verb), handle: h}
}

// endpoints are all paths. A path has one method: what reads and what changes
// never share one.
func (s *Server) endpoints() map[string]endpoint {
	// Not compressed: a compressor takes 0.8 MB anew at almost every scrape, half of
	// what an idle daemon's heap holds, for some 20 KB of text on a near network.
	metrics := promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
	paths := map[string]endpoint{
		"/-/healthy": get(s.healthy),
		"/-/ready":   get(s.ready),
		"/-/reload":  post(verbReload, s.reload),
		"/metrics":   get(metrics.ServeHTTP),

		"/api/v1/services":                    get(s.services),
		"/api/v1/services/{service}":          get(s.service),
		"/api/v1/services/{service}/why":      get(s.why),
		"/api/v1/services/{service}/versions": get(s.versions),
		"/api/v1/incidents":                   get(s.incidents),
		"/api/v1/incidents/{id}":              get(s.incident),
		"/api/v1/incidents/{id}/report":       get(s.report),
		"/api/v1/gate/{service}":              get(s.gate),
		"/api/v1/stats":                       get(s.stats),
		"/api/v1/events":                      get(s.events),
		"/api/v1/journal":                     get(s.journal),
		"/api/v1/receivers":                   get(s.receivers),
		"/api/v1/config":                      get(s.config),
		"/api/v1/openapi.json":                get(s.openapi),

		"/api/v1/services/{service}/rollback": post("rollback", s.rollback),
		"/api/v1/services/{service}/pardon":   post("pardon", s.pardon),
		"/api/v1/services/{service}/rehearse": post("rehearse", s.rehearse),
		"/api/v1/deployments":                 post("deployments", s.deployment),
		"/api/v1/signals":                     post("signals", s.signal),
		"/api/v1/incidents/{id}/approve":      post("approve", s.approve),
		"/api/v1/incidents/{id}/ack":          post("ack", s.word("ack")),
	}
	for _, verb := range []string{"pause", "resume", "lock", "unlock"} {
		paths["/api/v1/services/{service}/"+verb] = post(verb, s.brake(verb))
	}
	for _, verb := range []string{"veto", "abort", "close"} {
		paths["/api/v1/incidents/{id}/"+verb] = post(verb, s.word(verb))
	}
	return paths
}

func (s *Server) door(d door) http.Handler {
	mux := http.NewServeMux()
	for path, e := range s.endpoints() {
		mux.HandleFunc(path, s.behind(d, e))
	}
	s.addPages(mux, d)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	})
	return secure(mux)
}

// behind refuses other methods, and lets a change through only for those who may.
func (s *Server) behind(d door, e endpoint) http.HandlerFunc {
	allowed := e.method
	if allowed == http.MethodGet {
		allowed = "GET, HEAD"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		head := r.Method == http.MethodHead && e.method == http.MethodGet
		switch {
		case r.Method != e.method && !head:
			w.Header().Set("Allow", allowed)
			fail(w, http.StatusMethodNotAllowed, r.Method+" is not allowed here (use "+allowed+")")
		case e.method == http.MethodGet:
			e.handle(w, r)
		default:
			s.change(w, r, d, e)
		}
	}
}

// change carries out what changes something, for those who may, once.
func (s *Server) change(w http.ResponseWriter, r *http.Request, d door, e endpoint) {
	if !s.sameOrigin(w, r, d) {
		return
	}
	p := peerOf(r.Context())
	if d == tcpDoor {
		var err error
		if p, err = s.users.named(r); err != nil {
			s.o.Logger.Error("who sends a command cannot be told: [web] config_file cannot be read", "err", err)
			fail(w, http.StatusInternalServerError, "who you are cannot be told: [web] config_file cannot be read (the daemon's log says more)")
			return
		}
		r = r.WithContext(WithPeer(r.Context(), p))
	}
	if !s.may(d, p, e) {
		s.forbidden(w, d, p, e)
		return
	}
	if isJSON(w, r, d) {
		s.once(w, r.WithContext(context.WithValue(r.Context(), doorKey{}, d)), e.handle)
	}
}

// secure sets the headers that every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
