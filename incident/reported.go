package incident

import (
	"fmt"
	"slices"
	"time"
)

// reported is the present deployment where it is somebody's word alone and the
// version source goes on showing another version; nil where there is none such.
func (l *ledger) reported(o DeploymentOptions) *Deployment {
	d := l.current()
	if d == nil || d.Own || d.Seen || !o.HasSource || l.Shown == "" || l.Shown == d.Version || l.Running != d.Version {
		return nil
	}
	if l.leftShown() {
		return nil
	}
	return d
}

// leftShown tells whether one of our rollbacks has gone away from what the version
// source showed last: it is silent since, and no word against what is reported now.
func (l *ledger) leftShown() bool {
	m := l.Marks[l.Shown]
	return m != nil && slices.ContainsFunc(l.Deployments, func(d Deployment) bool {
		return d.Own && d.Version != l.Shown && d.StartedAt.After(m.ShownSince)
	})
}

// reported is what was reported of a service and runs on no unit that its version
// source shows: it has broken nothing, and nothing leads away from it.
func (b *Brain) reported(service string) *Deployment {
	d := b.mem.service(service).Ledger.reported(b.opts.Services[service].Deployment)
	if d != nil && b.counts(service, d.Version) {
		return nil // it runs on some of them
	}
	return d
}

// ambiguous says what a person who asks for a rollback must choose between, where
// the version source does not show what was reported: it may have stopped to look.
// Empty where nothing is to be chosen.
func (b *Brain) ambiguous(service, to string) string {
	d := b.reported(service)
	if d == nil {
		return ""
	}
	why := b.notShown(service)
	if to != "" {
		why += "; say --to " + to + " if that is so"
	}
	return why + fmt.Sprintf("; if %s runs all the same, --to %s --unseen", d.Version, b.running(service))
}

// insists tells whether a person goes from what was reported to what the version
// source shows, and says that the source is wrong.
func (b *Brain) insists(service string, r planRequest) bool {
	return r.askedBy != "" && r.unseen && b.reported(service) != nil && r.to == b.running(service)
}

// running is the version that runs: what was reported last, unless the version
// source shows another one. Empty when unknown.
func (b *Brain) running(service string) string {
	l := &b.mem.service(service).Ledger
	if b.reported(service) != nil {
		return l.Shown
	}
	return l.Running
}

// deploymentOf is the deployment of the version that runs; nil when none is known.
func (b *Brain) deploymentOf(service string) *Deployment {
	l := &b.mem.service(service).Ledger
	if b.reported(service) != nil {
		return l.newest(l.Shown)
	}
	return l.current()
}

// target is where a rollback of the version that runs would go.
func (b *Brain) target(service string, now time.Time) (target, bool) {
	return b.mem.service(service).Ledger.target(b.opts.Services[service].Deployment, b.running(service), now)
}

// newest is a version's newest deployment; nil when it has none.
func (l *ledger) newest(version string) *Deployment {
	for i := range slices.Backward(l.Deployments) {
		if l.Deployments[i].Version == version {
			return &l.Deployments[i]
		}
	}
	return nil
}

// onlyReported holds where what was deployed last is somebody's word alone: what
// does not run has broken nothing, and going back would lead to what runs.
func (b *Brain) onlyReported(service string) (Hold, bool) {
	d := b.reported(service)
	if d == nil {
		return Hold{}, false
	}
	return Hold{
		GuardNoDeployment, fmt.Sprintf("%s was reported as deployed, and the version source shows that %s runs", d.Version, b.running(service)),
		"the version source shows it, or a deployment is reported that began before the breach",
	}, true
}

// notShown says that something was reported that the version source does not show.
func (b *Brain) notShown(service string) string {
	d := b.reported(service)
	if d == nil {
		return ""
	}
	return fmt.Sprintf("%s runs; %s was reported at %s, and the version source does not show it", b.running(service), d.Version, shortTime(d.NotedAt))
}

// confirmed is since when a deployment is more than somebody's word: since its
// report, or since the version source showed it. Zero while it does not.
func (b *Brain) confirmed(service string, d *Deployment) time.Time {
	l := &b.mem.service(service).Ledger
	switch m := l.Marks[d.Version]; {
	case b.reported(service) == d:
		return time.Time{}
	case d.runsAgain() != "":
		return d.NotedAt
	case d.Seen && m != nil && m.ShownSince.After(d.NotedAt):
		return m.ShownSince
	default:
		return d.NotedAt
	}
}

// runsAgain says since when the running version runs again, by its version source
// alone; empty where it does not.
func (d *Deployment) runsAgain() string {
	if d.ShownBy == "" || !d.ShownAt.After(d.StartedAt) {
		return ""
	}
	by := d.ShownBy
	if by == "" {
		by = "version source"
	}
	return fmt.Sprintf("%s runs again since %s, seen by its %s", d.Version, shortTime(d.ShownAt), by)
}

// unreported is runsAgain for what is held because of it, with what would help.
func (d *Deployment) unreported() string {
	again := d.runsAgain()
	if again == "" {
		return ""
	}
	return again + "; a known version shown again is no deployment; report it with `rollbackd deployed`"
}

// shownSince is since when the version source has shown the version that runs.
func (b *Brain) shownSince(service string) time.Time {
	l := &b.mem.service(service).Ledger
	if m := l.Marks[b.running(service)]; m != nil && l.Shown == b.running(service) {
		return m.ShownSince
	}
	return time.Time{}
}
