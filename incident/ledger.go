package incident

import (
	"fmt"
	"slices"
	"time"
)

// ledger is what is known of a service's versions: which ran, from when, and
// what is held against them.
type ledger struct {
	// Running is the version that runs; empty when unknown.
	Running string `json:"running,omitempty"`
	// Shown is what the version source showed last; empty without one.
	Shown string `json:"shown,omitempty"`
	// Deployments, oldest first. The last is the present one.
	Deployments []Deployment `json:"deployments,omitempty"`
	// Marks, by version.
	Marks map[string]*mark `json:"marks,omitempty"`
	// Said are the signals about the running version, by name: whatever comes to run
	// in its place, nothing was said of that yet.
	Said map[string]Said `json:"said,omitempty"`
}

// mark is what is held for or against a version.
type mark struct {
	// Presumed is why it is presumed good; empty when it is not.
	Presumed string `json:"presumed,omitempty"`
	// SeenRunning is true once a version source showed it.
	SeenRunning bool `json:"seen_running,omitempty"`
	// ShownSince is since when the version source has shown it, the last time that it
	// began to; zero where none ever did.
	ShownSince time.Time `json:"shown_since,omitzero"`
	// Blamed is the incident that blamed it; empty for none.
	Blamed string `json:"blamed,omitempty"`
	// Quarantined is since when it is quarantined; zero when it is not.
	Quarantined time.Time `json:"quarantined,omitzero"`
	// Ran is how long its longest deployment ran without being blamed, over by now.
	Ran time.Duration `json:"ran,omitempty"`
}

// keepDeployments bounds the ledger: the newest that many are remembered.
const keepDeployments = 100

func newLedger() ledger { return ledger{Marks: map[string]*mark{}} }

func (d Deployment) id() string {
	return d.Service + "/" + d.Version + "/" + d.StartedAt.Add(-d.Moved).UTC().Format(time.RFC3339)
}

func (l *ledger) mark(version string) *mark {
	m, ok := l.Marks[version]
	if !ok {
		m = &mark{}
		l.Marks[version] = m
	}
	return m
}

// current is the present deployment; nil when none is known.
func (l *ledger) current() *Deployment {
	if len(l.Deployments) == 0 {
		return nil
	}
	return &l.Deployments[len(l.Deployments)-1]
}

// forgetOld drops what is held for or against versions that left the ledger,
// except a quarantine, which only a person lifts.
func (l *ledger) forgetOld() {
	if len(l.Marks) <= 2*keepDeployments {
		return
	}
	kept := map[string]bool{}
	for _, d := range l.Deployments {
		kept[d.Version], kept[d.Previous] = true, true
	}
	for version, m := range l.Marks {
		if !kept[version] && m.Quarantined.IsZero() {
			delete(l.Marks, version)
		}
	}
}

// start is when the present deployment began; zero when that is not known.
func (l *ledger) start() time.Time {
	if d := l.current(); d != nil && !d.FirstLook {
		return d.StartedAt
	}
	return time.Time{}
}

// runsSince is since when a deployment has run without another one in between.
func (d Deployment) runsSince() time.Time {
	if d.ShownAt.After(d.StartedAt) {
		return d.ShownAt
	}
	return d.StartedAt
}

// deploy makes d the present deployment.
func (l *ledger) deploy(d Deployment) {
	l.leave(d.StartedAt)
	l.Deployments = append(l.Deployments, d)
	if len(l.Deployments) > keepDeployments {
		l.Deployments = l.Deployments[len(l.Deployments)-keepDeployments:]
	}
	l.forgetOld()
	again := l.Running == d.Version
	l.Running = d.Version
	if !d.FirstLook && d.Shows == "" {
		l.unsay(d.StartedAt, again)
	}
	m := l.mark(d.Version)
	if d.FirstLook {
		m.Presumed = "it was running when rollbackd first looked"
	}
	m.SeenRunning = m.SeenRunning || d.Seen
	if d.Seen {
		l.Shown, m.ShownSince = d.Version, d.StartedAt
	}
	l.presume(d.Previous, d.Version)
}

