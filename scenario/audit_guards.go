package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// budget is what [guards] allowed when a run was planned.
type budget struct {
	count   int // per service within
	within  time.Duration
	perHour int
}

// autoStart is an automatic rollback that began to change something.
type autoStart struct {
	at         time.Duration
	deployment string
	// pardoned lifts that it was one; shared is true where another service's run
	// took this one along: the daemon's budget is charged once.
	pardoned, shared bool
}

// charge takes in that an automatic run begins to change something, and holds it
// to once a deployment and to the budgets.
func (a *auditor) charge(r *auditedRun) {
	for i, name := range r.services() {
		s := a.service(name)
		if slices.ContainsFunc(s.autos, func(old autoStart) bool { return old.deployment == r.deployments[name] && !old.pardoned }) {
			a.report(2, "a second automatic rollback of %s for the same deployment (%s)", name, r.deployments[name])
		}
		if i == 0 {
			a.checkBudgets(r, s)
		}
		s.autos = append(s.autos, autoStart{at: a.now, deployment: r.deployments[name], shared: i > 0})
	}
}

func (a *auditor) checkBudgets(r *auditedRun, s *audited) {
	own, all := 0, 0
	for _, old := range s.autos {
		if a.now-old.at < r.budget.within {
			own++
		}
	}
	for _, other := range a.services {
		for _, old := range other.autos {
			if a.now-old.at < time.Hour && !old.shared {
				all++
			}
		}
	}
	if r.budget.count > 0 && own >= r.budget.count {
		a.report(3, "%d automatic rollbacks of %s within %s before this one, and the budget is %d", own, r.service, r.budget.within, r.budget.count)
	}
	if r.budget.perHour > 0 && all >= r.budget.perHour {
		a.report(3, "%d automatic rollbacks within an hour before that of %s, and the budget is %d", all, r.service, r.budget.perHour)
	}
}

// checkConcurrent holds a run that is planned to one at a time for each service,
// and to as many at a time as [guards] allows.
func (a *auditor) checkConcurrent(r *auditedRun) {
	changing := 0
	for _, other := range a.runs {
		if !other.ended && other.touchesAny(r.services()) {
			a.report(2, "a rollback of %s is planned while %s is under way, and both touch a service", r.service, other.id)
		}
		if other.acting {
			changing++
		}
	}
	if most := a.options.Guards.MaxConcurrent; most > 0 && changing >= most {
		a.report(3, "a rollback of %s is planned while %d are changing things, and max_concurrent is %d", r.service, changing, most)
	}
}

// cool begins the cooldown of every service that a run touches.
func (a *auditor) cool(r *auditedRun) {
	for _, name := range r.services() {
		s := a.service(name)
		s.lastEnd, s.endOf, s.hasEnd = a.now, r.counts[name], true
	}
}

// checkCooldown holds an automatic run to the cooldown: from the last step's end,
// for the same deployment.
func (a *auditor) checkCooldown(r *auditedRun) {
	for _, name := range r.services() {
		s, cooldown := a.service(name), a.options.Services[name].Cooldown
		if s.hasEnd && s.endOf == s.versions.count && a.now-s.lastEnd < cooldown {
			a.report(3, "%s is rolled back automatically %s after the last step of the last rollback, and the cooldown is %s",
				name, a.now-s.lastEnd, cooldown)
		}
	}
}

// stopWithin is how long after a stop a step may still begin.
const stopWithin = time.Second

// brake is a pause or a lock as somebody was told that it is set.
type brake struct {
	set          bool
	since, until time.Duration
}

// defaultBrake is how long a pause or a lock lasts where nothing is said.
const defaultBrake = 4 * time.Hour

// inForce tells whether a brake is set, for long enough that all must heed it.
func (b brake) inForce(now time.Duration) bool {
	return b.set && now-b.since > stopWithin && now < b.until
}

