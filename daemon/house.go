package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/web"
)

// house is all that lives from one start to its stop.
type house struct {
	o        Options
	log      hclog.Logger
	systemd  manager
	registry *prometheus.Registry
	reloads  reloads
	observer *source.Observer
	parts    *parts

	// config is the one in force; what decides whom to tell reads it from the
	// responder's goroutine.
	config atomic.Pointer[config.Config]
	// ready is set once the journal is replayed and the sources run, ending once
	// all of that is being stopped.
	ready, ending atomic.Bool
	// rehearsing is held while a rehearsal goes on.
	rehearsing sync.Mutex

	journal *journal.Journal
	sinces  sinces
	gate    gateKey
	history history
	events  *web.Hub
	tellers *tellers
	// publishing is what goes out on NATS.
	publishing *publishing
	runner     *action.Runner
	responder  *responder.Responder
	sources    *sources
	// deciding is the responder once it runs, for those who come from outside.
	deciding atomic.Pointer[responder.Responder]

	// reloadFile reads the configuration again, for the API.
	reloadFile func(by string) error
}

func newHouse(o Options, c *config.Config) *house {
	registry := newRegistry()
	h := &house{
		o: o, log: o.Logger, systemd: manager{clock: o.Clock, log: o.Logger},
		registry: registry, reloads: newReloads(registry), parts: newParts(o.Logger),
	}
	h.config.Store(c)
	h.reloads.note(o.Clock.Now(), nil)
	return h
}

// brainOptions is a configuration as the brain takes it.
func (h *house) brainOptions(c *config.Config) incident.Options {
	o := c.BrainOptions()
	o.Shadow = h.o.Shadow
	return o
}

// start starts everything in order. After an error stop must be called all the same.
func (h *house) start(ctx context.Context) error {
	c := h.config.Load()
	h.log.Info("starting", "version", version.Info(), "file", c.Path, "hash", c.Hash(), "services", len(c.Services), "mode", h.mode())
	var err error
	if h.observer, err = source.NewObserver(h.registry); err != nil {
		return err
	}
	if err := h.openJournal(ctx, c); err != nil {
		return err
	}
	h.gate = gateKeyBeside(c.Journal.Path, h.log)
	doors, err := h.openDoors(ctx, c)
	if err != nil {
		return err
	}
	brain := incident.New(h.brainOptions(c))
	lasts := h.o.Clock.Now().Add(-c.Journal.Retention)
	downFrom, err := replay(ctx, h.journal, brain, newCatchUp(ctx, h.journal, brain, lasts, h.log.Named("journal")), h.sinces.replayed)
	if err != nil {
		return err
	}
	if err := h.startDeciding(ctx, c, brain); err != nil {
		return err
	}
	if err := h.startSources(ctx, c, downFrom); err != nil {
		return err
	}
	h.parts.start(ctx, "disk", h.watchDisk)
	h.parts.start(ctx, "reports", newReports(h).run)
	h.parts.start(ctx, "journal head", h.publishHead)
	h.parts.start(ctx, "retention", h.newRetention().Run)
	h.ready.Store(true)
	h.systemd.ready()
	h.log.Info("ready", "listen", doors.TCPAddr(), "socket", doors.SocketPath())
	return nil
}

func (h *house) mode() string {
	if h.o.Shadow {
		return "shadow"
	}
	return "live"
}

// stop stops everything that was started, in the opposite order.
func (h *house) stop() error {
	h.ending.Store(true)
	h.systemd.stopping()
	if h.responder != nil {
		h.log.Info("stopping: a step that runs is finished first", "at_most", h.o.StepGrace.String())
	}
	err := h.parts.stop()
	if err == nil {
		h.log.Info("stopped")
	}
	return err
}

func (h *house) openJournal(ctx context.Context, c *config.Config) error {
	j, err := journal.Open(ctx, c.Journal.Path, journal.Options{
		MinFree: uint64(max(c.Journal.MinFree, 0)), Reserve: c.Journal.Reserve, Logger: h.log.Named("journal"),
	})
	if err != nil {
		return err
	}
	h.journal = j
	h.parts.later("journal", h.closeJournal)
	return h.registry.Register(newHeadMetrics(j.Head))
}

// openDoors serves HTTP. Until the house is ready that is little more than
// saying so.
func (h *house) openDoors(ctx context.Context, c *config.Config) (*web.Listeners, error) {
	socket, listen := c.Web.Socket, c.Web.Listen
	if h.o.Socket != "" {
		socket = h.o.Socket
	}
	if h.o.Listen != "" {
		listen = h.o.Listen
	}
	doors, err := web.Listen(ctx, socket, listen)
	if err != nil {
		return nil, err
	}
	h.history, h.events = newHistory(h.journal, h.o.Clock), web.NewHub(h.journal, h.log.Named("web"))
	view := web.TakeTurns(h.view)
	if err := errors.Join(h.registry.Register(web.NewTriggers(view)), h.registry.Register(newPresence(h))); err != nil {
		return nil, errors.Join(err, doors.Close())
	}
	server := web.New(web.Options{
		View: view, Do: h.do, Rehearse: h.rehearse, Submit: h.submit, History: h.history, Events: h.events, Config: h.configView, Journal: h.journalView, Receivers: h.receiversView,
		Reload: h.reloadFile, Ready: h.notReady, Hosts: hosts(c.Web.ExternalURL), ExternalURL: c.Web.ExternalURL,
		ConfigFile: c.Web.ConfigFile, Roles: c.Web.Roles, GateToken: h.gate.token,
		Clock: h.o.Clock, Logger: h.log.Named("web"), Gatherer: h.registry,
	})
	h.parts.start(ctx, "web", func(ctx context.Context) error { return server.Serve(ctx, doors) })
	return doors, nil
}

