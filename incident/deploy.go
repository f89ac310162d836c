package incident

import (
	"fmt"
	"strings"
	"time"
)

// deployed turns a reported deployment into its entry. An event that names the
// running version is the same deployment: its start never moves.
func (b *Brain) deployed(now time.Time, in Deployed) []Effect {
	if _, ok := b.opts.Services[in.Service]; !ok || in.Version == "" {
		return nil
	}
	s := b.mem.service(in.Service)
	switch {
	case b.deployedAgain(in, s):
		return []Effect{Record{Entry: b.deploymentEntry(now, b.again(now, in, s), s)}}
	case in.Version == s.Ledger.Running:
		return b.rolledOut(now, in, s)
	case in.Version == b.running(in.Service):
		return b.takenBack(now, in, s)
	}
	d := newDeployment(now, in)
	if shown := s.Ledger.Shown; b.opts.Services[in.Service].Deployment.HasSource && shown != d.Version && !b.counts(in.Service, d.Version) {
		d.Shows = shown
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

// rolledOut records what a further report of the running version brings: that a
// deployment which was rolling out has finished, and what was not known of it
// so far. A version source is often quicker than the pipeline's own word, and what
// that says (that it must not be undone by itself, say) must not be lost.
func (b *Brain) rolledOut(now time.Time, in Deployed, s *serviceMemory) []Effect {
	d := s.Ledger.current()
	if d == nil || d.Version != in.Version {
		return nil
	}
	actor := in.Source
	if in.By != "" {
		actor = in.By
	}
	var e Entry
	more, news := d.details(in)
	switch {
	case d.Rolling && !in.Rolling:
		e = b.entry(now, KindRolledOut, in.Service, actor, in.Version+" has finished rolling out")
		if news != "" {
			e.Text += "; reported with it: " + news
		}
	case news != "":
		e = b.entry(now, KindDetails, in.Service, actor, in.Version+" runs already; reported now: "+news)
	default:
		return nil // the same deployment, and no news
	}
	if news != "" {
		e.Deployment = &more
	}
	return []Effect{Record{Entry: e}}
}

// details are what a report says of a deployment that was not known of it, and
// the same in words; empty when it is no news. What is known stays: no report
// takes back what another has said.
func (d *Deployment) details(in Deployed) (more Deployment, news string) {
	if d.Own {
		return more, "" // put there by a rollback of ours: reports are about another time
	}
	more = Deployment{Service: d.Service, Version: d.Version, StartedAt: d.StartedAt, NotedAt: d.NotedAt}
	var words []string
	take := func(known, said string, into *string, what string) {
		if known == "" && said != "" {
			*into = said
			words = append(words, what+said)
		}
	}
	if in.Previous != d.Version { // no version comes before itself
		take(d.Previous, in.Previous, &more.Previous, "before it ")
	}
	take(d.Change, in.Change, &more.Change, "change ")
	take(d.By, in.By, &more.By, "by ")
	take(d.URL, in.URL, &more.URL, "see ")
	if in.NoAutoRollback && !d.NoAutoRollback {
		more.NoAutoRollback = true
		words = append(words, "not to be rolled back by itself")
	}
	return more, strings.Join(words, ", ")
}

// amend takes in what a later report of the present deployment said.
func (l *ledger) amend(more Deployment) {
	d := l.current()
	if d == nil || d.Version != more.Version {
		return
	}
	fill := func(field *string, with string) {
		if *field == "" {
			*field = with
		}
	}
	fill(&d.Change, more.Change)
	fill(&d.By, more.By)
	fill(&d.URL, more.URL)
	d.NoAutoRollback = d.NoAutoRollback || more.NoAutoRollback
	if d.Previous == "" && more.Previous != "" {
		d.Previous = more.Previous
		l.presume(more.Previous, d.Version)
	}
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
	if in.Version == l.Shown && b.reported(in.Service) != nil {
		return nil // it goes on showing another version than was reported
	}
	if known, ok := l.Marks[in.Version]; ok && (known.SeenRunning || l.has(in.Version)) {
		if d := l.current(); l.Running == in.Version && known.SeenRunning && (d == nil || d.Seen || d.Version != in.Version) {
			return nil
		}
		return b.confirms(b.shown(now, in), s)
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
	if l := &s.Ledger; l.Running == d.Version {
		text = fmt.Sprintf("%s, which runs since %s, was deployed again", d.Version, shortTime(d.StartedAt))
	}
	if d.FirstLook {
		text = fmt.Sprintf("%s runs; it was there when rollbackd first looked", d.Version)
	}
	if d.By != "" {
		text += " by " + d.By
	}
	if d.Previous != "" {
		text += ", before it " + d.Previous
	}
	if d.Shows != "" {
		text += fmt.Sprintf("; its version source shows that %s runs", d.Shows)
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
