package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// LocalOptions are what a rollback without the daemon is made with. ConfigFile
// and Service must be set.
type LocalOptions struct {
	// ConfigFile is that of the daemon, and Service the one to roll back.
	ConfigFile, Service string
	// WithoutJournal takes every entry as a line of JSON where the journal cannot
	// be written. Nil refuses to act without it.
	WithoutJournal io.Writer
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// Local is a rollback that a person makes with the daemon stopped: the same
// brain, steps and journal, for one service, without web, NATS and receivers. It
// needs no network. Prometheus is asked where it answers, and never waited for
// before a step.
//
// Everything that the journal holds of other services is left as it is: a run of
// theirs that the daemon left goes on when the daemon does. Its methods are for
// one goroutine.
type Local struct {
	h      *house
	config *config.Config // of the service and those that change with it alone
	kept   []string
	record *localRecord
	brain  *incident.Brain
	// runs is where the steps' outputs are kept.
	runs string
	// downFrom is the time of the last entry that was there.
	downFrom time.Time
	// earlier is the newest run of the service that was there.
	earlier *incident.Run
	// answered is when Prometheus last answered a poll, and verifying when the
	// verification was first seen; zero for never.
	answered  atomic.Pointer[time.Time]
	verifying time.Time
}

// UnusableError says that the journal cannot be written or trusted, so that
// nothing was begun.
type UnusableError struct{ Err error }

// Error says what is wrong with the journal.
func (e *UnusableError) Error() string {
	return fmt.Sprintf("the journal cannot be used, and nothing is begun without it: %v", e.Err)
}

// Unwrap is what the journal said.
func (e *UnusableError) Unwrap() error { return e.Err }

// ErrNotConfigured says that the configuration has no such service.
var ErrNotConfigured = errors.New("the service is not in the configuration")

// OpenLocal reads the configuration and the journal; it begins nothing. Close it
// whether or not Start was called. It fails with journal.ErrInUse while a daemon
// runs, with an *UnusableError on a journal that cannot be written, and with
// ErrNotConfigured.
func OpenLocal(ctx context.Context, o LocalOptions) (*Local, error) {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	c, report := config.Load(o.ConfigFile)
	if c == nil {
		return nil, fmt.Errorf("%s cannot be used:\n%w", o.ConfigFile, report.Err())
	}
	if c.Services[o.Service] == nil {
		return nil, fmt.Errorf("%s: %w", o.Service, ErrNotConfigured)
	}
	h := newHouse(Options{ConfigFile: o.ConfigFile, Clock: o.Clock, Logger: o.Logger, StepGrace: responder.DefaultStepGrace}, c)
	options := h.brainOptions(c)
	kept := together(options, o.Service)
	l := &Local{h: h, kept: kept, config: narrowed(c, kept)}
	for name := range options.Services {
		if !slices.Contains(kept, name) {
			delete(options.Services, name)
		}
	}
	l.brain = incident.New(options)
	if err := l.openRecord(ctx, o.WithoutJournal); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.setAsideOthers()
	if inc, open := l.brain.Incident(o.Service); open && inc.State != incident.Closed {
		l.earlier = inc.Public().Rollback
	}
	if err := l.record.mayGoWithout(l.Unfinished()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// together are the service and those that are rolled back with it.
func together(o incident.Options, service string) []string {
	for _, group := range o.Groups {
		if slices.Contains(group.Services, service) {
			return group.Services
		}
	}
	return []string{service}
}

// narrowed is a configuration with some of its services, and without NATS.
func narrowed(c *config.Config, services []string) *config.Config {
	n := *c
	n.NATS = config.NATS{}
	n.Services = map[string]*config.Service{}
	for _, name := range services {
		n.Services[name] = c.Services[name]
	}
	return &n
}

// setAsideOthers makes this process forget the open incidents of other services,
// so that it neither goes on with their rollbacks nor decides on them. Nothing of
// that is written down: to the daemon they are as open as they were.
func (l *Local) setAsideOthers() {
	for _, inc := range l.brain.Incidents() {
		if inc.State == incident.Closed || slices.Contains(l.kept, inc.Service) {
			continue
		}
		if run := inc.Rollback; run != nil && !run.State.Ended() {
			l.h.log.Warn("a rollback of another service is unfinished: the daemon goes on with it when it runs again",
				"service", inc.Service, "incident", inc.ID)
		}
		l.brain.Apply(incident.Entry{
			At: l.brain.LastEntryAt(), Kind: incident.KindClosed, Service: inc.Service, Incident: inc.ID,
			Closed: &incident.ClosedEntry{Outcome: incident.Unresolved, Fresh: true},
		})
	}
}

// Earlier is the ID of the newest run that the service's open incident had before
// this; empty for none.
func (l *Local) Earlier() string {
	if l.earlier == nil {
		return ""
	}
	return l.earlier.ID
}

// Unfinished is a run of the service that the daemon left and that Start goes on
// with, instead of beginning one; nil where there is none.
func (l *Local) Unfinished() *incident.Run {
	if l.earlier == nil || l.earlier.State.Ended() {
		return nil
	}
	return l.earlier
}

// Without is why the journal is done without; nil while it is written.
func (l *Local) Without() error { return l.record.without() }

// Whole tells whether all of the journal could be read: where not, what is known
// of the service's versions may be out of date.
func (l *Local) Whole() bool { return l.record.whole }

// Approvals are the steps of the service's plan in a scope that wait for a
// person's word.
func (l *Local) Approvals(scope string) []string {
	var names []string
	for _, service := range l.kept {
		plan := l.brain.Options().Services[service].Plan
		if plan == nil {
			continue
		}
		for _, step := range slices.Concat(plan.Steps, plan.Forward, plan.Finally, plan.FollowUp) {
			if step.Approval != nil && (scope == "" || len(step.Only) == 0 || slices.Contains(step.Only, scope)) {
				names = append(names, step.Name)
			}
		}
	}
	return names
}

// Start has a person's command decided and its rollback begun, or goes on with
// the unfinished one. It returns the incident. The reply's Err is a refusal.
func (l *Local) Start(ctx context.Context, c incident.Command) (incident.Reply, error) {
	if err := l.begin(ctx); err != nil {
		return incident.Reply{}, err
	}
	l.h.responder.Submit(incident.Restored{DownFrom: l.downFrom, To: l.h.o.Clock.Now().UTC()})
	g := l.h.sources.current.Load()
	g.versions.LookAtLinks()
	l.h.parts.later("sources", l.h.sources.stop)
	l.h.sources.startPolling(ctx, g)
	if l.Unfinished() != nil {
		inc, err := l.Incident(ctx, c.Service)
		if err != nil || inc == nil {
			return incident.Reply{}, err
		}
		return incident.Reply{Incident: inc.ID}, nil
	}
	return l.h.responder.Do(ctx, c)
}

// Do has a further command decided, such as a word for an approval step.
func (l *Local) Do(ctx context.Context, c incident.Command) (incident.Reply, error) {
	return l.h.responder.Do(ctx, c)
}

// begin makes and starts what carries out the rollback.
func (l *Local) begin(ctx context.Context) error {
	h := l.h
	h.sources = newSources(h)
	runner := action.NewRunner(action.Options{
		Dir: l.runs, Home: home(), Clock: h.o.Clock, Logger: h.log.Named("action"), Mask: h.mask,
		Querier: h.sources, QueryEvery: l.config.Prometheus.PollInterval,
	})
	h.responder = responder.New(responder.Options{
		Brain: l.brain, Drive: l.drive, Journal: l.record, Runner: runner, Reader: h.sources, Receivers: h.receivers,
		Clock: h.o.Clock, Steady: responder.BootTime(), Logger: h.log.Named("responder"), StepGrace: h.o.StepGrace,
	})
	g := &generation{polling: pollingOf(l.config)}
	if err := h.sources.makePolling(g, l.config); err != nil {
		return err
	}
	h.sources.current.Store(g)
	h.parts.start(ctx, "outputs of steps", runner.Tend)
	h.parts.start(ctx, "responder", h.responder.Run)
	return nil
}

// drive gives the brain an input, and notes when Prometheus answered.
func (l *Local) drive(now time.Time, in incident.Input, c incident.Carrier) {
	if s, is := in.(incident.Samples); is && s.Kind == incident.Grid {
		for _, a := range s.Answers {
			if a.Err == "" {
				l.answered.Store(&now)
				break
			}
		}
	}
	incident.Drive(l.brain, now, in, c)
}

// Incident is an incident of the service as others see it, by its ID or the
// service's name; nil where there is none.
func (l *Local) Incident(ctx context.Context, id string) (found *incident.Incident, err error) {
	err = l.h.responder.View(ctx, func(b *incident.Brain, now time.Time) error {
		inc, ok := b.Incident(id)
		if !ok {
			return nil
		}
		found = inc.Public()
		if found.State == incident.Verifying && l.verifying.IsZero() {
			l.verifying = now
		}
		return nil
	})
	return found, err
}

// Blind tells whether the rollback cannot be verified here: its steps have ended,
// and Prometheus has not answered in two polls since, or there is none.
func (l *Local) Blind() bool {
	if l.verifying.IsZero() {
		return false
	}
	if !l.config.Prometheus.Configured() {
		return true
	}
	if at := l.answered.Load(); at != nil && at.After(l.verifying) {
		return false
	}
	return l.h.o.Clock.Since(l.verifying) > 2*l.config.Prometheus.PollInterval
}

// Waiting is how many messages to receivers wait in the journal for the daemon to
// send them.
func (l *Local) Waiting(ctx context.Context) (n int) { return l.record.waiting(ctx) }

// Close waits for the step that runs, at most as long as the daemon does, and lets
// the journal go. What is unfinished then is the daemon's to go on with.
func (l *Local) Close() error { return l.h.parts.stop() }

// runsBeside is where the daemon keeps the outputs of steps.
func runsBeside(c *config.Config) string { return filepath.Join(filepath.Dir(c.Journal.Path), "runs") }
