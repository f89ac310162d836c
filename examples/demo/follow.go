package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// glance is how often the demo looks at rollbackd and at who answers customers.
const glance = 100 * time.Millisecond

// heldLimit is how long an incident may be held before the demo gives up: a
// passing hold (Prometheus slow to answer) lets go by itself, others do not.
const heldLimit = 30 * time.Second

// follower watches the shop through rollbackd's API and tells what changed.
type follower struct {
	api    *api
	load   *load
	inbox  *inbox
	screen *screen

	triggers map[string]string // state by trigger
	told     int               // moments of the timeline already shown

	answers string    // version that customers were answered with
	heldAt  time.Time // since when the incident is held; zero when not

	incident *incidentView
	backAt   time.Time // when customers were answered by the good version again
}

// newFollower starts from what is there now: the good version and quiet triggers.
func newFollower(a *api, w *world, s *screen) *follower {
	return &follower{api: a, load: w.load, inbox: w.inbox, screen: s, triggers: map[string]string{}, answers: goodVersion}
}

// awaitHealthy returns once rollbackd has known every trigger ok for a time
// without a break.
func (f *follower) awaitHealthy(ctx context.Context, length time.Duration) error {
	var since time.Time
	return poll(ctx, func() (bool, error) {
		view, err := f.api.shopView(ctx)
		if err != nil {
			return false, err
		}
		healthy := view.Running == goodVersion
		for _, t := range view.Triggers {
			f.triggers[t.Name] = t.State
			healthy = healthy && t.State == "inactive" && t.Truth == "ok"
		}
		switch {
		case !healthy:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		return !since.IsZero() && time.Since(since) >= length, nil
	})
}

// awaitClosed shows what happens until the incident is closed. gone says
// whether something that must run has ended.
func (f *follower) awaitClosed(ctx context.Context, gone func() error) error {
	return poll(ctx, func() (bool, error) {
		if err := gone(); err != nil {
			return false, err
		}
		defer f.screen.flush()
		f.customers()
		view, err := f.api.shopView(ctx)
		if err != nil {
			return false, err
		}
		f.changes(view.Triggers)
		if f.incident, err = f.api.newestIncident(ctx); err != nil || f.incident == nil {
			return false, err
		}
		f.timeline()
		f.messages()
		return f.incident.State == "closed", f.held()
	})
}

// awaitImpact waits until it was measured what the incident did to customers, so
// that the report has it.
func (f *follower) awaitImpact(ctx context.Context) error {
	return poll(ctx, func() (bool, error) {
		view, err := f.api.newestIncident(ctx)
		return err == nil && view != nil && view.Impact != nil, err
	})
}

// customers tells when another version answers them.
func (f *follower) customers() {
	version, _ := f.load.version.Load().(string)
	if version == f.answers {
		return
	}
	f.answers = version
	now, color := time.Now(), red
	if version == goodVersion {
		f.backAt, color = now, green
	}
	f.screen.event(now, color, "customers", "are answered by "+version)
}

// messages tells what rollbackd told people.
func (f *follower) messages() {
	for _, m := range f.inbox.take() {
		f.screen.event(m.At, bold, "told", m.FirstLine)
	}
}

// changes tells of triggers that went to another state.
func (f *follower) changes(triggers []triggerView) {
	for _, t := range triggers {
		if t.State == f.triggers[t.Name] {
			continue
		}
		f.triggers[t.Name] = t.State
		text := fmt.Sprintf("%s: %s", t.Name, t.When)
		switch t.State {
		case "pending":
			f.screen.event(t.Since, yellow, t.State, text+now(t))
		case "firing":
			f.screen.event(t.FiredAt, red, t.State, text+now(t))
		case "inactive":
			f.screen.event(time.Now(), green, "ok", text+now(t))
		default:
			f.screen.event(time.Now(), yellow, t.State, text+" ("+t.Reason+")")
		}
	}
}

// now is a trigger's present value in words.
func now(t triggerView) string {
	if !t.HasValue || len(t.Threshold) == 0 {
		return ""
	}
	if t.Threshold[len(t.Threshold)-1] == '%' {
		return fmt.Sprintf(" (now %.1f%%)", t.Value*100)
	}
	return fmt.Sprintf(" (now %.3g)", t.Value)
}

// timeline tells the incident's new moments, in rollbackd's own words.
func (f *follower) timeline() {
	for _, m := range f.incident.Timeline[min(f.told, len(f.incident.Timeline)):] {
		f.screen.event(m.At, moods()[m.Kind], word(m.Kind), m.Text)
		f.told++
	}
}

// moods are the colours of the kinds of moments that have one.
func moods() map[string]string {
	return map[string]string{
		"opened": red, "decided": yellow, "planned": yellow, "step_ended": bold, "verifying": yellow, "run_ended": green, "closed": green,
	}
}

// word is a kind of moment as one short word.
func word(kind string) string {
	switch kind {
	case "step_begun":
		return "step"
	case "step_ended":
		return "step"
	case "run_ended":
		return "rollback"
	}
	return kind
}

// held is an error once the incident has been held for too long.
func (f *follower) held() error {
	if f.incident.State != "held" {
		f.heldAt = time.Time{}
		return nil
	}
	if f.heldAt.IsZero() {
		f.heldAt = time.Now()
	}
	if time.Since(f.heldAt) < heldLimit {
		return nil
	}
	return fmt.Errorf("rollbackd holds the incident (%s): %s", f.incident.Decision.HeldBy, f.incident.Decision.Reason)
}

// undone is an error unless the incident ended as the demo promises.
func (f *follower) undone() error {
	i := f.incident
	if i.Outcome != "rolled_back" || i.Rollback == nil || i.Rollback.State != "completed" || i.Verification.State != "passed" {
		return fmt.Errorf("incident %s was closed as %q, not as rolled_back with a verification that passed", i.ID, i.Outcome)
	}
	if i.Rollback.From != badVersion || i.Rollback.To != goodVersion {
		return fmt.Errorf("rolled back from %q to %q, not from %s to %s", i.Rollback.From, i.Rollback.To, badVersion, goodVersion)
	}
	if len(i.Triggers) == 0 {
		return errors.New("the incident names no trigger")
	}
	return nil
}
