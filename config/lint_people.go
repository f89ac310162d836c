package config

import (
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// lintResponses warns where the matrix asks people whom nobody tells, or wants
// to act without a plan.
func (r *resolver) lintResponses(s *Service) {
	for _, t := range s.Triggers {
		plan := s.Plan
		if t.Plan != nil {
			plan = t.Plan
		}
		response := r.Matrix.Respond(s.Tier, t.Spec.Severity)
		if response.Directness > evaluator.Notify && plan == nil {
			r.warnf(t.at, "the matrix says %q, and the service has no rollback and no plan: it can only notify", response)
			continue
		}
		asks := response.Directness == evaluator.Approve || response.Directness == evaluator.Countdown
		if asks {
			r.lintAsked(t, response)
		}
		r.lintApprovals(t, plan)
	}
}

// lintAsked warns of a question that nobody hears of, or only by mail.
func (r *resolver) lintAsked(t Trigger, response evaluator.Response) {
	switch event := askedBy(response); {
	case !r.someoneHears(t.Spec, event, func(Receiver) bool { return true }):
		r.warnf(t.at, "the matrix says %q, and no receiver is told about it: nobody would know", response)
	case !r.someoneHears(t.Spec, event, Receiver.Pages):
		r.warnf(t.at, "the matrix says %q, and only e-mail or a status page tells of it: that wakes nobody in time", response)
	}
}

// askedBy is the event by which people hear of a response that asks them.
func askedBy(r evaluator.Response) string {
	if r.Directness == evaluator.Countdown {
		return "countdown"
	}
	return "approval_needed"
}

// lintApprovals warns of approval steps that nobody would hear of.
func (r *resolver) lintApprovals(t Trigger, plan *Plan) {
	if plan == nil || r.someoneHears(t.Spec, "approval_needed", func(Receiver) bool { return true }) {
		return
	}
	for _, s := range plan.all() {
		if s.Do.Kind == "approval" {
			r.warnf(s.Do.at, "asks people, and no receiver is told about it where %s fires: nobody would know", t.at)
		}
	}
}

// someoneHears tells whether any receiver that a trigger addresses, and that is one
// of those that count, hears of an event, or of its escalation.
func (r *resolver) someoneHears(t trigger.Spec, event string, counts func(Receiver) bool) bool {
	names := t.Receivers
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(r.Receivers))
	}
	return slices.ContainsFunc(names, func(name string) bool {
		receiver, ok := r.Receivers[name]
		heard := event
		if receiver.Escalation > 0 {
			heard = "escalation"
		}
		return ok && counts(receiver) && receiver.Wants(t.Severity, heard, receiver.Escalation, false)
	})
}

// lintEscalation warns of levels that reach nobody, and of receivers that no
// level reaches.
func (r *resolver) lintEscalation() {
	if len(r.Receivers) == 0 {
		return
	}
	last := len(r.Decide.EscalateAfter) - 1
	first, at := last+1, (*path)(nil)
	for _, name := range slices.Sorted(maps.Keys(r.Receivers)) {
		receiver := r.Receivers[name]
		if receiver.Escalation > last {
			r.warnf(receiver.at.key("escalation"), "escalate_after has the levels 0 to %d: this receiver would never be told", last)
		}
		if receiver.Escalation < first || at == nil {
			first, at = receiver.Escalation, receiver.at.key("escalation")
		}
	}
	if first > 0 && first <= last {
		r.warnf(at, "no receiver has a lower escalation than %d: nobody is told of anything in the first %s", first,
			durationText(r.Decide.EscalateAfter[first]))
	}
}

// lintReceivers warns of receivers' programs that are not there, and of those whose
// alerts nothing would ever resolve.
func (r *resolver) lintReceivers() {
	for _, name := range slices.Sorted(maps.Keys(r.Receivers)) {
		if one := r.Receivers[name]; (one.PagerDuty != nil || one.Alertmanager != nil || one.StatusPage != nil) && len(one.Events) > 0 && !slices.Contains(one.Events, "closed") {
			r.warnf(one.at.key("events"), "leaves out \"closed\", by which PagerDuty, Alertmanager and a status page learn that an incident is over: what was opened there would stay open")
		}
		if e := r.Receivers[name].Exec; e != nil {
			r.lintTool(r.Receivers[name].at.key("exec").key("command"), Action{Kind: "exec", Argv: e.Command})
		}
	}
}

// maxReversible is how long the question of the point of no return may take
// without a warning: it stands before each changing step.
const maxReversible = time.Minute

// lintSteps warns of what a plan can do and was hardly meant.
func (r *resolver) lintSteps() {
	for _, p := range r.everyPlan() {
		if p.Reversible != nil && p.Reversible.Timeout > maxReversible {
			r.warnf(p.Reversible.at.key("timeout"), "is asked before each changing step, and may hold each of them up for %s", durationText(p.Reversible.Timeout))
		}
		for _, s := range p.all() {
			named := slices.ContainsFunc(s.uses, func(u use) bool { return u.name == "each" })
			if len(s.Each) > 1 && !named {
				r.warnf(s.at.key("each"), "no part of the step says ${each}: the same would be done %d times", len(s.Each))
			}
		}
	}
}
