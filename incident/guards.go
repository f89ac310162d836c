package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// beforeDeployment tells whether a breach began before the deployment did, less
// the slack that clocks and scrapes need.
func beforeDeployment(ev Evidence, d *Deployment, o ServiceOptions) bool {
	return ev.Since.Before(d.StartedAt.Add(-o.Deployment.OnsetSlack))
}

// pastBlame tells whether a breach began after the deployment's blame window.
func pastBlame(ev Evidence, d *Deployment, o ServiceOptions) bool {
	return ev.Since.After(d.StartedAt.Add(o.Deployment.BlameWindow))
}

// deploymentsUnknown tells whether the service has no way of knowing its
// deployments: then neither no_deployment nor no_target applies, and at most one
// automatic rollback is the brake.
func deploymentsUnknown(s *serviceMemory, o ServiceOptions) bool {
	return !o.Deployment.HasSource && !o.Deployment.Required && s.Ledger.current() == nil
}

// triggerHolds are the guards that keep one trigger from justifying anything.
func (b *Brain) triggerHolds(ev Evidence, service string) []Hold {
	s, o := b.mem.service(service), b.opts.Services[service]
	var holds []Hold
	if b.opts.Guards.NeverOK && !s.SeenOK[seenKey(ev.Name, ev.When)] {
		holds = append(holds, Hold{
			GuardNeverOK, fmt.Sprintf("trigger %s was never seen ok since it was added, so it may be wrong", ev.Name),
			"never by itself; approve, or see the trigger ok once",
		})
	}
	if deploymentsUnknown(s, o) {
		return holds
	}
	if hold, only := b.onlyReported(service); only {
		return append(holds, hold)
	}
	return append(holds, deploymentHolds(ev, s.Ledger.current(), o)...)
}

// deploymentHolds are the reasons why no deployment explains a breach.
func deploymentHolds(ev Evidence, d *Deployment, o ServiceOptions) []Hold {
	noDeployment := func(why string) []Hold {
		return []Hold{{GuardNoDeployment, why, "a deployment is reported that began before the breach"}}
	}
	switch {
	case d == nil:
		return noDeployment("no deployment is known")
	case d.Own:
		return noDeployment(fmt.Sprintf("%s was put there by a rollback of ours, which is never blamed", d.Version))
	case d.unreported() != "" && (d.FirstLook || pastBlame(ev, d, o)):
		return noDeployment(d.unreported())
	case d.FirstLook:
		return noDeployment(fmt.Sprintf("no deployment is known: %s was running when rollbackd first looked", d.Version))
	case beforeDeployment(ev, d, o):
		return []Hold{{
			GuardBeforeDeployment,
			fmt.Sprintf("trigger %s breached since %s, before %s was deployed at %s", ev.Name, shortTime(ev.Since), d.Version, shortTime(d.StartedAt)),
			"a trigger fires whose breach began after the deployment",
		}}
	case pastBlame(ev, d, o):
		return noDeployment(fmt.Sprintf("%s was deployed at %s, longer than the blame window of %s before the breach",
			d.Version, shortTime(d.StartedAt), model.Duration(o.Deployment.BlameWindow)))
	}
	return nil
}

// serviceHolds are the guards that look at the service and the daemon. For a
// person only those apply that refuse even a person.
func (b *Brain) serviceHolds(now time.Time, name string, inc *Incident, s *serviceMemory) []Hold {
	o := b.opts.Services[name]
	holds := b.brakeHolds(now, s)
	if l := b.live[name]; l != nil && l.journalFailed {
		holds = append(holds, Hold{GuardJournal, "the journal could not be written while this was decided", "never by itself; approve"})
	}
	holds = append(holds, s.vetoHold(inc)...)
	holds = append(holds, s.stillFlapping(now, inc)...)
	holds = append(holds, b.correlation(name, inc).holds...)
	holds = append(holds, b.holdWhenHold(now)...)
	holds = append(holds, b.versionHolds(now, name)...)
	holds = append(holds, b.budgetHolds(now, s, o)...)
	holds = append(holds, b.concurrencyHold(s)...)
	holds = append(holds, b.windowHolds(now, name)...)
	if b.mode(name) == "shadow" {
		holds = append(holds, Hold{GuardShadow, "the service is in shadow mode: decide, record, tell, never act", `mode = "live"`})
	}
	return holds
}

