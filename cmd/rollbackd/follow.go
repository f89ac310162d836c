package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

const (
	// pollEvery is how often a rollback that is followed is looked at.
	pollEvery = 250 * time.Millisecond
	// patience is how long a daemon may be gone (it may be restarting) before
	// following gives up.
	patience = time.Minute
)

// follower writes an incident's transitions as they come, and on a terminal a
// line below them that is redrawn.
type follower struct {
	*app
	client *client
	id     string
	// told is how many moments of the timeline were written.
	told int
	// drawn tells whether a progress line stands on the terminal.
	drawn bool
	// missed tells whether the daemon did not answer when it was last asked.
	missed bool
}

// goneError says that the daemon went while a rollback was followed.
type goneError struct {
	id  string
	err error
}

func (e *goneError) Error() string {
	return fmt.Sprintf("the daemon is stopping or gone; the rollback goes on at its next start (then: rollbackd show %s): %v", e.id, e.err)
}

func (e *goneError) Unwrap() error { return e.err }

func (a *app) newFollower(c *client, id string) *follower {
	return &follower{app: a, client: c, id: id}
}

// follow polls until done says so, and returns the incident as it then is.
func (f *follower) follow(ctx context.Context, done func(*incident.Incident) bool) (*incident.Incident, json.RawMessage, error) {
	ticker := f.clock.Ticker(pollEvery)
	defer ticker.Stop()
	defer f.erase()
	answered := f.clock.Now()
	for {
		i, data, err := fetch(ctx, f.client, f.id)
		var refused *refusalError
		switch {
		case ctx.Err() != nil:
			return nil, nil, fmt.Errorf("no longer following; what was begun goes on (see: rollbackd show %s)", f.id)
		case err == nil:
			answered, f.missed = f.clock.Now(), false
			f.draw(i)
			if done(i) {
				return i, data, nil
			}
		case errors.As(err, &refused) && refused.status < 500:
			return nil, nil, err
		case f.clock.Since(answered) > patience:
			return nil, nil, &goneError{id: f.id, err: err}
		default:
			f.miss(refused)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// draw writes what is new.
func (f *follower) draw(i *incident.Incident) {
	if f.output == "json" {
		return // only the incident itself, at the end
	}
	f.erase()
	for ; f.told < len(i.Timeline); f.told++ {
		m := i.Timeline[f.told]
		_, _ = fmt.Fprintf(f.stdout, "%s  %-12s %s\n", m.At.UTC().Format(time.RFC3339), m.Kind, plain(m.Text)) // nobody is left to tell
	}
	if f.terminal {
		p := f.page()
		_, _ = fmt.Fprint(f.stdout, p.bold(progress(i, f.clock.Now())))
		f.drawn = true
	}
}

// miss says once that the daemon does not answer, or what it answers instead; nil
// where nothing came.
func (f *follower) miss(refused *refusalError) {
	if f.missed {
		return
	}
	f.missed = true
	f.erase()
	why := "the daemon does not answer just now"
	if refused != nil && refused.Envelope.Error != "" {
		why = refused.Envelope.Error
	}
	_, _ = fmt.Fprintf(f.stderr, "%s; it is asked again for %s\n", plain(why), patience) // nobody is left to tell
}

// erase takes the progress line off the terminal.
func (f *follower) erase() {
	if f.drawn {
		_, _ = fmt.Fprint(f.stdout, "\r\x1b[K")
		f.drawn = false
	}
}

// progress is where a rollback stands: "running · restart (2/3) · 12s of 15m", or
// "verifying until 03:09:05 UTC at the latest · 1m of 15m".
func progress(i *incident.Incident, now time.Time) string {
	r := i.Rollback
	if r == nil {
		text := string(i.State)
		if next, _, _ := strings.Cut(nextAct(i, now), ";"); next != "" {
			return text + " · " + next // one line, to be redrawn
		}
		if i.State == incident.Confirming && !i.Decision.Deadline.IsZero() {
			text += " · until " + instant(i.Decision.Deadline) + " at the latest"
		}
		return text
	}
	parts := []string{string(r.State)}
	switch step := present(r); {
	case r.State == incident.RunVerifying && !i.Verification.Until.IsZero():
		parts[0] += " until " + i.Verification.Until.UTC().Format(time.TimeOnly) + " UTC at the latest"
	case step != "":
		parts = append(parts, step)
	}
	if w := waiting(r); w != "" {
		parts = append(parts, plain(w))
	}
	if len(i.Needs) > 0 {
		parts = append(parts, "needs "+plain(needed(i.Needs)))
	}
	return strings.Join(append(parts, elapsed(r, now)), " · ")
}

// present is the step that runs, or the last that did, and how far it is.
func present(r *incident.Run) string {
	at, total := 0, 0
	name := ""
	for _, s := range r.All() {
		if s.Section != incident.SectionSteps {
			if s.State == incident.StepRunning {
				return plain(titleOf(s)) + " (" + string(s.Section) + ")"
			}
			continue
		}
		total++
		if s.State != incident.StepPending {
			at, name = total, titleOf(s)
		}
	}
	if at == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%d/%d)", plain(name), at, total)
}