// hosts are the names by which others may call us.
func hosts(externalURL string) []string {
	var names []string
	if u, err := url.Parse(externalURL); err == nil {
		names = append(names, u.Hostname())
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	return names
}

// notReady is why most questions cannot be answered; nil when they can.
func (h *house) notReady() error {
	switch {
	case h.ending.Load():
		return responder.ErrStopping
	case !h.ready.Load():
		return errors.New("the journal is being read and the windows are being rebuilt")
	}
	return nil
}

func (h *house) view(ctx context.Context, f func(m web.Memory, now time.Time)) error {
	hold := h.journalHold() // not in the brain's turn: it asks the disk
	return h.viewBrain(ctx, func(b *incident.Brain, now time.Time) error {
		f(memory{b, hold}, now)
		return nil
	})
}

// viewBrain is view for what the API itself has no business with.
func (h *house) viewBrain(ctx context.Context, f func(b *incident.Brain, now time.Time) error) error {
	if err := h.notReady(); err != nil {
		return err
	}
	return h.responder.View(ctx, f)
}

// do carries out a command. What stops something still counts while the daemon
// itself stops.
func (h *house) do(ctx context.Context, c incident.Command) (incident.Reply, error) {
	if err := h.notReady(); err != nil && (!h.ready.Load() || !responder.Halts(c.Verb)) {
		return incident.Reply{}, err
	}
	return h.responder.Do(ctx, c)
}

// submit is only called for a service that a view has shown, so the house is ready.
func (h *house) submit(in incident.Input) { h.responder.Submit(in) }

// startDeciding starts what decides, acts and tells.
func (h *house) startDeciding(ctx context.Context, c *config.Config, brain *incident.Brain) error {
	h.tellers = newTellers(h)
	notifiers, err := h.tellers.make(c)
	if err != nil {
		return err
	}
	h.tellers.start(ctx, notifiers)
	h.parts.later("outbox", h.tellers.stop)
	h.tellers.orphans(ctx, c)

	h.sources = newSources(h)
	runner := action.NewRunner(h.runnerOptions(c, runsBeside(c)))
	h.runner = runner
	h.parts.start(ctx, "outputs of steps", runner.Tend)
	h.responder = responder.New(responder.Options{
		Brain: brain, Journal: h.journal, Runner: runner, Reader: h.sources, Past: h.sources,
		Receivers: h.receivers, Poke: h.tellers.poke, Tell: h.tellers.tell, Clock: h.o.Clock, Logger: h.log.Named("responder"),
		Steady: responder.BootTime(), GateToken: h.gate.token, MakeRoom: h.makeRoom,
		Registerer: h.registry, StepGrace: h.o.StepGrace,
	})
	h.publishing = newPublishing(h)
	if err := h.publishing.start(ctx, c); err != nil {
		return err
	}
	h.parts.later("events out", h.publishing.stop)
	h.parts.start(ctx, "events", h.feed())
	h.parts.start(ctx, "watchdog", func(ctx context.Context) error { return h.systemd.watch(ctx, h.responder.LastLoop) })
	h.parts.start(ctx, "responder", h.responder.Run)
	h.deciding.Store(h.responder)
	return nil
}

// home is where the programs of steps find their settings.
func home() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return "/"
	}
	return dir
}

// startSources rebuilds the windows, tells the brain that it is awake, and lets
// the sources run.
func (h *house) startSources(ctx context.Context, c *config.Config, downFrom time.Time) error {
	first, err := h.sources.make(c, downFrom)
	if err != nil {
		return err
	}
	h.rebuild(ctx, c, first)
	if err := ctx.Err(); err != nil {
		return err
	}
	h.parts.later("sources", h.sources.stop)
	return h.sources.use(ctx, first, func() {
		h.responder.Submit(incident.Restored{DownFrom: downFrom, To: h.o.Clock.Now().UTC()})
	})
}

// reload puts a configuration into force, or returns an error and changes nothing.
func (h *house) reload(c *config.Config, by string) error {
	next, err := h.sources.make(c, h.o.Clock.Now())
	if err != nil {
		return fmt.Errorf("the sources: %w", err)
	}
	notifiers, err := h.tellers.make(c)
	if err != nil {
		return fmt.Errorf("the receivers: %w", err)
	}
	h.warnOfRestart(c)
	old := h.config.Swap(c)
	ctx := context.Background() // what is started here ends with the house, not with the request
	var errs []error
	if !reflect.DeepEqual(old.Receivers, c.Receivers) {
		errs = append(errs, h.tellers.stop())
		h.tellers.start(ctx, notifiers)
		h.tellers.orphans(ctx, c)
	}
	if !reflect.DeepEqual(old.NATS, c.NATS) {
		errs = append(errs, h.publishing.stop(), h.publishing.start(ctx, c))
	}
	errs = append(errs, h.sources.use(ctx, next, func() {
		h.responder.Submit(incident.Reloaded{Options: h.brainOptions(c), By: by})
	}))
	if err := errors.Join(errs...); err != nil {
		h.log.Warn("what the old configuration had started ended badly", "err", err)
	}
	return nil
}

// warnOfRestart names the settings that only a restart changes.
func (h *house) warnOfRestart(c *config.Config) {
	old := h.config.Load()
	if c.Journal != old.Journal {
		h.log.Warn("[journal] has changed: it counts after a restart")
	}
	if !reflect.DeepEqual(c.Web, old.Web) {
		h.log.Warn("[web] has changed: it counts after a restart")
	}
}
