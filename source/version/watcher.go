// Package version looks at which version of a service runs: where a symbolic
// link points, or which version most instances report to Prometheus. It tells
// the brain when that changes. A version that cannot be seen is unknown and is
// not told; it is never taken for a change.
package version

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// The names of the sources, as the brain and the metrics know them.
const (
	SourceSymlink = "symlink"
	SourceQuery   = "version_query"
)

// Symlink is a link whose target's base name is the version: a link to
// releases/v2 says v2.
type Symlink struct{ Service, Path string }

// Query is PromQL whose answer counts instances by version.
type Query struct {
	Service string
	// Query is complete: placeholders are filled in.
	Query string
	// Label names the version. Empty means "version".
	Label string
}

// Asker answers a Query: how many units run which version, that of most units
// first. It is empty where there is none.
type Asker interface {
	Census(ctx context.Context, at time.Time, query, label string) ([]incident.VersionCount, error)
}

// Options say what to look at.
type Options struct {
	Symlinks []Symlink
	Queries  []Query
	// Asker is needed where there are Queries.
	Asker Asker
	// Poll is how often to look; it must be positive.
	Poll time.Duration
	Sink source.Sink
	// Clock, Logger and Observer may be nil: the real clock, no log, no metrics.
	Clock    clock.Clock
	Logger   hclog.Logger
	Observer *source.Observer
}

// Watcher looks at all version sources of a daemon.
type Watcher struct {
	opt Options

	mu      sync.Mutex
	seen    map[string]sight  // by service: what was told last
	trouble map[string]string // service → why it cannot be seen
}

// sight is what a source shows of one service. The census is empty where it
// cannot tell.
type sight struct {
	version string
	census  []incident.VersionCount
}

// New makes a watcher; its error lists what is wrong with the options.
func New(opt Options) (*Watcher, error) {
	var problems []error
	if opt.Poll <= 0 {
		problems = append(problems, fmt.Errorf("version: poll interval %v is not positive", opt.Poll))
	}
	if opt.Sink == nil {
		problems = append(problems, errors.New("version: no sink for what is seen"))
	}
	if len(opt.Queries) > 0 && opt.Asker == nil {
		problems = append(problems, errors.New("version: version_query needs a Prometheus to ask"))
	}
	sources := map[string]bool{}
	for _, service := range opt.services() {
		if sources[service] {
			problems = append(problems, fmt.Errorf("version: service %s has more than one version source", service))
		}
		sources[service] = true
	}
	if opt.Clock == nil {
		opt.Clock = clock.New()
	}
	if opt.Logger == nil {
		opt.Logger = hclog.NewNullLogger()
	}
	return &Watcher{opt: opt, seen: map[string]sight{}, trouble: map[string]string{}}, errors.Join(problems...)
}

func (o Options) services() []string {
	var names []string
	for _, l := range o.Symlinks {
		names = append(names, l.Service)
	}
	for _, q := range o.Queries {
		names = append(names, q.Service)
	}
	return names
}

// Run looks at once and then on every tick of the grid, until the context ends;
// it then returns nil. Each version is told when it is first seen, and when it or
// the number of units that run it changes.
func (w *Watcher) Run(ctx context.Context) error {
	if len(w.opt.services()) == 0 {
		<-ctx.Done()
		return nil
	}
	w.look(ctx, source.Floor(w.opt.Clock.Now(), w.opt.Poll))
	grid := source.NewGrid(w.opt.Clock, w.opt.Poll)
	for {
		tick, _, err := grid.Next(ctx)
		if err != nil {
			return nil //nolint:nilerr // the context's end is how a run ends well
		}
		w.look(ctx, tick)
	}
}

// LookAtLinks reads the symbolic links alone, now: what there is to see without
// asking anybody. Run may follow it.
func (w *Watcher) LookAtLinks() {
	for _, l := range w.opt.Symlinks {
		v, err := readLink(l.Path)
		w.tell(l.Service, SourceSymlink, sight{version: v}, err)
	}
}

// Found is what the source of one service shows when it is asked once.
type Found struct {
	Service, Source string
	// Version is empty where Err says why it is not known.
	Version string
	Err     error
}

// Ask asks every source once, as of now, and tells nobody but the caller. What it
// finds is in the order of services.
func (w *Watcher) Ask(ctx context.Context, now time.Time) []Found {
	var all []Found
	for _, l := range w.opt.Symlinks {
		v, err := readLink(l.Path)
		all = append(all, found(l.Service, SourceSymlink, v, err))
	}
	for _, q := range w.opt.Queries {
		seen, err := w.census(ctx, now, q)
		all = append(all, found(q.Service, SourceQuery, seen.version, err))
	}
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(a.Service, b.Service) })
	return all
}

func found(service, from, v string, err error) Found {
	if err == nil && !source.IsVersion(v) {
		err = notAVersion(from, v)
	}
	if err != nil {
		v = ""
	}
	return Found{Service: service, Source: from, Version: v, Err: err}
}

// look reads all sources as of one tick. One that is slow holds up no other, and
// none holds up the next tick.
func (w *Watcher) look(ctx context.Context, tick time.Time) {
	ctx, cancel := w.opt.Clock.WithTimeout(ctx, w.opt.Poll-w.opt.Poll/20)
	defer cancel()
	w.LookAtLinks()
	w.LookAtQueries(ctx, tick)
}

// LookAtQueries asks the queries alone, as of a tick.
func (w *Watcher) LookAtQueries(ctx context.Context, tick time.Time) {
	var wg sync.WaitGroup
	for _, q := range w.opt.Queries {
		wg.Go(func() {
			seen, err := w.census(ctx, tick, q)
			if !errors.Is(err, context.Canceled) {
				w.tell(q.Service, SourceQuery, seen, err)
			}
		})
	}
	wg.Wait()
}

func notAVersion(from, v string) error {
	return fmt.Errorf("%s: %.40q is no version that can be used: want %s", from, v, source.VersionWanted)
}

func label(q Query) string {
	if q.Label == "" {
		return "version"
	}
	return q.Label
}

// tell hands a version over when it is news, and logs trouble when it begins,
// changes or ends.
func (w *Watcher) tell(service, from string, s sight, err error) {
	v := s.version
	if err == nil && !source.IsVersion(v) {
		err = notAVersion(from, v)
	}
	now := w.opt.Clock.Now().UTC().Round(0) // as others can compare it
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.opt.Observer.Failed(from, "unknown")
		if w.trouble[service] != err.Error() {
			w.trouble[service] = err.Error()
			w.opt.Logger.Warn("the running version is unknown", "service", service, "source", from, "err", err)
		}
		return
	}
	if w.trouble[service] != "" {
		delete(w.trouble, service)
		w.opt.Logger.Info("the running version is known again", "service", service, "source", from, "version", v)
	}
	s.census = bounded(s.census)
	if last := w.seen[service]; last.version == v && slices.Equal(last.census, s.census) {
		return
	}
	w.seen[service] = s
	w.opt.Sink.Submit(incident.VersionSeen{Service: service, Version: v, At: now, Source: from, Census: slices.Clone(s.census)})
}
