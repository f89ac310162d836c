package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// Monitor is a closer look at a service for a while after a verified rollback.
type Monitor struct {
	// For is how long, from the closing of the incident; zero is not at all.
	For time.Duration `json:"for,omitempty"`
	// When are conditions that must be true in that time. People are told once where
	// one is not; nothing is done about it.
	When []trigger.Expr `json:"when,omitempty"`
}

// aftercare is what is still watched after a rollback was verified and its
// incident closed: whether the service breaks again, for a day, and its plan's
// closer look.
type aftercare struct {
	Incident string `json:"incident"`
	// From is the end of the rollback's last changing step, Closed that of the incident.
	From   time.Time `json:"from"`
	Closed time.Time `json:"closed"`
	// Over counts the horizons that are over.
	Over int `json:"over"`
	// Triggers are those that verification looked at.
	Triggers []string `json:"triggers,omitempty"`
	// Monitored is true once the closer look is over, or people were told by it.
	Monitored bool `json:"monitored,omitempty"`
}

func (a *aftercare) shift(by time.Duration) {
	if a != nil {
		shift(by, &a.From, &a.Closed)
	}
}

// span is a horizon's name and end, counted from the end of the last changing step.
type span struct {
	name string
	end  time.Duration
}

// spans are the three horizons: the first 15 minutes, the rest of the first hour,
// the rest of the first day.
func spans() []span {
	return []span{{"immediate", 15 * time.Minute}, {"short", time.Hour}, {"long", 24 * time.Hour}}
}

// lastSpan is for how long a service is watched after a rollback.
func lastSpan() time.Duration {
	all := spans()
	return all[len(all)-1].end
}

// horizonMonitor is the name of the plan's own closer look among the horizons.
const horizonMonitor = "monitor"

// horizon is the one that runs now; false where all are over.
func (a *aftercare) horizon() (Horizon, bool) {
	all := spans()
	if a.Over >= len(all) {
		return Horizon{}, false
	}
	h := Horizon{Name: all[a.Over].name, From: a.From, Until: a.From.Add(all[a.Over].end)}
	if a.Over > 0 {
		h.From = a.From.Add(all[a.Over-1].end)
	}
	return h, true
}

// lookAfter begins to watch a service whose incident was closed as rolled back. After
// any other, what was watched before still is.
func (s *serviceMemory) lookAfter(inc *Incident) {
	run := inc.Rollback
	if s.After != nil && s.closed(s.After.Incident) == nil {
		s.After = nil // twenty incidents later nobody waits for it any more
	}
	if inc.Outcome != RolledBack || run == nil || run.State != RunCompleted || run.Rehearses != nil {
		return
	}
	s.After = &aftercare{
		Incident: inc.ID, From: inc.Verification.From, Closed: inc.ClosedAt, Triggers: slices.Clone(inc.Verification.Triggers),
	}
}

// closed is a closed incident that is still in memory; nil where it is not.
func (s *serviceMemory) closed(id string) *Incident {
	i := slices.IndexFunc(s.Closed, func(inc *Incident) bool { return inc.ID == id })
	if i < 0 {
		return nil
	}
	return s.Closed[i]
}

// aftermath is what was seen of the present horizon in this process. It is not
// journalled: what a restart forgets was not seen.
type aftermath struct {
	incident string
	over     int
	ok       int // ticks known ok
	// dim counts the ticks in a row at which a condition of the closer look was
	// known not to be true, and which says which; looked counts those that said something.
	dim, looked int
	which       string
}

// afterTick takes a grid tick into what is watched after a rollback.
func (b *Brain) afterTick(name string, l *live, at time.Time) {
	s := b.mem.service(name)
	if s.After == nil || s.Open != nil {
		return
	}
	inc := s.closed(s.After.Incident)
	if inc == nil {
		return
	}
	seen := &l.aftermath
	if seen.incident != inc.ID {
		*seen = aftermath{incident: inc.ID}
	}
	if seen.over != s.After.Over {
		seen.over, seen.ok = s.After.Over, 0
	}
	if truth, _ := b.allWell(l, s.After.Triggers, inc.Rollback, at); truth == trigger.OK {
		seen.ok++
	}
	if !s.After.Monitored {
		seen.look(l.watch, inc.Rollback.Plan.Monitor.When, at)
	}
}

