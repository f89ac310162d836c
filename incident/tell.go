package incident

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// maxFirstLine is how long a message's first line may be (CONTRACT.md section 6).
const maxFirstLine = 120

// decisionMessage tells people of a decision. A decision to confirm is silent:
// what comes of it is told a moment later.
func (b *Brain) decisionMessage(now time.Time, inc *Incident, d Decision, e Entry) *Message {
	if d.Untold {
		return nil
	}
	flaps := d.HeldBy == GuardFlapping && inc.Decision.HeldBy != GuardFlapping
	if !flaps && inc.State == d.State && !inc.decidedAt.IsZero() && d.Severity <= inc.Decision.Severity && !inc.Decision.Untold {
		return nil // nothing that people do not know; the timeline says what changed
	}
	switch d.State {
	case Confirming, RollingBack, Verifying, Closed:
		return nil
	case CountingDown:
		return b.message(now, inc, e, Acting, "countdown")
	case AwaitingApproval:
		return b.message(now, inc, e, WaitingForYou, "approval_needed")
	case Held:
		if _, failed := d.failed(); failed {
			return b.message(now, inc, e, FailedHead, "failed")
		}
		return b.message(now, inc, e, HeldHeadline, "held")
	case Firing:
		return b.message(now, inc, e, HeldHeadline, "notify")
	}
	return nil
}

// escalateMessage tells people at once that a step did not end well which has
// on_failure = "escalate", or which must happen finally: maintenance may still be
// on. Nil for every other end.
func (b *Brain) escalateMessage(now time.Time, inc *Incident, step *StepRun, r StepResult, e Entry) *Message {
	matters := step.Section == SectionFinally || step.Section == SectionFollowUp || inc.Rollback.spec(step).OnFailure == "escalate"
	if r.State == StepDone || r.State == StepSkipped || !matters {
		return nil
	}
	if run := inc.after(e).Rollback; run.mayRetry(run.step(e.Step.Ref)) {
		return nil // it is tried once more
	}
	m := b.message(now, inc, e, FailedHead, "step_failed")
	if step.Section == SectionFollowUp && inc.Rollback.spec(step).OnFailure != "escalate" {
		return m // the service is well: nobody else is woken
	}
	m.Level = min(inc.EscalationLevel+1, max(0, len(b.opts.Decide.EscalateAfter)-1))
	return m
}

// message makes what people are told at a transition. It describes the incident
// as it is once the entry is applied.
func (b *Brain) message(now time.Time, inc *Incident, e Entry, h Headline, event string) *Message {
	after := inc.after(e)
	m := &Message{
		ID: fmt.Sprintf("%s/%s/%d", inc.ID, event, after.moments), At: now, Headline: h, Service: inc.Service,
		Incident: inc.ID, Severity: after.Severity, Event: event, Receivers: b.receivers(after),
	}
	if !after.waitsForPerson() {
		m.Level = after.reached // who was told that it waits is told what came of it
	}
	m.FirstLine = firstLine(h, after)
	m.Text = b.text(m.FirstLine, after, e)
	m.Body = after.document()
	return m
}

// after is a copy of the incident with one more entry folded in.
func (inc *Incident) after(e Entry) *Incident {
	c := *inc
	c.Triggers = append([]Evidence{}, inc.Triggers...)
	c.Timeline = append([]Moment{}, inc.Timeline...)
	if inc.Rollback != nil {
		run := *inc.Rollback
		run.Steps = append([]StepRun{}, inc.Rollback.Steps...)
		c.Rollback = &run
	}
	c.fold(e)
	return &c
}