// brakeHolds are the pauses and locks in force.
func (b *Brain) brakeHolds(now time.Time, s *serviceMemory) []Hold {
	var holds []Hold
	add := func(brake *BrakeEntry, guard Guard, what string) {
		if !brake.inForce(now) {
			return
		}
		why := fmt.Sprintf("%s by %s until %s", what, brake.By, shortTime(brake.Until))
		if brake.Why != "" {
			why += ": " + brake.Why
		}
		holds = append(holds, Hold{guard, why, "it ends at " + shortTime(brake.Until) + ", or is lifted before"})
	}
	add(b.mem.LockAll, GuardLocked, "everything is locked")
	add(s.Lock, GuardLocked, "locked")
	add(b.mem.PauseAll, GuardPaused, "everything is paused")
	add(s.Pause, GuardPaused, "paused")
	return holds
}

// inForce tells whether a brake is set and has not ended by itself.
func (e *BrakeEntry) inForce(now time.Time) bool { return e != nil && e.On && now.Before(e.Until) }

// onset is the beginning of the incident: the earliest onset among its triggers
// that have not cleared, else its opening.
func onset(inc *Incident) time.Time {
	var first time.Time
	for _, ev := range inc.Triggers {
		if ev.ClearedAt.IsZero() && !ev.Since.IsZero() && (first.IsZero() || ev.Since.Before(first)) {
			first = ev.Since
		}
	}
	if first.IsZero() {
		return inc.OpenedAt
	}
	return first
}

// versionHolds are the guards about where from and where to.
func (b *Brain) versionHolds(now time.Time, name string) []Hold {
	var holds []Hold
	s, o := b.mem.service(name), b.opts.Services[name]
	l := &s.Ledger
	if running := b.running(name); l.quarantined(running) {
		holds = append(holds, Hold{GuardQuarantined, l.stillQuarantined(running), "never by itself; pardon it, or deploy another version"})
	}
	if run, ok := s.onceUsed(); ok {
		why := fmt.Sprintf("this deployment was already rolled back automatically at %s", shortTime(run.At))
		if d := l.current(); d != nil && d.unreported() != "" {
			why += "; " + d.unreported()
		}
		holds = append(holds, Hold{GuardOnce, why, "a newer deployment; where deployments are unknown, a pardon"})
	}
	if deploymentsUnknown(s, o) {
		return holds
	}
	if t, ok := b.target(name, now); !ok {
		holds = append(holds, Hold{GuardNoTarget, "there is no version to go back to: " + t.Why, "never by itself; roll back with --to (a version that is not known here needs --unseen too)"})
	}
	return holds
}

// onceUsed finds the automatic rollback that the present deployment has had.
func (s *serviceMemory) onceUsed() (autoRun, bool) {
	id := ""
	if d := s.Ledger.current(); d != nil {
		id = d.id()
	}
	for _, run := range s.AutoRuns {
		if run.Deployment == id && !run.Pardoned {
			return run, true
		}
	}
	return autoRun{}, false
}

// automatic counts automatic rollbacks.
func automatic(n int) string {
	if n == 1 {
		return "1 automatic rollback"
	}
	return fmt.Sprintf("%d automatic rollbacks", n)
}

// budgetHolds are the cooldown and the budgets of automatic rollbacks.
func (b *Brain) budgetHolds(now time.Time, s *serviceMemory, o ServiceOptions) []Hold {
	var holds []Hold
	holds = append(holds, s.cooldownHold(now, o)...)
	g := b.opts.Guards
	if n, oldest := s.autoRunsSince(now.Add(-g.PerServiceWithin), true); g.PerServiceCount > 0 && n >= g.PerServiceCount {
		holds = append(holds, Hold{
			GuardBudget, fmt.Sprintf("%s of the service within %s, and the budget is %d", automatic(n), model.Duration(g.PerServiceWithin), g.PerServiceCount),
			"there is room again at " + shortTime(oldest.Add(g.PerServiceWithin)),
		})
	}
	if n, oldest := b.allAutoRunsSince(now.Add(-time.Hour)); g.MaxPerHour > 0 && n >= g.MaxPerHour {
		holds = append(holds, Hold{
			GuardBudget, fmt.Sprintf("%s within an hour over all services, and the budget is %d", automatic(n), g.MaxPerHour),
			"there is room again at " + shortTime(oldest.Add(time.Hour)),
		})
	}
	return holds
}