// unsay forgets what was said of the version before. Of a version whose deployment
// is reported while it runs, that counts which was said since its start.
func (l *ledger) unsay(start time.Time, runs bool) {
	for name, said := range l.Said {
		if !runs || said.At.Before(start) {
			delete(l.Said, name)
		}
	}
	if len(l.Said) == 0 {
		l.Said = nil
	}
}

// presume takes in that a deployment named a version as the one before it.
func (l *ledger) presume(previous, by string) {
	if previous == "" {
		return
	}
	if m := l.mark(previous); m.Presumed == "" {
		m.Presumed = fmt.Sprintf("named as previous by the deployment of %s", by)
	}
}

// leave remembers how long the present deployment ran, at its end.
func (l *ledger) leave(at time.Time) {
	d := l.current()
	if d == nil || d.FirstLook || d.Version != l.Running || d.Shows != "" {
		return // nothing to count from, or it was only reported to run
	}
	m := l.mark(d.Version)
	if ran := at.Sub(d.runsSince()); ran > m.Ran && m.Blamed == "" {
		m.Ran = ran
	}
}

// show takes in that a version source shows a known version running: no
// deployment, only another version in force.
func (l *ledger) show(version, by string, at time.Time) {
	m := l.mark(version)
	m.SeenRunning = true
	before := l.Shown
	if l.Shown = version; before != version {
		m.ShownSince = at
	}
	if l.Running == version {
		if d := l.current(); d != nil && d.Version == version {
			if d.Shows != "" {
				l.unsay(d.StartedAt, true)
			}
			d.Seen, d.Shows = true, "" // what an event said, the source confirms
		}
		return
	}
	l.leave(at)
	if l.Running != "" && before != version {
		l.Said = nil
	}
	l.Running = version
	// The newest deployment of that version is the present one again.
	for i, d := range slices.Backward(l.Deployments) {
		if d.Version == version {
			if before != version { // else it ran all along, and something else was only reported
				d.ShownAt = at
				if d.Seen {
					d.ShownBy = by // again: it was shown before
				}
			}
			d.Seen, d.Shows = true, ""
			l.Deployments = append(append(l.Deployments[:i:i], l.Deployments[i+1:]...), d)
			return
		}
	}
}

// rolledOut takes in that the present deployment is everywhere.
func (l *ledger) rolledOut() {
	if d := l.current(); d != nil {
		d.Rolling = false
	}
}

// ownDeployment is where a run of ours has taken a service.
type ownDeployment struct {
	service, from, to, by string
	at                    time.Time
}

// deployOwn makes the target of a rollback the running version, as a deployment
// of our own that is never blamed.
func (l *ledger) deployOwn(o ownDeployment) {
	if o.to == "" {
		return
	}
	l.leave(o.at)
	l.mark(o.to)
	l.Deployments = append(l.Deployments, Deployment{
		Service: o.service, Version: o.to, Previous: o.from, StartedAt: o.at, NotedAt: o.at, By: o.by, Source: "rollback", Own: true,
	})
	if l.Running != o.to {
		l.Said = nil
	}
	l.Running = o.to
}

// quarantine marks the version that a rollback leaves.
func (l *ledger) quarantine(version, incident string, at time.Time) {
	if version == "" {
		return
	}
	m := l.mark(version)
	if m.Quarantined.IsZero() {
		m.Blamed, m.Quarantined = incident, at
	}
}

// blame holds an incident against a version.
func (l *ledger) blame(version, incident string) {
	if version == "" {
		return
	}
	if m := l.mark(version); m.Quarantined.IsZero() {
		m.Blamed = incident
	}
}

