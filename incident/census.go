package incident

import (
	"fmt"
	"slices"
	"time"
)

// counted takes in which versions a source shows to be running.
func (b *Brain) counted(in VersionSeen) {
	l := b.live[in.Service]
	if l == nil {
		return
	}
	l.census = slices.Clone(in.Census)
	inc := b.mem.service(in.Service).Open
	if inc == nil || inc.State != Verifying || inc.Rollback == nil {
		return
	}
	if l.progress.run != inc.Rollback.ID {
		l.progress = progress{run: inc.Rollback.ID}
	}
	l.progress.arrived = l.progress.arrived || in.Version == inc.Rollback.To
}

// straggler names what does not run a rollback's target, as far as anything can
// tell: the census of a version source, and what instances say of themselves in
// their health checks. Empty when nothing is known to lag.
func (b *Brain) straggler(l *live, run *Run, leg Member, at time.Time) string {
	if !run.moved() || leg.To == "" {
		return ""
	}
	for _, c := range l.census {
		if c.Version != leg.To && c.Units > 0 {
			return fmt.Sprintf("%s still runs on %d of %d units, not %s", c.Version, c.Units, unitsIn(l.census), leg.To)
		}
	}
	return b.lagging(l, run, leg, at)
}

// lagging names an instance that says in its health checks, since the last
// change, that it runs another version. The words of health checks are their
// sender's own: another word than the version left counts only once some
// instance has called the target by its name.
func (b *Brain) lagging(l *live, run *Run, leg Member, at time.Time) string {
	var other []string
	named := false
	for _, i := range l.watch.Instances(at) {
		if i.Version == "" || i.Status == "silent" || i.LastAt.Before(run.LastChangeAt) {
			continue
		}
		named = named || i.Version == leg.To
		if i.Version == leg.From {
			return fmt.Sprintf("%s still runs %s, not %s", i.Instance, i.Version, leg.To)
		}
		if i.Version != leg.To {
			other = append(other, fmt.Sprintf("%s runs %s, not %s", i.Instance, i.Version, leg.To))
		}
	}
	if named && len(other) > 0 {
		return other[0]
	}
	return ""
}

func unitsIn(census []VersionCount) int {
	n := 0
	for _, c := range census {
		n += c.Units
	}
	return n
}

// putBack says that somebody else put the version back that a rollback has left,
// after the version source had shown the target: going on would be a fight.
func (b *Brain) putBack(l *live, inc *Incident, run *Run) string {
	ledger := &b.mem.service(inc.Service).Ledger
	if !run.moved() || !b.opts.Services[inc.Service].Deployment.HasSource || l.progress.run != run.ID || !l.progress.arrived || ledger.Running != run.From {
		return ""
	}
	return fmt.Sprintf("%s runs again, which the rollback had left: somebody else put it back (a GitOps controller, a deployment that was still going on)", run.From)
}
