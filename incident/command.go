package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// defaultBrake is how long a pause or lock lasts when nothing is said: it ends
// by itself, so that a forgotten one does not leave production unguarded.
const defaultBrake = 4 * time.Hour

// command carries out a person's verb, or refuses it and says why. A refusal
// that concerns an open incident is a line in its timeline.
func (b *Brain) command(now time.Time, c Command) []Effect {
	if c.Actor == "" {
		c.Actor = "unknown"
	}
	switch c.Verb {
	case "pause", "resume", "lock", "unlock":
		return b.brake(now, c)
	case "signal":
		return b.commandSignal(now, c)
	}
	name, inc, problem := b.object(c)
	if problem != "" {
		return refuse(c, "not_found", problem, "")
	}
	if _, ok := b.opts.Services[name]; !ok && (inc == nil || !worksWithoutConfiguration(c.Verb)) {
		return refuse(c, "not_found", b.notConfigured(name), "")
	}
	switch c.Verb {
	case "rollback":
		return b.commandRollback(now, c, name, inc)
	case "pardon":
		return b.commandPardon(now, c, name)
	case "rehearsed":
		return b.commandRehearsed(now, c, name)
	}
	if inc == nil {
		return refuse(c, "not_found", fmt.Sprintf("service %q has no open incident", name), "")
	}
	switch c.Verb {
	case "approve":
		return b.commandApprove(now, c, name, inc)
	case "veto":
		return b.commandVeto(now, c, inc)
	case "abort":
		return b.commandAbort(now, c, inc)
	case "ack":
		return b.word(now, c, inc, KindAcked, said{what: "acknowledged"})
	case "close":
		return b.commandClose(now, c, inc)
	}
	return refuse(c, "bad_request", fmt.Sprintf("unknown verb %q", c.Verb), "")
}

// worksWithoutConfiguration tells whether a verb is for an open incident of a
// service that a reload removed: a person can always stop it.
func worksWithoutConfiguration(verb string) bool {
	switch verb {
	case "abort", "veto", "ack", "close":
		return true
	default:
		return false
	}
}

// object finds what a command is about: an incident by its ID, or a service and
// its open incident.
func (b *Brain) object(c Command) (name string, inc *Incident, problem string) {
	if c.Service != "" {
		return b.named(c, c.Service)
	}
	if c.Incident == "" {
		return "", nil, "name a service or an incident"
	}
	for service, s := range b.mem.Services {
		if s.Open != nil && (s.Open.ID == c.Incident || service == c.Incident) {
			return service, s.Open, ""
		}
	}
	if found, ok := b.Incident(c.Incident); ok {
		return "", nil, fmt.Sprintf("incident %s is closed (%s)", found.ID, found.Outcome)
	}
	if _, ok := b.opts.Services[c.Incident]; ok {
		return b.named(c, c.Incident)
	}
	return "", nil, fmt.Sprintf("there is no incident %q", c.Incident)
}

// named is the open incident of a service, or that of its group which decides for
// it too. A rollback to a version of the member's own is about the member alone.
func (b *Brain) named(c Command, service string) (name string, inc *Incident, problem string) {
	own := b.mem.service(service).Open
	if lead := b.decidedFor(service); own == nil && lead != nil && c.aboutGroup() {
		return lead.Service, lead, ""
	}
	return service, own, ""
}

// aboutGroup tells whether a command on a member may be one on its group.
func (c Command) aboutGroup() bool {
	return c.Verb != "pardon" && c.Verb != "rehearsed" && c.To == "" && c.Rehearses == ""
}

func refuse(c Command, code, text string, guard Guard) []Effect {
	return []Effect{Reply{ID: c.ID, Code: code, Err: text, Guard: guard}}
}

// refused refuses a command on an open incident, for the record too.
func (b *Brain) refused(now time.Time, c Command, inc *Incident, text string, guard Guard) []Effect {
	e := b.incidentEntry(now, KindRefused, inc, c.Actor, fmt.Sprintf("%s refused: %s", c.Verb, text))
	e.Command = &CommandEntry{Verb: c.Verb, Reason: c.Reason, Guard: guard}
	return []Effect{Record{Entry: e}, Reply{ID: c.ID, Code: "refused", Err: text, Guard: guard, Incident: inc.ID}}
}