// look asks the conditions of the closer look.
func (seen *aftermath) look(w *evaluator.Watch, when []trigger.Expr, at time.Time) {
	truth, which := trigger.OK, ""
	for _, e := range when {
		switch w.Evaluate(e, at).Truth {
		case trigger.Breach: // the wished condition is true
		case trigger.OK:
			truth, which = trigger.Breach, e.Text
		case trigger.NotKnown:
			if truth == trigger.OK {
				truth = trigger.NotKnown
			}
		}
	}
	switch truth {
	case trigger.Breach:
		seen.dim, seen.which = seen.dim+1, which
		seen.looked++
	case trigger.OK:
		seen.dim = 0
		seen.looked++
	case trigger.NotKnown: // says nothing
	}
}

// monitorTicks is how many ticks in a row a condition of the closer look must be
// known not to be true before people are told: one alone is noise.
const monitorTicks = 2

// afterRule is what is due for a service after a verified rollback, while no
// incident of it is open.
func (b *Brain) afterRule(now time.Time, name string, l *live, s *serviceMemory) []Effect {
	a := s.After
	if a == nil {
		return nil
	}
	inc := s.closed(a.Incident)
	h, more := a.horizon()
	if inc == nil || !more {
		return nil
	}
	if why := overtaken(s, inc); why != "" {
		h.State, h.Reason, h.Until = VerificationUnknown, why, now
		return b.horizonOver(now, inc, HorizonEntry{Horizon: h, Last: true})
	}
	if !now.Before(h.Until) { // first, or what fires after a gap would be of a day that is over
		return b.horizonOver(now, inc, HorizonEntry{Horizon: b.judged(h, l, a, inc), Last: a.Over+1 == len(spans())})
	}
	if fired := b.brokeAgain(name, l, a, inc); len(fired) > 0 && !b.quiet(now, name) {
		if !inc.Rollback.knowsWhatRuns() {
			// Whether the same still runs is not known: it is judged afresh, within once.
			h.State, h.Reason, h.Until = VerificationFailed, fired[0].Name+" fires again", now
			return b.horizonOver(now, inc, HorizonEntry{Horizon: h, Last: true})
		}
		return b.reopen(now, inc, s, h, fired)
	}
	return b.monitorRule(now, l, a, inc)
}

// quiet tells whether what breaks of a service is told elsewhere, or to nobody.
func (b *Brain) quiet(now time.Time, name string) bool {
	return b.decidedFor(name) != nil || len(b.suppressed(now, name)) > 0
}

// knowsWhatRuns tells whether a run has put a version there that is known by name.
func (run *Run) knowsWhatRuns() bool { return run.To != "" && run.Leaves }

// brokenAtItsEnd tells of an incident that is about to close as rolled back whether
// what it was verified by fires, as it may after a long follow-up; and whether it is
// opened again for that at once, by afterRule.
func (b *Brain) brokenAtItsEnd(now time.Time, inc *Incident) (broken, again bool) {
	l, run := b.live[inc.Service], inc.Rollback
	if l == nil || run == nil || run.State != RunCompleted || run.Rehearses != nil {
		return false, false
	}
	a := &aftercare{From: inc.Verification.From, Triggers: inc.Verification.Triggers}
	if len(b.brokeAgain(inc.Service, l, a, inc)) == 0 {
		return false, false
	}
	again = run.knowsWhatRuns() && now.Before(a.From.Add(lastSpan())) && !b.quiet(now, inc.Service) &&
		overtaken(b.mem.service(inc.Service), inc) == ""
	return true, again
}

// overtaken says what ended the watching: another version than the one gone back
// to. Empty while that one runs, or where versions are unknown.
func overtaken(s *serviceMemory, inc *Incident) string {
	d, running := s.Ledger.current(), s.Ledger.Running
	if d != nil && d.Shows != "" { // so far it is only reported
		d, running = s.Ledger.newest(d.Shows), d.Shows
	}
	if d == nil || inc.Rollback.To == "" || !inc.Rollback.Leaves || d.Own && d.Version == inc.Rollback.To {
		return ""
	}
	if running == inc.Rollback.To && d.Version == inc.Rollback.To {
		return ""
	}
	return fmt.Sprintf("%s runs now: what is seen from here on is its doing", running)
}

