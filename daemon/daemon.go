package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/responder"
)

// Options are what a daemon is started with. ConfigFile must be set.
type Options struct {
	// ConfigFile is a file, or a folder of *.toml.
	ConfigFile string
	// Shadow decides, records and tells for every service and never acts.
	Shadow bool
	// Socket and Listen replace those of the configuration where not empty.
	Socket, Listen string
	// StepGrace is how long stopping waits for the step that runs; zero means
	// responder.DefaultStepGrace. The unit's TimeoutStopSec must be longer.
	StepGrace time.Duration
	// Clock is the time; nil means the real one.
	Clock clock.Clock
	// Logger is told what happens; nil logs nothing.
	Logger hclog.Logger
}

// Daemon is rollbackd as a program. Run may be called again after it returned,
// but not twice at once; Reload may be called from any goroutine.
type Daemon struct {
	o Options

	// present is the house between the beginning of Run and its end.
	present atomic.Pointer[house]

	mu     sync.Mutex
	config *config.Config
	house  *house // nil while it does not run
	// ended is true after a run, and due where a reload was asked for before the
	// present one was ready.
	ended, due bool
}

// New reads the configuration; it opens and starts nothing. Each problem is
// logged, and an error means that the configuration cannot be used.
func New(o Options) (*Daemon, error) {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.StepGrace == 0 {
		o.StepGrace = responder.DefaultStepGrace
	}
	d := &Daemon{o: o}
	c, err := d.load()
	if err != nil {
		return nil, err
	}
	d.config = c
	return d, nil
}

// load reads the configuration and logs every problem.
func (d *Daemon) load() (*config.Config, error) {
	c, report := config.Load(d.o.ConfigFile)
	for _, p := range report.Warnings {
		d.o.Logger.Warn("configuration", "problem", p.String())
	}
	for _, p := range report.Errors {
		d.o.Logger.Error("configuration", "problem", p.String())
	}
	if c == nil {
		return nil, fmt.Errorf("%s cannot be used:\n%w", d.o.ConfigFile, report.Err())
	}
	return c, nil
}

// Run starts everything, waits until ctx ends or something fails, and stops
// everything. It returns nil after a stop that was asked for and went well.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	h := newHouse(d.o, d.config)
	d.ended = false
	d.mu.Unlock()
	h.reloadFile = d.reloadFor
	d.present.Store(h)
	defer d.present.Store(nil)
	err := h.start(ctx)
	if err == nil {
		d.enter(h)
		select {
		case <-ctx.Done():
		case err = <-h.parts.failed:
		}
		h.ending.Store(true)
	}
	d.leave()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // it was asked to stop while it started
	}
	return errors.Join(err, h.stop())
}

// Interrupt ends what decides and acts at once, after Run's context has ended or
// before: no running step is waited for any more. It is left alone, each rollback
// that has one gets a line on record that says so, and the next start takes it up
// again. Run then ends as usual, without that wait; a caller in a hurry need not
// stay for it. It fails where ctx ends before all of that is on record.
func (d *Daemon) Interrupt(ctx context.Context) error {
	if h := d.present.Load(); h != nil {
		if r := h.deciding.Load(); r != nil {
			return r.Interrupt(ctx)
		}
	}
	return nil // nothing is under way
}

// enter makes h the one that reloads reach, and catches up with one that was
// asked for too early.
func (d *Daemon) enter(h *house) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.house = h
	if d.due {
		d.due = false
		_ = d.reload(hangup) // each problem has been logged, and nobody waits for the answer
	}
}

// leave lets no reload reach the house any more. It waits for one under way.
func (d *Daemon) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.house, d.ended, d.due = nil, true, false
}

// ReloadWhenReady is Reload for those who cannot ask again, as SIGHUP: while the
// daemon starts it is remembered, and nil returned.
func (d *Daemon) ReloadWhenReady() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.house == nil && !d.ended {
		d.due = true
		d.o.Logger.Info("the configuration is reloaded once rollbackd is ready", "file", d.o.ConfigFile)
		return nil
	}
	return d.reload(hangup)
}

// hangup is who asked for a reload by a signal, on record.
const hangup = "SIGHUP"

// Reload reads the configuration again and puts it into force, whole or not at
// all: after an error the old one stays.
func (d *Daemon) Reload() error { return d.reloadFor("") }

// reloadFor is Reload because somebody asked for it.
func (d *Daemon) reloadFor(by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reload(by)
}

// reload is Reload; the caller holds mu.
func (d *Daemon) reload(by string) error {
	if d.house == nil {
		return errors.New("rollbackd is not running yet, or no longer: nothing was reloaded")
	}
	d.house.systemd.reloading()
	defer d.house.systemd.ready()
	why := "the file has mistakes: they are logged above"
	c, err := d.load()
	if err == nil {
		if err = d.house.reload(c, by); err != nil {
			why = hide(d.house.mask(err.Error()), c, nil)
		}
	}
	d.house.reloads.note(d.o.Clock.Now(), err)
	if err != nil {
		d.o.Logger.Error("configuration not reloaded, the old one stays in force", "file", d.o.ConfigFile, "err", why)
		return err
	}
	d.config = c
	d.o.Logger.Info("configuration reloaded", "file", d.o.ConfigFile, "hash", c.Hash(), "services", len(c.Services))
	return nil
}