// said is a person's word as the timeline shows it, and what it sets aside.
type said struct {
	what      string
	overrides []Guard
	plan      string   // the hash of the plan that a yes is for
	step      *StepRef // the approval step that a yes is for
}

// word records a person's word on an incident and says yes.
func (b *Brain) word(now time.Time, c Command, inc *Incident, kind Kind, w said) []Effect {
	text := w.what + " by " + c.Actor
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	e := b.incidentEntry(now, kind, inc, c.Actor, text)
	e.Command = &CommandEntry{
		Verb: c.Verb, Reason: c.Reason, Overrides: w.overrides, Roles: c.Roles, PlanHash: w.plan, BreakGlass: c.BreakGlass, Step: w.step,
	}
	return []Effect{Record{Entry: e, Message: b.glassMessage(now, c, inc, e)}, Reply{ID: c.ID, Incident: inc.ID}}
}

// brake sets or lifts a pause or lock. Setting one stops a running rollback at
// the next step boundary.
func (b *Brain) brake(now time.Time, c Command) []Effect {
	name := c.Service
	if name == "" {
		name = c.Incident
	}
	if c.All {
		name = ""
	} else if _, ok := b.opts.Services[name]; !ok && !b.mem.open[name] {
		return refuse(c, "not_found", b.notConfigured(name), "")
	}
	on := c.Verb == "pause" || c.Verb == "lock"
	entry := &BrakeEntry{Kind: Pause, On: on, By: c.Actor, Why: c.Reason}
	if c.Verb == "lock" || c.Verb == "unlock" {
		entry.Kind = Lock
	}
	text := fmt.Sprintf("%s by %s", c.Verb, c.Actor)
	if on {
		length := c.For
		if length <= 0 {
			length = defaultBrake
		}
		entry.Until = now.Add(length)
		text += " until " + shortTime(entry.Until)
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	e := b.entry(now, KindBrake, name, c.Actor, text)
	e.Brake = entry
	effects := []Effect{Record{Entry: e}}
	if on {
		effects = append(effects, b.stopRuns(now, name, entry, text)...)
	}
	return append(effects, Reply{ID: c.ID})
}

// stopRuns records that running rollbacks end at their next step boundary.
func (b *Brain) stopRuns(now time.Time, only string, brake *BrakeEntry, text string) []Effect {
	guard := GuardPaused
	if brake.Kind == Lock {
		guard = GuardLocked
	}
	var names []string
	for name, s := range b.mem.Services {
		if (s.acting() || s.followingUp()) && (only == "" || name == only || slices.Contains(namesOf(s.Open.Members), only)) && s.Open.Rollback.Stopping == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var effects []Effect
	for _, name := range names {
		effects = append(effects, b.stopRun(now, b.mem.service(name).Open, "rollbackd", text, guard)...)
	}
	return effects
}

func (b *Brain) stopRun(now time.Time, inc *Incident, actor, reason string, guard Guard) []Effect {
	b.stops = append(b.stops, StoppingEntry{Run: inc.Rollback.ID, Reason: reason, By: guard})
	e := b.incidentEntry(now, KindStopping, inc, actor, "stopping at the next step boundary: "+reason)
	e.Stopping = &StoppingEntry{Run: inc.Rollback.ID, Reason: reason, By: guard}
	return []Effect{Record{Entry: e}, Stop{Run: inc.Rollback.ID}}
}

// commandRollback starts a rollback because a person asks for it: it is not
// confirmed, and it is charged to no automatic budget.
func (b *Brain) commandRollback(now time.Time, c Command, name string, inc *Incident) []Effect {
	s := b.mem.service(name)
	to := c.To
	if to == "" {
		if t, ok := b.target(name, now); ok {
			to = t.Version
		}
	}
	if e := b.cannotRehearse(now, c, name, inc); e != nil {
		return e
	}
	if inc != nil && inc.State == Verifying {
		return b.refused(now, c, inc, "a rollback of this service is being verified; abort it first", GuardConcurrency)
	}
	about := inc
	if about == nil {
		about = &Incident{Service: name, Rehearses: rehearsalOf(c)}
		if about.Rehearses == nil {
			about.Group, about.Members = b.changedTogether(name)
		}
	}
	request := planRequest{to: to, unseen: c.Unseen, by: c.Actor, askedBy: c.Actor, scope: c.Scope, plan: b.planFor(about, ""), decidedAt: now}
	if why := b.ambiguous(name, to); c.To == "" && why != "" && request.plan != nil && request.plan.leaves(c.Scope) {
		if inc != nil {
			return b.refused(now, c, inc, why, GuardNoTarget)
		}
		return refuse(c, "refused", why, GuardNoTarget)
	}
	if holds := b.holdsForPerson(now, about, s, request); len(holds) > 0 {
		d := Decision{}
		d.hold(holds)
		if inc != nil {
			return b.refused(now, c, inc, d.Reason, d.HeldBy)
		}
		return refuse(c, "refused", d.Reason, d.HeldBy)
	}
	var records []Effect
	if inc == nil {
		e := b.openedByPerson(now, c, name, s)
		records = append(records, Record{Entry: e})
		inc = Fold([]Entry{e})
	}
	decided := b.decidedByPerson(now, c, inc, to)
	request.effects = []Effect{Reply{ID: c.ID, Incident: inc.ID}}
	return append(append(records, Record{Entry: decided, Message: b.glassMessage(now, c, inc, decided)}), b.plan(now, name, inc.after(decided), request)...)
}

// openedByPerson opens an incident for a rollback that a person asked for.
func (b *Brain) openedByPerson(now time.Time, c Command, name string, s *serviceMemory) Entry {
	severity := c.Severity
	if severity == 0 {
		severity = trigger.High
	}
	e := b.entry(now, KindOpened, name, c.Actor, askedText(c))
	e.Incident = incidentID(s, name, now)
	e.Opened = &OpenedEntry{
		Severity: severity, Mode: b.mode(name), Triggers: []Evidence{}, OKBefore: b.okAt(b.live[name], now.Add(-b.opts.MaxGap)),
		Deployment: copyDeployment(b.deploymentOf(name)), Manual: true, ExternalID: c.ExternalID,
		Labels: maps.Clone(b.opts.Services[name].Labels),
	}
	if e.Opened.Rehearses = rehearsalOf(c); e.Opened.Rehearses == nil {
		e.Opened.Group, e.Opened.Members = b.changedTogether(name)
	}
	return e
}

// decidedByPerson is a person's decision to roll back, whatever was decided before.
func (b *Brain) decidedByPerson(now time.Time, c Command, inc *Incident, to string) Entry {
	e := b.incidentEntry(now, KindDecided, inc, c.Actor, askedText(c))
	e.Decided = &Decision{
		State: RollingBack, Response: evaluator.Response{Directness: evaluator.Rollback}, Reason: askedText(c), ByPerson: true,
		Severity: max(inc.Severity, c.Severity), Target: to, Overrides: guardsOf(inc.Decision.Holds), Scope: c.Scope,
	}
	return e
}

func askedText(c Command) string {
	text := "rollback asked for by " + c.Actor
	if c.Rehearses != "" {
		text = fmt.Sprintf("rehearsal of %s's plan asked for by %s", c.Rehearses, c.Actor)
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return text
}

// holdsForPerson are the guards that refuse even a person.
func (b *Brain) holdsForPerson(now time.Time, inc *Incident, s *serviceMemory, r planRequest) []Hold {
	name := inc.Service
	var holds []Hold
	for _, h := range b.brakeHolds(now, s) {
		if h.Guard == GuardLocked {
			holds = append(holds, h)
		}
	}
	if hold, bad := b.badTarget(name, r); bad {
		holds = append(holds, hold)
	}
	if _, missing := b.memberRuns(now, inc, r.to); missing != "" && r.plan != nil && r.plan.leaves(r.scope) {
		holds = append(holds, memberMissing(missing))
	}
	holds = append(holds, b.concurrencyHold(s)...)
	holds = append(holds, b.groupHolds(now, inc, true)...)
	if b.mode(name) == "shadow" {
		holds = append(holds, Hold{GuardShadow, "the service is in shadow mode: rollbackd never acts for it", `mode = "live"`})
	}
	return holds
}

// commandVeto holds an incident for this deployment until it recovers or gets worse.
func (b *Brain) commandVeto(now time.Time, c Command, inc *Incident) []Effect {
	switch inc.State {
	case RollingBack, Verifying:
		return b.refused(now, c, inc, "a rollback has begun: use abort", "")
	case Firing, CountingDown, AwaitingApproval, Held, Confirming, Closed:
	}
	effects := b.word(now, c, inc, KindVetoed, said{what: "vetoed"})
	return slices.Insert(effects, len(effects)-1, b.holdByPerson(now, inc, GuardVetoed, c)...)
}

// holdByPerson is the decision that follows from a person's no. It comes between
// the record of the word and the reply.
func (b *Brain) holdByPerson(now time.Time, inc *Incident, g Guard, c Command) []Effect {
	d, releases := inc.Decision, "approve, or close"
	if g == GuardVetoed {
		releases = "a newer deployment, it gets worse, or approve"
	}
	d.Severity, d.Deadline, d.ByPerson = inc.Severity, time.Time{}, false
	reason := fmt.Sprintf("%s by %s", g, c.Actor)
	if c.Reason != "" {
		reason += ": " + c.Reason
	}
	d.hold(append(b.brakeHolds(now, b.mem.service(inc.Service)), Hold{g, reason, releases}))
	return b.decided(now, inc, d)
}

// commandAbort stops a rollback at the next step boundary; where none has begun
// it holds the incident.
func (b *Brain) commandAbort(now time.Time, c Command, inc *Incident) []Effect {
	effects := b.word(now, c, inc, KindAborted, said{what: "abort asked for"})
	switch inc.State {
	case Held:
		if len(inc.Decision.stickyHolds()) == 0 {
			break // what holds it may let go by itself: then it would act
		}
		return b.refused(now, c, inc, fmt.Sprintf("no rollback runs, and nothing is asked or counted down: it is held (%s): "+
			"close ends the incident, veto keeps this deployment from being rolled back", inc.Decision.HeldBy), "")
	case RollingBack, Verifying:
		if inc.Rollback == nil || inc.Rollback.State.Ended() && inc.Rollback.Stopping == "" {
			return b.refused(now, c, inc, "it has not begun, and will not", "")
		}
		if inc.Rollback.State.Ended() || inc.Rollback.Stopping != "" {
			return b.refused(now, c, inc, "it is ending already: "+inc.Rollback.Stopping+inc.Rollback.Reason, "")
		}
		return slices.Insert(effects, len(effects)-1, b.stopRun(now, inc, c.Actor, abortedBy(c), GuardAborted)...)
	case Firing, CountingDown, AwaitingApproval, Confirming, Closed:
	}
	return slices.Insert(effects, len(effects)-1, b.holdByPerson(now, inc, GuardAborted, c)...)
}

// abortedBy is why a run ends that a person has aborted.
func abortedBy(c Command) string {
	if c.Reason == "" {
		return "aborted by " + c.Actor
	}
	return "aborted by " + c.Actor + ": " + c.Reason
}

// commandClose ends an incident by a person's word. The service's windows begin
// anew: what still breaches is judged afresh.
func (b *Brain) commandClose(now time.Time, c Command, inc *Incident) []Effect {
	switch inc.State {
	case RollingBack, Verifying:
		return b.refused(now, c, inc, "a rollback is under way: abort it first", GuardConcurrency)
	case Firing, CountingDown, AwaitingApproval, Held, Confirming, Closed:
	}
	outcome := FixedForward
	switch {
	case inc.changed():
		outcome = Unresolved
	case inc.VetoedBy != "":
		outcome = Vetoed
	}
	text := "by " + c.Actor
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	effects := b.closed(now, inc, outcome, text, true)
	record, _ := effects[0].(Record)
	record.Entry.Actor = c.Actor
	record.Entry.Closed.ByPerson = true
	return []Effect{record, Reply{ID: c.ID, Incident: inc.ID}}
}

func (b *Brain) commandPardon(now time.Time, c Command, name string) []Effect {
	if c.Version == "" {
		return refuse(c, "bad_request", "name the version to pardon", "")
	}
	l := &b.mem.service(name).Ledger
	if _, ok := l.Marks[c.Version]; !ok && l.current() != nil {
		return refuse(c, "not_found", fmt.Sprintf("version %q of %s is not known", c.Version, name), "")
	}
	e := b.entry(now, KindPardon, name, c.Actor, fmt.Sprintf("%s pardoned by %s", c.Version, c.Actor))
	if open := b.mem.service(name).Open; open != nil {
		e.Incident = open.ID
	}
	e.Pardon = &PardonEntry{Version: c.Version, Reason: c.Reason}
	return []Effect{Record{Entry: e}, Reply{ID: c.ID}}
}