// unquarantine takes back a quarantine: nothing was changed after all. What
// the incident holds against the version stays.
func (l *ledger) unquarantine(version, incident string) {
	if m, ok := l.Marks[version]; ok && m.Blamed == incident {
		m.Quarantined = time.Time{}
	}
}

// pardon lifts a quarantine and what was held against the version.
func (l *ledger) pardon(version string) {
	m := l.mark(version)
	m.Quarantined, m.Blamed = time.Time{}, ""
}

// stillQuarantined says how a quarantined version comes to run.
func (l *ledger) stillQuarantined(version string) string {
	since := l.Marks[version].Quarantined
	text := fmt.Sprintf("%s is quarantined since %s", version, shortTime(since))
	switch d := l.newest(version); {
	case d == nil:
		return text + " and runs"
	case d.ShownAt.After(since):
		return text + " and runs again since " + shortTime(d.ShownAt)
	case d.StartedAt.Before(since) && d.NotedAt.Before(since):
		return text + ": its rollback did not finish; " + version + " still runs"
	default:
		return text + " and was deployed again"
	}
}

func (l *ledger) quarantined(version string) bool {
	m, ok := l.Marks[version]
	return ok && !m.Quarantined.IsZero()
}

// good tells whether a version outlived its blame window with no incident
// blamed on it.
func (l *ledger) good(version string, o DeploymentOptions, now time.Time) bool {
	m, ok := l.Marks[version]
	if !ok || m.Blamed != "" || !m.Quarantined.IsZero() || o.HasSource && !m.SeenRunning {
		return false
	}
	if m.Ran >= o.BlameWindow {
		return true
	}
	d := l.current()
	return d != nil && d.Version == version && !d.FirstLook && now.Sub(d.runsSince()) >= o.BlameWindow
}

// presumed tells whether a version is presumed good. Where a version source
// exists, being named by an event is not enough: the source must have seen it.
func (l *ledger) presumed(version string, o DeploymentOptions) bool {
	m, ok := l.Marks[version]
	if !ok || m.Presumed == "" || m.Blamed != "" || !m.Quarantined.IsZero() {
		return false
	}
	return m.SeenRunning || !o.HasSource
}

// target is where a rollback would go.
type target struct {
	Version string
	// Back is how many deployments back it is, quarantined ones not counted.
	Back int
	// Why says what makes it a target, or why there is none.
	Why string
}

// target finds the newest good, else presumed good, version that neither runs
// nor is quarantined.
func (l *ledger) target(o DeploymentOptions, running string, now time.Time) (target, bool) {
	candidates := l.candidates(o, running)
	for i, v := range candidates {
		if l.good(v, o, now) {
			return target{Version: v, Back: i + 1, Why: "it outlived its blame window without an incident"}, true
		}
	}
	for i, v := range candidates {
		if l.presumed(v, o) {
			return target{Version: v, Back: i + 1, Why: l.Marks[v].Presumed}, true
		}
	}
	if len(candidates) == 0 {
		return target{Why: "no earlier version is known"}, false
	}
	return target{Why: fmt.Sprintf("none of the known earlier versions (%s first) was good or is presumed good", candidates[0])}, false
}

// candidates are the versions before the running one, newest first, each once:
// those that were deployed, and those that a deployment named as previous. Where
// there is a version source, one that it never showed did not run: an event
// alone neither makes a version a target nor puts it between two others.
func (l *ledger) candidates(o DeploymentOptions, running string) []string {
	var versions []string
	seen := map[string]bool{running: true}
	add := func(v string) {
		if v == "" || seen[v] {
			return
		}
		seen[v] = true
		ran := !o.HasSource || l.Marks[v] != nil && l.Marks[v].SeenRunning
		if ran && !l.quarantined(v) {
			versions = append(versions, v)
		}
	}
	for _, d := range slices.Backward(l.Deployments) {
		add(d.Version)
		add(d.Previous)
	}
	return versions
}
