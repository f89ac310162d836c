package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
)

// limit is the most direct response that something allows, and why.
type limit struct {
	most evaluator.Response
	why  Hold
}

// atMostApprove is a limit that leaves the decision to a person.
func atMostApprove(g Guard, why string) limit {
	return limit{most: evaluator.Response{Directness: evaluator.Approve}, why: Hold{Guard: g, Reason: why}}
}

// lower applies limits to what the matrix says. Each that is lower than the
// matrix's answer is noted, also where another has lowered it already: lifting
// one alone would change nothing.
func (op *opinion) lower(limits ...limit) {
	for _, l := range limits {
		if l.most.Directness <= evaluator.Approve {
			op.asks = append(op.asks, l.why)
		}
		if op.matrix.Directness <= l.most.Directness {
			continue
		}
		op.caps = append(op.caps, l.why)
		if op.response.Directness > l.most.Directness {
			op.response = l.most
		}
	}
}

// byPrecedence puts what lowered a response into the order of the guards, what
// has no guard last.
func byPrecedence(caps []Hold) []Hold {
	order := precedence()
	place := func(h Hold) int {
		if i := slices.Index(order, h.Guard); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(caps, func(a, b Hold) int { return place(a) - place(b) })
	return caps
}

// Shown is the guard that people are shown: the first that holds, or, where a
// person is asked, the first that lowered the response to that. Empty when no
// guard has a part in the decision.
func (d Decision) Shown() Guard {
	if d.HeldBy != "" || d.State != AwaitingApproval {
		return d.HeldBy
	}
	for _, h := range d.Caps {
		if h.Guard != "" {
			return h.Guard
		}
	}
	return ""
}

// setAside are the guards that a person's yes sets aside: those that hold, and
// those that lowered the response.
func (d Decision) setAside() []Guard {
	guards := guardsOf(d.Holds)
	for _, h := range d.Caps {
		if h.Guard != "" && !slices.Contains(guards, h.Guard) {
			guards = append(guards, h.Guard)
		}
	}
	return guards
}

// targetLimits limit a rollback that would go further back than it may by itself.
func targetLimits(t target, o ServiceOptions) []limit {
	if t.Back <= o.Deployment.MaxBack {
		return nil
	}
	return []limit{atMostApprove("", fmt.Sprintf("%s is %d deployments back, and max_back is %d", t.Version, t.Back, o.Deployment.MaxBack))}
}

// presentLimits are those that come and go while an incident waits: they are
// asked once more right before acting.
func (b *Brain) presentLimits(now time.Time, name string, inc *Incident) []limit {
	return append(b.windowLimits(now, name), b.correlation(name, inc).limits...)
}

// cappedLast is the decision that follows where, right before acting, something
// limits the response that did not when it was decided. False where nothing does.
func (b *Brain) cappedLast(now time.Time, name string, inc *Incident) (Decision, bool) {
	d := inc.Decision
	if d.ByPerson {
		return d, false
	}
	op := opinion{matrix: d.Response, response: d.Response}
	op.lower(b.presentLimits(now, name, inc)...)
	op.lower(b.memberLimits(now, inc)...)
	op.lower(b.evidenceLimits(inc)...)
	op.lower(b.rehearsalLimits(now, inc, d.Trigger, d.Scope)...)
	if len(op.caps) == 0 {
		return d, false
	}
	d.Response, d.Caps = op.response, byPrecedence(op.caps)
	d.Reason = d.Caps[0].Reason + ": " + d.Reason
	d.Silence = false
	d.State, d.Deadline = b.stateFor(now, d)
	return d, true
}

// capsRule decides again where what lowered a response to asking a person has
// ended: while nothing has started, a response may become more direct.
func (b *Brain) capsRule(now time.Time, name string, inc *Incident) []Effect {
	released := func(h Hold) bool { return h.Guard.releasesByItself() }
	if !slices.ContainsFunc(inc.Decision.Caps, released) {
		return nil
	}
	for _, l := range b.presentLimits(now, name, inc) {
		if l.most.Directness <= inc.Decision.Response.Directness {
			return nil
		}
	}
	d, ok := b.judge(now, name, inc)
	if !ok || d.HeldBy != "" || d.State.directness() <= inc.State.directness() {
		return nil
	}
	return b.decided(now, inc, d)
}