// reply takes in the answer to the command that was asked.
func (a *auditor) reply(answer incident.Reply) {
	c := a.asked
	if a.asked = nil; c == nil || answer.Err != "" || answer.ID != c.ID {
		return
	}
	switch c.Verb {
	case "pause", "lock":
		length := c.For
		if length <= 0 {
			length = defaultBrake
		}
		a.setBrake(c, brake{set: true, since: a.now, until: a.now + length})
		a.stopRuns(c)
	case "resume", "unlock":
		a.setBrake(c, brake{})
	case "abort", "veto":
		a.haltIncident(answer.Incident, c.Verb)
	case "rehearsed":
		a.rehearsed(c)
	}
}

// braked is the service that a pause or a lock is for; empty for all.
func braked(c *incident.Command) string {
	switch {
	case c.All:
		return ""
	case c.Service != "":
		return c.Service
	}
	return c.Incident
}

func (a *auditor) setBrake(c *incident.Command, b brake) {
	*a.brakeOf(braked(c), c.Verb == "lock" || c.Verb == "unlock") = b
}

// brakeOf is the lock or the pause of a service, or of everything.
func (a *auditor) brakeOf(name string, lock bool) *brake {
	switch {
	case name == "" && lock:
		return &a.lockAll
	case name == "":
		return &a.pauseAll
	case lock:
		return &a.service(name).lock
	}
	return &a.service(name).pause
}

// brakeEntry takes in a pause or a lock that is durable, though whoever asked may
// have had no answer: the daemon died in between.
func (a *auditor) brakeEntry(e incident.Entry) {
	b := brake{set: e.Brake.On, since: a.now, until: a.now + e.Brake.Until.Sub(e.At)}
	*a.brakeOf(e.Service, e.Brake.Kind == incident.Lock) = b
}

// stopRuns notes that a pause or a lock stops the runs it is for.
func (a *auditor) stopRuns(c *incident.Command) {
	name := braked(c)
	for _, r := range a.runs {
		if r.acting && !r.stops && (name == "" || r.touchesAny([]string{name})) {
			r.stops, r.stopped = true, a.now
		}
	}
}

// haltIncident notes that a person said no.
func (a *auditor) haltIncident(id, verb string) {
	i := a.incidents[id]
	if i == nil {
		return
	}
	i.halted = "a person's " + verb
	for _, r := range a.runs {
		if r.incident == id && r.acting && !r.stops && verb == "abort" {
			r.stops, r.stopped = true, a.now
		}
	}
}

// checkHalted holds a run that is planned to what a person, the configuration or
// an earlier failure forbids.
func (a *auditor) checkHalted(r *auditedRun) {
	i := a.incidents[r.incident]
	if i != nil && i.halted != "" && r.automatic {
		a.report(11, "%s is rolled back automatically after %s", r.service, i.halted)
	}
	brakes := []struct {
		brake
		what string
	}{{a.lockAll, "a lock on everything"}, {a.pauseAll, "a pause of everything"}}
	for _, name := range r.services() {
		s := a.service(name)
		brakes = append(brakes, struct {
			brake
			what string
		}{s.lock, "a lock on " + name}, struct {
			brake
			what string
		}{s.pause, "a pause of " + name})
		if a.options.Shadow || a.options.Services[name].Shadow {
			a.report(0, "a rollback of %s is planned, and it is in shadow mode", name)
		}
	}
	for n, b := range brakes {
		lock := n%2 == 0
		if b.inForce(a.now) && (lock || r.automatic) {
			a.report(11, "a rollback of %s is planned under %s", r.service, b.what)
		}
	}
}

// heldFor says why an incident whose rollback ended does not act by itself again;
// empty where it may: nothing was changed, and what stopped it lets go by itself.
func heldFor(end incident.RunEndedEntry) string {
	if end.State == incident.RunPartial || end.State == incident.RunBlocked {
		return fmt.Sprintf("a rollback that ended %s", end.State)
	}
	return ""
}
