package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
)

// watched is the service: v2 is bad and all others are well, unless the folder
// has the files that say otherwise. All of it is on disk, so that it outlives a
// crash as production does.
type watched struct{ dir string }

// current is the version that runs.
func (w *watched) current() string {
	to, err := os.Readlink(filepath.Join(w.dir, "current"))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

func (w *watched) has(file string) bool {
	_, err := os.Stat(filepath.Join(w.dir, file))
	return err == nil
}

// Read implements responder.Reader.
func (w *watched) Read(_ context.Context, _ time.Time, _ []string, _ string) map[string]trigger.Answer {
	rate := 0.0
	v := w.current()
	if v == "v2" && !w.has(quietFile) && !w.has(flagsOffFile) || v == "v1" && w.has(bothBadFile) && w.has(deployedFile) {
		rate = 0.08
	}
	return map[string]trigger.Answer{
		"error_rate": {Services: map[string]trigger.Reading{service: {Value: rate, Presence: trigger.Known}}},
	}
}

// Holds implements action.Querier: every query asks whether the bad version runs.
func (w *watched) Holds(_ context.Context, promql string) (holds bool, detail string, err error) {
	return w.current() == "v2", promql, nil
}

// story is what happens to the service, and ends once nothing more will.
type story struct {
	*watched
	responder *responder.Responder
	journal   *journal.Journal
	// seen is the version that was last reported, calm how many ticks have found
	// nothing to do.
	seen   string
	calm   int
	ticked time.Time
	// last is what was seen at the last tick, for a life that does not end.
	last glance
}

// restful is how many ticks nothing must happen in for a life to be over.
const restful = 15

func (s *story) tell(ctx context.Context) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for s.calm < restful {
		if err := s.tick(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not at rest after %s: %s", patience, s.last)
		case <-ticker.C:
		}
	}
	return s.responder.View(ctx, func(b *incident.Brain, _ time.Time) error {
		snapshot, err := b.Snapshot()
		return errors.Join(err, os.WriteFile(filepath.Join(s.dir, snapshotFile), snapshot, 0o600))
	})
}

// tick observes, as the sources do, and does what the deployer and the person do.
func (s *story) tick(ctx context.Context) error {
	now := time.Now().UTC().Truncate(poll)
	if !now.After(s.ticked) {
		return nil // the ticker made up for a late tick
	}
	s.ticked = now
	if v := s.current(); v != s.seen {
		s.seen = v
		s.responder.Submit(incident.VersionSeen{Service: service, Version: v, At: now, Source: "symlink"})
	}
	s.responder.Submit(incident.Samples{At: now, Kind: incident.Grid, Answers: s.Read(ctx, now, nil, service)})
	var look glance
	if err := s.responder.View(ctx, look.take); err != nil {
		if ctx.Err() != nil {
			return nil // the time is over, and that is said elsewhere
		}
		return err
	}
	s.last = look
	switch {
	case !s.has(deployedFile):
		return s.deploy(look)
	case s.has(askFile) && look.running == "v2" && look.unanswered():
		return s.ask(ctx)
	case look.asksForApproval():
		_, err := s.responder.Do(ctx, incident.Command{Verb: "approve", Incident: look.newest.ID, Actor: "bob", Reason: "go on"})
		return err
	case look.resting():
		waiting, err := s.journal.Waiting(ctx)
		if err != nil || waiting["ops"] > 0 {
			return err
		}
		s.calm++
	default:
		s.calm = 0
	}
	return nil
}

// deploy puts v2 there once v1 was seen to do well. A crash may come between any
// two of its lines.
func (s *story) deploy(look glance) error {
	if s.current() != "v2" {
		if look.running != "v1" || !look.well {
			return nil
		}
		link := filepath.Join(s.dir, "current")
		if err := os.Symlink(filepath.Join(s.dir, "releases", "v2"), link+".v2"); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Rename(link+".v2", link); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.dir, deployedFile), nil, 0o600)
}

// ask is the person who wants a rollback, and asks again until there is one.
func (s *story) ask(ctx context.Context) error {
	reply, err := s.responder.Do(ctx, incident.Command{Verb: "rollback", Service: service, Actor: "alice", Reason: "drill"})
	if err == nil && reply.Err != "" {
		err = errors.New(reply.Err)
	}
	return err
}

// glance is what can be seen of the brain between two inputs.
type glance struct {
	running string
	well    bool
	newest  *incident.Incident
}

func (g *glance) take(b *incident.Brain, now time.Time) error {
	view, _ := b.Service(service, now)
	g.running = view.Running
	g.well = len(view.Triggers) > 0
	for _, t := range view.Triggers {
		g.well = g.well && t.Truth == "ok"
	}
	if newest, ok := b.Newest(service); ok {
		g.newest = newest.Public()
	}
	return nil
}

// unanswered tells whether nothing was begun and nothing will be, so that a
// person asks again: a crash came between the request and the rollback.
func (g glance) unanswered() bool {
	if g.newest == nil {
		return true
	}
	return g.newest.Rollback == nil && (g.newest.State == incident.Closed || g.newest.State == incident.Held)
}

// asksForApproval tells whether a step of the rollback waits for a person's yes.
func (g glance) asksForApproval() bool {
	if g.newest == nil || g.newest.Rollback == nil {
		return false
	}
	run := g.newest.Rollback
	return slices.ContainsFunc(run.Steps, func(s incident.StepRun) bool {
		return s.State == incident.StepRunning && s.Section == incident.SectionSteps && run.Plan.Steps[s.Index].Approval != nil
	})
}

// resting tells whether the incident is over, or waits for a person.
func (g glance) resting() bool {
	if g.newest == nil {
		return false
	}
	switch g.newest.State {
	case incident.Closed:
		return true
	case incident.Held, incident.AwaitingApproval:
		return g.newest.Rollback == nil || g.newest.Rollback.State.Ended()
	default:
		return false
	}
}

func (g glance) String() string {
	if g.newest == nil {
		return fmt.Sprintf("%s runs, well %v, no incident", g.running, g.well)
	}
	text := fmt.Sprintf("%s runs, incident %s %s", g.running, g.newest.ID, g.newest.State)
	for _, m := range g.newest.Timeline {
		text += fmt.Sprintf("\n  %s %s %s", m.At.Format("15:04:05.000"), m.Kind, m.Text)
	}
	return text
}