// brokeAgain are the triggers of the verification that fire, less those that were no
// part of the incident and of which people are only told.
func (b *Brain) brokeAgain(name string, l *live, a *aftercare, inc *Incident) []Evidence {
	tier := b.opts.Services[name].Tier
	return slices.DeleteFunc(b.firingNow(name, l), func(ev Evidence) bool {
		grave := inc.evidence(ev.Name) >= 0 || b.opts.Matrix.Respond(tier, ev.Severity).Directness > evaluator.Notify
		return !grave || !slices.Contains(a.Triggers, ev.Name)
	})
}

// judged is a horizon at its end: passed where at least half of its ticks were seen
// and known ok, the share that a window asks for too; else not known.
func (b *Brain) judged(h Horizon, l *live, a *aftercare, inc *Incident) Horizon {
	from := h.From
	if a.Over == 0 {
		from = from.Add(inc.Rollback.Plan.Verify.Settle) // before it nothing counts
		h.Samples = inc.Verification.Samples
	}
	if seen := l.aftermath; seen.incident == a.Incident && seen.over == a.Over {
		h.Samples += seen.ok
	}
	ticks := 0
	if b.opts.Poll > 0 {
		ticks = int(h.Until.Sub(from)/b.opts.Poll) + 1
	}
	h.State, h.Reason = VerificationPassed, fmt.Sprintf("known ok at %d of %d ticks, and nothing fired", h.Samples, ticks)
	switch {
	case b.opts.Poll > 0 && !h.Until.After(from):
		h.State, h.Reason = VerificationUnknown, fmt.Sprintf("the settle of %s took all of it", inc.Rollback.Plan.Verify.Settle)
	case h.Samples*2 < ticks:
		h.State, h.Reason = VerificationUnknown, fmt.Sprintf("nothing fired, but only %d of %d ticks were known ok", h.Samples, ticks)
	}
	return h
}

func (b *Brain) horizonOver(now time.Time, inc *Incident, over HorizonEntry) []Effect {
	h := over.Horizon
	what := h.Name + " horizon"
	if h.Name == horizonMonitor {
		what = "closer look"
	}
	e := b.incidentEntry(now, KindHorizon, inc, "rollbackd", fmt.Sprintf("%s until %s: %s: %s", what, clockTime(h.Until), h.State, h.Reason))
	e.Horizon = &over
	return []Effect{Record{Entry: e}}
}

// reopen opens the incident again, held for a person: that it breaks again on the
// version gone back to says that this version, or something else, is at fault, and a
// second rollback by itself would be a guess.
func (b *Brain) reopen(now time.Time, inc *Incident, s *serviceMemory, h Horizon, fired []Evidence) []Effect {
	text := fmt.Sprintf("it broke again %s after the rollback: %s", now.Sub(s.After.From).Round(time.Second), evidenceText(fired[0], b.deploymentOf(inc.Service)))
	h.State, h.Reason, h.Until = VerificationFailed, text, now
	d := Decision{
		Response: b.opts.Matrix.Respond(b.opts.Services[inc.Service].Tier, worst(fired)), Severity: max(inc.Severity, worst(fired)),
		Trigger: fired[0].Name, Scope: inc.Decision.Scope,
	}
	releases := "never by itself: roll back by hand, or close; it is closed once all is known ok for long enough"
	if t, ok := b.target(inc.Service, now); ok {
		d.Target = t.Version
		releases = fmt.Sprintf("never by itself: approve to roll back once more, to %s, roll back by hand, or close; it is closed once all is known ok for long enough", t.Version)
	}
	d.hold(append(b.brakeHolds(now, s), Hold{GuardVerification, text, releases}))
	e := b.incidentEntry(now, KindReopened, inc, "rollbackd", "reopened: "+text)
	e.Reopened = &ReopenedEntry{Severity: d.Severity, Triggers: fired, Horizon: h}
	e.Decided = &d
	e = b.sampled(e, inc)
	return []Effect{Record{Entry: e, Message: b.message(now, inc, e, FailedHead, "reopened")}}
}

