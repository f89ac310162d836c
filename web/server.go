package web

import (
	"context"
	"net/http"
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
}

// View gives f the memory at one instant, undisturbed by decisions. It returns
// an error when the memory cannot be read before ctx ends; f is then not called.
type View func(ctx context.Context, f func(m Memory, now time.Time)) error

// History is what is no longer in memory.
type History interface {
	// Incidents lists closed incidents that match the filter, newest first.
	Incidents(ctx context.Context, f Filter) ([]*incident.Incident, error)
	// Incident finds one by its ID; false when there is none.
	Incident(ctx context.Context, id string) (*incident.Incident, bool, error)
}

// Options are what the API stands on. View should be one of TakeTurns. View, Do, Submit, Reload, Ready, Clock,
// Logger and Gatherer must be set.
type Options struct {
	View View
	// Do carries out a person's command and waits for the answer.
	Do func(ctx context.Context, c incident.Command) (incident.Reply, error)
	// Submit hands an input to the brain without waiting.
	Submit func(in incident.Input)
	// History is nil where only the present is known.
	History History
	// Reload loads the configuration file again, whole or not at all.
	Reload func() error
	// Ready returns why the daemon is not ready; nil when it is.
	Ready func() error
	// Hosts are the names that TCP requests may call us by, beside localhost
	// and IP addresses: that of external_url and the machine's own.
	Hosts    []string
	Clock    clock.Clock
	Logger   hclog.Logger
	Gatherer prometheus.Gatherer
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct{ o Options }

// New makes a server; it listens on nothing.
func New(o Options) *Server { return &Server{o: o} }

// Socket is the handler of the unix socket: everything, commands too.
func (s *Server) Socket() http.Handler { return s.door(commands) }

// TCP is the handler of the TCP listener: reads only, and only for requests
// whose Host is ours.
func (s *Server) TCP() http.Handler { return s.hostGuard(s.door(readsOnly)) }

// door is what a listener lets through.
type door int

const (
	readsOnly door = iota
	commands
)

// endpoint is what one path does: one method and its handler.
type endpoint struct {
	method string
	handle http.HandlerFunc
}

func get(h http.HandlerFunc) endpoint  { return endpoint{method: http.MethodGet, handle: h} }
func post(h http.HandlerFunc) endpoint { return endpoint{method: http.MethodPost, handle: h} }

// endpoints are all paths. A path has one method: what reads and what changes
// never share one.
func (s *Server) endpoints() map[string]endpoint {
	metrics := promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	paths := map[string]endpoint{
		"/-/healthy": get(s.healthy),
		"/-/ready":   get(s.ready),
		"/-/reload":  post(s.reload),
		"/metrics":   get(metrics.ServeHTTP),

		"/api/v1/services":                    get(s.services),
		"/api/v1/services/{service}":          get(s.service),
		"/api/v1/services/{service}/why":      get(s.why),
		"/api/v1/services/{service}/versions": get(s.versions),
		"/api/v1/incidents":                   get(s.incidents),
		"/api/v1/incidents/{id}":              get(s.incident),

		"/api/v1/services/{service}/rollback": post(s.rollback),
		"/api/v1/services/{service}/pardon":   post(s.pardon),
		"/api/v1/deployments":                 post(s.deployment),
	}
	for _, verb := range []string{"pause", "resume", "lock", "unlock"} {
		paths["/api/v1/services/{service}/"+verb] = post(s.brake(verb))
	}
	for _, verb := range []string{"approve", "veto", "abort", "ack", "close"} {
		paths["/api/v1/incidents/{id}/"+verb] = post(s.word(verb))
	}
	return paths
}

func (s *Server) door(d door) http.Handler {
	mux := http.NewServeMux()
	for path, e := range s.endpoints() {
		mux.HandleFunc(path, e.behind(d))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	})
	return secure(mux)
}

// behind refuses other methods, and keeps changing verbs off a door that only
// reads.
func (e endpoint) behind(d door) http.HandlerFunc {
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
		case d == readsOnly && e.method != http.MethodGet:
			fail(w, http.StatusForbidden, "TCP only reads, because nothing says who asks: send commands over the unix socket")
		default:
			e.handle(w, r)
		}
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
