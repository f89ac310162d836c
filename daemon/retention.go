package daemon

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// What is too old is looked for soon after the start and every hour; again soon
// where there is more than one look takes. A look that finds nothing is one
// question to an index.
const (
	forgetSoon  = time.Minute
	forgetEvery = time.Hour
	// forgetAtOnce bounds the incidents of one entry that says what is removed.
	forgetAtOnce = 200
)

// retention removes what [journal] retention no longer keeps: what steps and captures
// wrote, and samples, of incidents that are long over, and the files of their runs.
// First the record says so, then it is done; a kill in between leaves the rest to the
// next look.
type retention struct {
	journal *journal.Journal
	submit  func(incident.Input)
	// runs is the folder that holds runs' files, and forgetRun removes those of one.
	runs      string
	forgetRun func(run string) error
	lasts     time.Duration
	clock     clock.Clock
	log       hclog.Logger
	// unscrubbed is true while the journal's log may hold what was removed.
	unscrubbed bool
}

func (h *house) newRetention() *retention {
	c := h.config.Load()
	return &retention{
		journal: h.journal, submit: h.submit, runs: runsBeside(c), forgetRun: h.runner.Forget,
		lasts: c.Journal.Retention, clock: h.o.Clock, log: h.log.Named("journal"),
	}
}

// Run looks again and again, until ctx ends; it then returns nil.
func (r *retention) Run(ctx context.Context) error {
	timer := r.clock.Timer(forgetSoon)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		before := r.clock.Now().UTC().Add(-r.lasts)
		more, err := r.look(ctx, before)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("what is older than [journal] retention could not be removed; it is tried again", "err", err)
		}
		r.scrub(ctx)
		r.forgetRuns(before)
		if more {
			timer.Reset(forgetSoon)
		} else {
			timer.Reset(forgetEvery)
		}
	}
}

// look removes what the record says is removed, or has the brain put on record what
// comes next. more tells whether there is something left for the next look.
func (r *retention) look(ctx context.Context, before time.Time) (more bool, err error) {
	old, err := r.journal.Outlived(ctx, before, forgetAtOnce)
	if err != nil || len(old) == 0 {
		return false, err
	}
	recorded, err := r.recorded(ctx)
	if err != nil {
		return false, err
	}
	due := slices.DeleteFunc(slices.Clone(old), func(id string) bool { return !slices.Contains(recorded, id) })
	// Nothing new before all of an entry is done: the newest one says what is left to do.
	if len(due) == 0 {
		r.submit(incident.Forget{Before: before, Incidents: old})
	}
	for _, id := range due {
		if err := r.journal.RemoveDetails(ctx, id); err != nil {
			return false, err
		}
		r.unscrubbed = true
	}
	return true, nil
}

// scrub sees to it that no copy is left of what was removed; later, where it cannot now.
func (r *retention) scrub(ctx context.Context) {
	if !r.unscrubbed {
		return
	}
	done, err := r.journal.Scrub(ctx)
	if err != nil {
		r.log.Warn("a copy of what was removed may be left in the journal's -wal file", "err", err)
	}
	r.unscrubbed = !done
}

// recorded are the incidents of which the newest entry that says so says that their
// details are removed.
func (r *retention) recorded(ctx context.Context) ([]string, error) {
	raw, err := r.journal.Newest(ctx, string(incident.KindForgotten))
	if err != nil || raw == nil {
		return nil, err
	}
	e, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if e.Forgotten == nil {
		return nil, fmt.Errorf("the newest journal entry of kind %s names no incidents", incident.KindForgotten)
	}
	return e.Forgotten.Incidents, nil
}

// forgetRuns removes the files of runs in which nothing was begun since a time.
func (r *retention) forgetRuns(before time.Time) {
	runs, err := os.ReadDir(r.runs)
	if err != nil {
		return // there were none yet
	}
	for _, run := range runs {
		info, err := run.Info()
		if err != nil || !run.IsDir() || !info.ModTime().Before(before) {
			continue
		}
		if err := r.forgetRun(run.Name()); err != nil {
			r.log.Warn("the files of an old run could not be removed", "run", run.Name(), "err", err)
		}
	}
}
