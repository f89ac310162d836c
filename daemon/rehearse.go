package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/web"
)

// rehearseWithin bounds a rehearsal. What a rollback waits for is bounded by its
// plan; somebody who sits before a rehearsal wants an answer.
const rehearseWithin = web.RehearsalTimeout - time.Minute

// rehearse looks at all that a rollback of a service would need, changes nothing,
// and puts on record what it found. One at a time: its checks may be heavy.
func (h *house) rehearse(ctx context.Context, ask incident.RehearsalAsk, reason string) (*incident.RehearsalReport, error) {
	if !h.rehearsing.TryLock() {
		return nil, web.ErrRehearsing
	}
	defer h.rehearsing.Unlock()
	began := h.o.Clock.Now()
	var what *incident.Rehearsing
	err := h.viewBrain(ctx, func(b *incident.Brain, now time.Time) (err error) {
		what, err = b.Rehearsing(ask, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	report, err := h.look(ctx, what)
	if err != nil {
		return nil, err
	}
	report.TookSeconds = h.o.Clock.Since(began).Seconds()
	h.recordRehearsal(ctx, ask, reason, report)
	return report, nil
}

// look is the rehearsal itself. Its error is that of ctx: nobody waits for it any more.
func (h *house) look(ctx context.Context, what *incident.Rehearsing) (*incident.RehearsalReport, error) {
	// Steps that run leave their files where the next start looks for them. A
	// rehearsal must leave nothing, so it has a place of its own.
	dir, err := os.MkdirTemp("", "rollbackd-rehearsal-")
	if err != nil {
		return nil, fmt.Errorf("a rehearsal needs a directory for the outputs of its checks: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover in the system's temporary directory harms nobody

	// A check that runs when the time is over, or when nobody waits any more, is
	// ended: for that its context must end by a deadline, see action.Request.
	bounded, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	over := func() { cancel(context.DeadlineExceeded) }
	defer context.AfterFunc(ctx, over)()
	defer h.o.Clock.AfterFunc(rehearseWithin, over).Stop()

	c := h.config.Load()
	report := responder.Rehearse(bounded, what, action.NewRunner(h.runnerOptions(c, dir)))
	for _, line := range h.reachAll(bounded, c, what.Receivers) {
		report.Add(line)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if bounded.Err() != nil {
		report.Add(incident.RehearsalLine{
			About: "time", Name: "rehearsal", Found: incident.FindingProblem,
			Why: fmt.Sprintf("the rehearsal itself took longer than %s: the rest was not looked at", rehearseWithin),
		})
	}
	return report, nil
}

// recordRehearsal puts a rehearsal on record. Where that fails the report says so:
// it then counts for nothing.
func (h *house) recordRehearsal(ctx context.Context, ask incident.RehearsalAsk, reason string, report *incident.RehearsalReport) {
	found := report.Rehearsal()
	reply, err := h.do(ctx, incident.Command{Verb: "rehearsed", Service: ask.Service, Actor: ask.Actor, Reason: reason, Rehearsal: &found})
	switch {
	case err != nil:
		report.NotRecorded = err.Error()
	case reply.Err != "":
		report.NotRecorded = reply.Err
	default:
		// What a breach would lead to depends on the rehearsal itself. Where it cannot
		// be asked any more the answer from before stands.
		_ = h.viewBrain(ctx, func(b *incident.Brain, now time.Time) error {
			if why, known := b.Why(ask.Service, now); known {
				report.Automatic = why.IfCritical
			}
			return nil
		})
	}
}

// runnerOptions are those of what carries out steps, with their files in a directory.
func (h *house) runnerOptions(c *config.Config, dir string) action.Options {
	return action.Options{
		Dir: dir, Home: home(), Clock: h.o.Clock, Logger: h.log.Named("action"), Mask: h.mask,
		Querier: h.sources, QueryEvery: c.Prometheus.PollInterval,
	}
}