// cooldownHold holds the deployment that a rollback was about for a while.
func (s *serviceMemory) cooldownHold(now time.Time, o ServiceOptions) []Hold {
	until := s.cooldownUntil(o)
	if !now.Before(until) {
		return nil
	}
	return []Hold{{
		GuardCooldown, fmt.Sprintf("the last step of the last rollback ended at %s, and the cooldown is %s", shortTime(s.LastStepEnd), model.Duration(o.Cooldown)),
		"it ends at " + shortTime(until),
	}}
}

// vetoHold holds a deployment that a person said no to, until it gets worse.
func (s *serviceMemory) vetoHold(inc *Incident) []Hold {
	v := s.Veto
	if v == nil || v.Deployment != s.deploymentID() || inc.Severity > v.Severity || inc.VetoedBy != "" {
		return nil
	}
	return []Hold{{
		GuardVetoed, fmt.Sprintf("%s vetoed rolling back this deployment at %s", v.By, shortTime(v.At)), "a newer deployment, it gets worse, or approve",
	}}
}

// cooldownUntil is the end of the cooldown; zero when none runs. It applies to
// the same deployment: a newer one is judged at once.
func (s *serviceMemory) cooldownUntil(o ServiceOptions) time.Time {
	if s.LastStepEnd.IsZero() {
		return time.Time{}
	}
	if d := s.Ledger.current(); d != nil && !d.Own && d.NotedAt.After(s.LastStepEnd) {
		return time.Time{}
	}
	return s.LastStepEnd.Add(o.Cooldown)
}

// autoRunsSince counts the automatic rollbacks since a time. One that is planned
// counts from its planning, though it is charged only at its first changing step.
// Those that were a part of another service's run count only with shared.
func (s *serviceMemory) autoRunsSince(since time.Time, shared bool) (n int, oldest time.Time) {
	count := func(at time.Time) {
		if at.After(since) {
			if n == 0 {
				oldest = at
			}
			n++
		}
	}
	for _, run := range s.AutoRuns {
		if shared || !run.Shared {
			count(run.At)
		}
	}
	if s.acting() && s.Open.Rollback.Automatic && !s.Open.Rollback.charged {
		count(s.Open.Rollback.StartedAt)
	}
	return n, oldest
}

func (b *Brain) allAutoRunsSince(since time.Time) (n int, oldest time.Time) {
	for _, s := range b.mem.Services {
		m, first := s.autoRunsSince(since, false)
		n += m
		if m > 0 && (oldest.IsZero() || first.Before(oldest)) {
			oldest = first
		}
	}
	return n, oldest
}

// concurrencyHold holds while as many rollbacks run as may. One that only
// verifies changes nothing any more and does not count.
func (b *Brain) concurrencyHold(own *serviceMemory) []Hold {
	if own.acting() {
		return []Hold{{GuardConcurrency, "a rollback of this service is running", "it ends"}}
	}
	limit := b.opts.Guards.MaxConcurrent
	var running []string
	for name, s := range b.mem.Services {
		if s.acting() {
			running = append(running, name)
		}
	}
	if limit <= 0 || len(running) < limit {
		return nil
	}
	slices.Sort(running)
	return []Hold{{
		GuardConcurrency, fmt.Sprintf("%d rollbacks are running (%s), and max_concurrent is %d", len(running), listed(running), limit),
		"one of them ends",
	}}
}

// acting tells whether a rollback of the service is changing things.
func (s *serviceMemory) acting() bool {
	return s.Open != nil && s.Open.State == RollingBack && s.Open.Rollback != nil && !s.Open.Rollback.State.Ended()
}
