package incident

import (
	"fmt"
	"time"
)

// deployed turns a reported deployment into its entry. An event that names the
// running version is the same deployment: its start never moves.
func (b *Brain) deployed(now time.Time, in Deployed) []Effect {
	if _, ok := b.opts.Services[in.Service]; !ok || in.Version == "" {
		return nil
	}
	s := b.mem.service(in.Service)
	if in.Version == s.Ledger.Running {
		return b.rolledOut(now, in, s)
	}
	d := Deployment{
		Service: in.Service, Version: in.Version, Previous: in.Previous, StartedAt: in.StartedAt, NotedAt: now,
		By: in.By, URL: in.URL, Change: in.Change, Source: in.Source, NoAutoRollback: in.NoAutoRollback,
		Rolling: in.Rolling,
	}
	if d.Previous == d.Version {
		d.Previous = "" // no version comes before itself
	}
	if d.StartedAt.IsZero() {
		d.StartedAt = in.At
	}
	if d.StartedAt.IsZero() || d.StartedAt.After(now) {
		d.StartedAt = now
	}
	d.StartedAt = d.StartedAt.UTC().Round(0)
	return []Effect{Record{Entry: b.deploymentEntry(now, d, s)}}
}

// rolledOut records that a deployment which was rolling out has finished. Any
// other event about the running version is the same deployment, and no news.
func (b *Brain) rolledOut(now time.Time, in Deployed, s *serviceMemory) []Effect {
	d := s.Ledger.current()
	if d == nil || d.Version != in.Version || !d.Rolling || in.Rolling {
		return nil
	}
	actor := in.Source
	if in.By != "" {
		actor = in.By
	}
	return []Effect{Record{Entry: b.entry(now, KindRolledOut, in.Service, actor, in.Version+" has finished rolling out")}}
}

// versionSeen turns what a version source shows into its entry: a version never
// seen before is a deployment, a known one only runs again.
func (b *Brain) versionSeen(now time.Time, in VersionSeen) []Effect {
	if _, ok := b.opts.Services[in.Service]; !ok || in.Version == "" {
		return nil
	}
	s := b.mem.service(in.Service)
	l := &s.Ledger
	if target := s.goingTo(); target == in.Version && l.Running != in.Version {
		return b.shown(now, in) // our own doing, whether or not the version was known before
	}
	if known, ok := l.Marks[in.Version]; ok && (known.SeenRunning || l.has(in.Version)) {
		if d := l.current(); l.Running == in.Version && known.SeenRunning && (d == nil || d.Seen || d.Version != in.Version) {
			return nil
		}
		return b.shown(now, in)
	}
	d := Deployment{
		Service: in.Service, Version: in.Version, Previous: l.Running, StartedAt: in.At.UTC().Round(0), NotedAt: now,
		Source: in.Source, Seen: true, FirstLook: l.current() == nil,
	}
	return []Effect{Record{Entry: b.deploymentEntry(now, d, s)}}
}

// shown records that a version source shows a version that is no new deployment.
func (b *Brain) shown(now time.Time, in VersionSeen) []Effect {
	e := b.entry(now, KindRunning, in.Service, in.Source, fmt.Sprintf("%s runs, says its %s", in.Version, in.Source))
	e.Running = &RunningEntry{Version: in.Version, Source: in.Source}
	return []Effect{Record{Entry: e}}
}

// goingTo is the target of a rollback under way; empty when none is.
func (s *serviceMemory) goingTo() string {
	if s.Claim != nil {
		return s.Claim.To
	}
	if !s.acting() {
		return ""
	}
	return s.Open.Rollback.To
}

// has tells whether a version was ever deployed.
func (l *ledger) has(version string) bool {
	for _, d := range l.Deployments {
		if d.Version == version {
			return true
		}
	}
	return false
}

func (b *Brain) deploymentEntry(now time.Time, d Deployment, s *serviceMemory) Entry {
	text := fmt.Sprintf("%s deployed", d.Version)
	if d.FirstLook {
		text = fmt.Sprintf("%s runs; it was there when rollbackd first looked", d.Version)
	}
	if d.By != "" {
		text += " by " + d.By
	}
	if d.Previous != "" {
		text += ", before it " + d.Previous
	}
	actor := d.Source
	if d.By != "" {
		actor = d.By
	}
	e := b.entry(now, KindDeployment, d.Service, actor, text)
	e.Deployment = &d
	if s.Open != nil {
		e.Incident = s.Open.ID
	}
	return e
}
