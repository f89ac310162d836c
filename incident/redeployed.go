package incident

import (
	"fmt"
	"time"
)

// newDeployment is a reported deployment as it is remembered.
func newDeployment(now time.Time, in Deployed) Deployment {
	d := Deployment{
		Service: in.Service, Version: in.Version, Previous: in.Previous, StartedAt: in.StartedAt, NotedAt: now,
		By: in.By, URL: in.URL, Change: in.Change, Source: in.Source, NoAutoRollback: in.NoAutoRollback,
		Rolling: in.Rolling,
	}
	if d.Previous == d.Version {
		d.Previous = "" // no version comes before itself
	}
	return d
}

// counts tells whether a version source counts units that run a version.
func (b *Brain) counts(service, version string) bool {
	l := b.live[service]
	if l == nil {
		return false
	}
	for _, c := range l.census {
		if c.Version == version && c.Units > 0 {
			return true
		}
	}
	return false
}

// deployedAgain tells whether a report of the running version is about a new
// deployment: the version source showed it again after another version ran, and
// nobody has reported that yet. The end of a rollout is that of the same deployment.
func (b *Brain) deployedAgain(in Deployed, s *serviceMemory) bool {
	l := &s.Ledger
	d := l.current()
	if d == nil || in.Version != l.Running || d.Version != in.Version || d.runsAgain() == "" {
		return false
	}
	if before := l.before(); d.Own && before != nil && l.quarantined(before.Version) {
		return false // what our rollback left was seen for a moment longer, and the report is about our own doing
	}
	within := b.opts.Services[in.Service].Deployment.FinishWithin
	endsRollout := d.Rolling && !in.Rolling && d.ShownAt.Sub(d.StartedAt) <= within
	return !endsRollout
}

// again is the deployment by which a known version came to run again: since its
// version source showed it, or since the report says that it began, where that is
// later than what is known of the version before it.
func (b *Brain) again(now time.Time, in Deployed, s *serviceMemory) Deployment {
	shown := s.Ledger.current().ShownAt
	d := newDeployment(now, in)
	d.Seen = true
	before := s.Ledger.before()
	if before == nil || !d.StartedAt.After(before.runsSince()) || d.StartedAt.After(now) {
		d.StartedAt = shown
	}
	if before != nil {
		d.Previous = before.Version
	}
	d.StartedAt = d.StartedAt.UTC().Round(0)
	return d
}

// before is the deployment of the version that ran before the present one; nil
// when none is known. What a version source never showed did not run.
func (l *ledger) before() *Deployment {
	for i := len(l.Deployments) - 2; i >= 0; i-- {
		if d := &l.Deployments[i]; d.Seen && d.Version != l.Running {
			return d
		}
	}
	return nil
}

// takenBack records a report of the version that runs by its version source, where
// another one was reported before and never shown: that one is no longer waited for.
func (b *Brain) takenBack(now time.Time, in Deployed, s *serviceMemory) []Effect {
	actor := in.Source
	if in.By != "" {
		actor = in.By
	}
	wrong := b.reported(in.Service)
	e := b.entry(now, KindRunning, in.Service, actor, fmt.Sprintf("%s runs, as its version source shows; %s was reported at %s and never shown",
		in.Version, wrong.Version, shortTime(wrong.NotedAt)))
	e.Running = &RunningEntry{Version: in.Version, Source: in.Source}
	if s.Open != nil {
		e.Incident = s.Open.ID
	}
	return []Effect{Record{Entry: e}}
}

// confirms adds to the record of what a version source shows the deployment that it
// bears out, for the incident that is open.
func (b *Brain) confirms(effects []Effect, s *serviceMemory) []Effect {
	record, _ := effects[0].(Record)
	d := s.Ledger.current()
	if s.Open == nil || d == nil || d.Seen || d.Own || d.Version != record.Entry.Running.Version {
		return effects
	}
	now := copyDeployment(d)
	now.Seen, now.Shows = true, ""
	record.Entry.Incident, record.Entry.Running.Confirms = s.Open.ID, now
	return []Effect{record}
}