// monitorRule ends the plan's closer look, or tells people once by it.
func (b *Brain) monitorRule(now time.Time, l *live, a *aftercare, inc *Incident) []Effect {
	m := inc.Rollback.Plan.Monitor
	if m.For <= 0 || a.Monitored {
		return nil
	}
	h := Horizon{Name: horizonMonitor, From: a.Closed, Until: a.Closed.Add(m.For)}
	seen := l.aftermath
	mine := seen.incident == inc.ID
	switch {
	case mine && seen.dim >= monitorTicks:
		h.State, h.Until, h.Samples = VerificationFailed, now, seen.looked
		h.Reason = "no longer true: " + seen.which
		over := b.horizonOver(now, inc, HorizonEntry{Horizon: h})
		record, _ := over[0].(Record)
		record.Message = b.message(now, inc, record.Entry, HeldHeadline, "monitor")
		return []Effect{record}
	case now.Before(h.Until):
		return nil
	}
	h.State, h.Reason = VerificationUnknown, "its conditions could not be seen"
	if mine && seen.looked > 0 {
		h.State, h.Samples, h.Reason = VerificationPassed, seen.looked, "its conditions were true, or not known for a moment only"
	}
	return b.horizonOver(now, inc, HorizonEntry{Horizon: h})
}

// dueOfAftercare are the moments at which something is over after a rollback.
func (s *serviceMemory) dueOfAftercare(consider func(time.Time)) {
	if s.After == nil {
		return
	}
	if h, more := s.After.horizon(); more {
		consider(h.Until)
	}
	if inc := s.closed(s.After.Incident); inc != nil && inc.Rollback.Plan.Monitor.For > 0 {
		consider(s.After.Closed.Add(inc.Rollback.Plan.Monitor.For))
	}
}

// applyAfter takes in an entry about a closed incident. One that memory has let go
// of is in the journal.
func (m *memory) applyAfter(e Entry) {
	s := m.keep(e.Service)
	inc := s.closed(e.Incident)
	if inc == nil {
		return
	}
	inc.fold(e)
	switch e.Kind {
	case KindHorizon:
		s.applyHorizon(e)
	case KindReopened:
		s.After = nil
		s.Closed = slices.DeleteFunc(slices.Clone(s.Closed), func(one *Incident) bool { return one == inc })
		s.Open = inc
		m.open[e.Service] = true
	default: // the incident alone
	}
}

func (s *serviceMemory) applyHorizon(e Entry) {
	switch a := s.After; {
	case a == nil || a.Incident != e.Incident:
	case e.Horizon.Last:
		s.After = nil
	case e.Horizon.Name == horizonMonitor:
		a.Monitored = true
	default:
		a.Over++
	}
}

// foldAfter takes in an entry about a closed incident.
func (inc *Incident) foldAfter(e Entry) {
	switch e.Kind {
	case KindHorizon:
		inc.foldHorizon(e.Horizon.Horizon)
	case KindReopened:
		inc.foldReopened(e)
	case KindImpact:
		impact := *e.Impact
		inc.Impact = &impact
	default: // the caller sends no other kind
	}
}

func (inc *Incident) foldHorizon(h Horizon) {
	inc.Verification.Horizons = append(slices.Clip(inc.Verification.Horizons), h)
}

// foldReopened takes in that it broke again, and what was decided about that.
func (inc *Incident) foldReopened(e Entry) {
	r := e.Reopened
	inc.foldHorizon(r.Horizon)
	inc.Outcome, inc.ClosedAt, inc.Impact = "", time.Time{}, nil // it goes on, and is measured at its end
	for _, ev := range r.Triggers {
		if i := inc.evidence(ev.Name); i >= 0 {
			inc.Triggers[i] = ev
		} else {
			inc.Triggers = append(inc.Triggers, ev)
		}
	}
	inc.foldDecided(e)
}

// looksClosely tells whether what was last said of the incident is that its plan's
// closer look found something.
func (inc *Incident) looksClosely() bool {
	n, m := len(inc.Verification.Horizons), len(inc.Timeline)
	if n == 0 || m == 0 || inc.Timeline[m-1].Kind != KindHorizon {
		return false
	}
	h := inc.Verification.Horizons[n-1]
	return h.Name == horizonMonitor && h.State == VerificationFailed
}

// brokenAgain tells whether the incident is open though its newest rollback was
// verified: what runs is the version gone back to.
func (inc *Incident) brokenAgain() bool {
	run := inc.Rollback
	return run != nil && run.State == RunCompleted && (inc.State == Held || inc.State == AwaitingApproval || inc.State == Confirming)
}

// Reopened tells whether the incident is open for another time: horizons are seen
// only of one that has closed.
func (inc *Incident) Reopened() bool {
	return inc.State != Closed && len(inc.Verification.Horizons) > 0
}

// LooksAfter tells whether a service is watched after a verified rollback: until that
// is over, each tick of it counts.
func (b *Brain) LooksAfter(service string) bool { return b.mem.service(service).After != nil }
