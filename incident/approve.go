package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// commandApprove records a yes: to the approval step of a run, or to an
// incident's rollback. On a held incident it promotes it, and names the guards
// that it sets aside.
func (b *Brain) commandApprove(now time.Time, c Command, name string, inc *Incident) []Effect {
	if step := inc.approvalWaited(); step != nil {
		return b.approveStep(now, c, inc, step)
	}
	switch inc.State {
	case RollingBack, Verifying, Closed:
		return b.refused(now, c, inc, "there is nothing to approve: it is "+string(inc.State), "")
	case Confirming:
		return b.refused(now, c, inc, "there is nothing to approve: it is being confirmed already", "")
	case Firing, CountingDown, AwaitingApproval, Held:
	}
	if problem := ownRequest(c, inc); problem != "" {
		return b.refused(now, c, inc, problem, "")
	}
	s := b.mem.service(name)
	p, target := b.planNow(now, name, inc)
	hash := b.hashNow(now, inc, p, inc.Decision.toward(target))
	if c.PlanHash != "" && c.PlanHash != hash {
		from, _ := versions(inc)
		return b.refused(now, c, inc, staleYes(c, inc, fmt.Sprintf("plan %s (%s)", hash, fromTo(from, target))), "")
	}
	if holds := b.holdsForPerson(now, inc, s, planRequest{to: target, plan: p, scope: inc.Decision.Scope}); len(holds) > 0 {
		d := Decision{}
		d.hold(holds)
		return b.refused(now, c, inc, d.Reason, d.HeldBy)
	}
	return b.word(now, c, inc, KindApproved, approvalSaid(c, inc, hash))
}

// staleYes is why a yes is refused to what has come in the place of what was shown.
func staleYes(c Command, inc *Incident, waits string) string {
	return fmt.Sprintf("the plan has changed since it was shown: your yes is for plan %s, and now it would be for %s; look at it with \"%s\" and say yes to that",
		c.PlanHash, waits, showCommand(inc))
}

// approvalSaid is what the timeline says of a yes to an incident's rollback.
func approvalSaid(c Command, inc *Incident, hash string) said {
	w := said{what: "approved", overrides: inc.Decision.setAside(), plan: hash}
	if len(w.overrides) > 0 {
		words := make([]string, len(w.overrides))
		for i, g := range w.overrides {
			words[i] = string(g)
		}
		w.what = "approved, overriding " + strings.Join(words, ", ") + ","
	}
	if c.BreakGlass {
		w.what += " breaking the glass"
	}
	return w
}

// ownRequest refuses a person's yes to what they asked for themselves, unless
// they break the glass.
func ownRequest(c Command, inc *Incident) string {
	if c.BreakGlass || inc.AskedBy == "" || inc.AskedBy != c.Actor {
		return ""
	}
	return fmt.Sprintf("%s asked for it, and nobody approves what they asked for (somebody else may; root on the host may with --break-glass)", c.Actor)
}

// approveStep records a yes to the approval step that a run waits at.
func (b *Brain) approveStep(now time.Time, c Command, inc *Incident, step *StepRun) []Effect {
	if problem := ownRequest(c, inc); problem != "" {
		return b.refused(now, c, inc, problem, "")
	}
	hash := inc.questionHash(step)
	if c.PlanHash != "" && c.PlanHash != hash {
		return b.refused(now, c, inc, staleYes(c, inc, fmt.Sprintf("plan %s (step %q)", hash, step.title())), "")
	}
	ref := inc.ref(step, step.Attempts)
	w := said{what: "step " + step.title() + " approved", step: &ref, plan: hash}
	if c.BreakGlass {
		w.what += " breaking the glass"
	}
	return b.word(now, c, inc, KindApproved, w)
}

// questionHash names what a yes to an approval step is for: the step of this run.
// The run's plan does not change, so its ID stands for the plan.
func (inc *Incident) questionHash(step *StepRun) string {
	question := fmt.Appendf(nil, "%q %q %q %d %q %d", inc.Rollback.ID, inc.Rollback.To, step.Section, step.Index, step.Unit, step.Attempts)
	sum := sha256.Sum256(question)
	return hex.EncodeToString(sum[:6])
}

// glassBroken tells whether the newest thing that happened is a yes that set the
// number of approvals aside: what it leads to comes a moment later.
func (inc *Incident) glassBroken() bool {
	n, m := len(inc.Approvals), len(inc.Timeline)
	return n > 0 && m > 0 && inc.Approvals[n-1].BreakGlass && inc.Timeline[m-1].Kind == KindApproved && inc.approvalWaited() == nil
}

// glassMessage tells everybody that somebody broke the glass; nil where nobody did.
func (b *Brain) glassMessage(now time.Time, c Command, inc *Incident, e Entry) *Message {
	if !c.BreakGlass {
		return nil
	}
	m := b.message(now, inc, e, Acting, "break_glass")
	m.Everybody = true
	return m
}