// receivers are those that the triggers and the service name; none named means all.
func (b *Brain) receivers(inc *Incident) []string {
	seen := map[string]bool{}
	var names []string
	for _, ev := range inc.Triggers {
		list := ev.Receivers
		if len(list) == 0 {
			list = b.opts.Services[inc.Service].Receivers
		}
		if len(list) == 0 {
			return nil // one trigger without receivers tells everybody
		}
		for _, name := range list {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	if len(inc.Triggers) == 0 {
		return b.opts.Services[inc.Service].Receivers
	}
	return names
}

// firstLine is the line that is read on a phone: headline, service, from → to,
// deadline with zone, mode. Where it would be too long the versions are cut: they may
// be digests, and what comes after them says what to do until when.
func firstLine(h Headline, inc *Incident) string {
	end := " " + strings.ToUpper(inc.Mode)
	if of := inc.Rehearses; of != nil {
		end = " (rehearsal for " + of.Service + ")" + end
	}
	room := maxFirstLine - len([]rune(end))
	from, to := versions(inc)
	line := firstWords(h, inc, from, to)
	if over := len(line) - room; over > 0 {
		each := (len([]rune(from)) + len([]rune(to)) - over) / 2
		line = firstWords(h, inc, shortVersion(from, each), shortVersion(to, each))
	}
	if len(line) > room {
		line = append(line[:max(0, room-1)], '…')
	}
	return string(line) + end
}

func firstWords(h Headline, inc *Incident, from, to string) []rune {
	parts := []string{string(h), inc.Service}
	if from != "" || to != "" {
		parts = append(parts, fromTo(from, to))
	}
	if d := deadline(inc); !d.IsZero() {
		parts = append(parts, "by "+d.UTC().Format("15:04:05 MST"))
	}
	why := heldWord(inc)
	if run := inc.Rollback; h == RecoveredHead && inc.State == Closed && inc.Outcome == Unresolved && run != nil && run.State != RunCompleted {
		why = "rollback " + string(run.State) // the service is well, and this is what is left to look at
	}
	if why != "" {
		parts = append(parts, "("+why+")")
	}
	return []rune(strings.Join(parts, " "))
}

// shortestVersion is how much of a version is shown in any case.
const shortestVersion = 12

func shortVersion(v string, room int) string {
	room = max(room, shortestVersion)
	if short := []rune(v); len(short) > room {
		return string(short[:room-1]) + "…"
	}
	return v
}

// heldWord is the word for why an incident is held, or how it was closed: after
// a rollback its exit state, else the guard.
func heldWord(inc *Incident) string {
	switch {
	case inc.State == Closed && inc.looksClosely():
		return "closer look" // it is not closed just now
	case inc.State == Closed:
		return string(inc.Outcome)
	case inc.State != Held:
		return ""
	case inc.Rollback == nil || !inc.Rollback.State.Ended() || inc.Rollback.State == RunCompleted || inc.Decision.HeldBy == GuardVetoed:
		return string(inc.Decision.HeldBy)
	}
	if _, failed := inc.Decision.failed(); failed || inc.Decision.HeldBy.sticky() {
		return string(inc.Rollback.State)
	}
	return string(inc.Decision.HeldBy)
}

func versions(inc *Incident) (from, to string) {
	if inc.State == Closed && (inc.Outcome == FixedForward || !inc.changed()) {
		return "", "" // it went forward, or nothing went anywhere
	}
	if inc.brokenAgain() {
		return inc.Rollback.To, inc.Decision.Target
	}
	if inc.Rollback != nil {
		return inc.Rollback.From, inc.Rollback.To
	}
	if inc.Deployment != nil {
		from = inc.Deployment.Version
	}
	return from, inc.Decision.Target
}

// deadline is the time that a reader must know of; zero when there is none.
func deadline(inc *Incident) time.Time {
	switch inc.State {
	case CountingDown, AwaitingApproval:
		return inc.Decision.Deadline
	case RollingBack, Verifying:
		if step := inc.approvalWaited(); step != nil {
			return step.StartedAt.Add(inc.Rollback.spec(step).Timeout)
		}
		if r := inc.Rollback; r != nil && r.SLASeconds > 0 && r.VerifiedAt.IsZero() {
			return r.DecidedAt.Add(time.Duration(r.SLASeconds * float64(time.Second)))
		}
	case Firing, Held, Confirming, Closed:
	}
	return time.Time{}
}

// text is the whole message: evidence, what happens next, one command, the page.
func (b *Brain) text(first string, inc *Incident, e Entry) string {
	lines := []string{first}
	for _, ev := range inc.Triggers {
		if ev.ClearedAt.IsZero() {
			lines = append(lines, evidenceText(ev, inc.Deployment))
		}
	}
	lines = append(lines, e.Text)
	if needs := inc.needs(); len(needs) > 0 {
		lines = append(lines, "Still needed: "+needsText(needs)+".")
	}
	lines = append(lines, nextText(inc))
	// What people and programs say may have line ends: a line of theirs must not
	// look like a command of ours, to be copied.
	for i, line := range lines {
		lines[i] = strings.Join(strings.FieldsFunc(line, lineEnd), " ")
	}
	command := commandFor(inc)
	if b.refusesYes(e.At, inc) {
		command = showCommand(inc)
	}
	if command != "" {
		lines = append(lines, command)
	}
	if b.opts.ExternalURL != "" {
		page := strings.TrimSuffix(b.opts.ExternalURL, "/")
		lines = append(lines, page+"/incidents/"+inc.ID)
		if inc.State == Closed {
			lines = append(lines, "Report: "+page+"/api/v1/incidents/"+inc.ID+"/report?format=html")
		}
	}
	return strings.Join(lines, "\n")
}

func lineEnd(r rune) bool { return strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r) }

// needsText lists the approvals that are missing: "1 of ops-lead, 2 of any".
func needsText(needs []Need) string {
	var parts []string
	for _, n := range needs {
		parts = append(parts, fmt.Sprintf("%d of %s", n.Count, n.Role))
	}
	return "approvals, " + strings.Join(parts, ", ")
}

// nextText says what happens if the reader does nothing.
func nextText(inc *Incident) string {
	if inc.glassBroken() {
		return "If you do nothing: the triggers are read once more, and then it is rolled back."
	}
	switch inc.State {
	case CountingDown:
		return "If you do nothing: it is rolled back at " + shortTime(inc.Decision.Deadline) + "."
	case AwaitingApproval:
		if inc.Decision.Silence {
			return "If you do nothing: it is rolled back at " + shortTime(inc.Decision.Deadline) + ", because [decide] on_deadline says so."
		}
		return "If you do nothing: nothing is changed, and you are reminded."
	case Held:
		if inc.changed() {
			return "If you do nothing: nothing more is changed. It is released when: " + inc.Decision.ReleasesWhen + "."
		}
		return "If you do nothing: nothing is changed. It is released when: " + inc.Decision.ReleasesWhen + "."
	case RollingBack:
		if step := inc.approvalWaited(); step != nil {
			return fmt.Sprintf("If you do nothing: the rollback stops here at %s.", shortTime(step.StartedAt.Add(inc.Rollback.spec(step).Timeout)))
		}
		return "If you do nothing: the rollback goes on and is verified."
	case Verifying:
		if inc.Rollback != nil && !inc.Rollback.VerifiedAt.IsZero() {
			return "If you do nothing: the follow-up step that runs comes to its end, and where a trigger fires by then no other begins."
		}
		return "If you do nothing: verification goes on."
	case Firing, Confirming:
		return "If you do nothing: rollbackd goes on watching and tells you when that changes."
	case Closed:
		return closedText(inc)
	}
	return ""
}

// closedText says what is left to do once an incident is closed.
func closedText(inc *Incident) string {
	undone := ""
	if steps := inc.Rollback.undone(); inc.Outcome == RolledBack && len(steps) > 0 {
		undone = "Of what follows up, this was not done: " + listed(steps) + ". See whether it is still needed."
	}
	well := inc.Outcome == RolledBack || inc.Outcome == Recovered
	switch {
	case inc.wellInPart():
		return "If you do nothing: what the rollback left in part stays as it is. rollbackd goes on watching."
	case !well || inc.brokeSince():
		goesOn := "If you do nothing: rollbackd goes on watching, and what breaches from now on opens a new incident."
		return strings.TrimSpace(undone + " " + goesOn)
	case undone != "":
		return undone
	}
	return "There is nothing to do."
}

// wellInPart tells whether an incident was closed because its service is well,
// after a rollback that was not finished: one that stood down for a newer
// deployment, or that a person closed, ended as the incident did.
func (inc *Incident) wellInPart() bool {
	run := inc.Rollback
	if inc.Outcome != Unresolved || run == nil || run.State == RunCompleted || len(inc.Timeline) == 0 {
		return false
	}
	last := inc.Timeline[len(inc.Timeline)-1]
	return inc.ClosedAt.After(run.EndedAt) && last.Kind == KindClosed && last.Actor == "rollbackd"
}

func commandFor(inc *Incident) string {
	if inc.glassBroken() {
		return fmt.Sprintf("rollbackd abort %s --reason '…'", inc.ID)
	}
	switch inc.State {
	case CountingDown:
		return fmt.Sprintf("rollbackd veto %s --reason '…'", inc.ID)
	case AwaitingApproval, Held:
		if inc.inVain() {
			return showCommand(inc)
		}
		return fmt.Sprintf("rollbackd approve %s --reason '…'", inc.ID)
	case RollingBack:
		if inc.approvalWaited() != nil {
			return fmt.Sprintf("rollbackd approve %s --reason '…'", inc.ID)
		}
		return fmt.Sprintf("rollbackd abort %s --reason '…'", inc.ID)
	case Firing, Confirming, Verifying, Closed:
		return showCommand(inc)
	}
	return ""
}

func showCommand(inc *Incident) string { return "rollbackd show " + inc.ID }

// refusesYes tells whether a yes to what is held or asked would be refused now: after
// a rollback that did not help there is often nothing further to go back to.
func (b *Brain) refusesYes(now time.Time, inc *Incident) bool {
	if inc.State != Held && inc.State != AwaitingApproval {
		return false
	}
	p, target := b.planNow(now, inc.Service, inc)
	return len(b.holdsForPerson(now, inc, b.mem.service(inc.Service), planRequest{to: target, plan: p, scope: inc.Decision.Scope})) > 0
}

// inVain tells whether a yes would be refused as things stand: a command that does
// nothing is none to copy.
func (inc *Incident) inVain() bool {
	g := inc.Decision.HeldBy
	return inc.Mode == "shadow" || g != "" && g.forAPerson() || (g == GuardNoDeployment || inc.brokenAgain()) && inc.Decision.Target == ""
}

// evidenceText is one trigger in a sentence: "errors 8.1% > 1% since 03:02, 4m
// after v2 by alice".
func evidenceText(ev Evidence, d *Deployment) string {
	text := ev.Name
	if ev.HasValue && ev.Threshold != "" {
		text += " " + ev.ValueText + " " + ev.Threshold
	} else {
		text += " (" + ev.When + ")"
		if ev.SaidBy != "" {
			text += ", said by " + ev.SaidBy
		}
	}
	if ev.Since.IsZero() {
		return text
	}
	text += " since " + shortTime(ev.Since)
	if d == nil || d.FirstLook || ev.Since.Before(d.runsSince()) {
		return text
	}
	text += fmt.Sprintf(", %s after %s", model.Duration(ev.Since.Sub(d.runsSince()).Round(time.Second)), d.Version)
	if d.runsAgain() != "" {
		return text + " came back"
	}
	if d.By != "" {
		text += " by " + d.By
	}
	return text
}

// formatValue writes a value in the unit that the threshold was written in. The
// scale between the two follows from the threshold, which is known in both.
func formatValue(v float64, ev Evidence) string {
	number := strings.TrimLeft(ev.Threshold, "<>=! ")
	end := strings.IndexFunc(number, func(r rune) bool { return !strings.ContainsRune("0123456789.+-eE", r) })
	suffix := ""
	if end >= 0 {
		number, suffix = number[:end], number[end:]
	}
	written, err := strconv.ParseFloat(number, 64)
	if err == nil && ev.ThresholdValue != 0 && written != 0 {
		v *= written / ev.ThresholdValue
	} else {
		suffix = ""
	}
	if v != 0 && math.Abs(v) < 0.001 {
		return strconv.FormatFloat(v, 'g', 3, 64) + suffix
	}
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) + suffix
}

func fromTo(from, to string) string {
	if from == "" {
		from = "?"
	}
	if to == "" {
		to = "?"
	}
	return from + " → " + to
}

func shortTime(t time.Time) string { return t.UTC().Format("15:04:05 MST") }
