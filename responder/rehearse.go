package responder

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// Rehearser does what a rehearsal needs: all of it looks, and changes nothing.
// An *action.Runner is one. It should be one of its own, with a directory of its
// own, so that no rehearsal is taken for a rollback that was begun.
type Rehearser interface {
	Prepare(ctx context.Context, steps []action.Request) error
	Preview(r action.Request) (action.Previews, error)
	AskProbe(ctx context.Context, r action.Request) action.Answer
	AskIf(ctx context.Context, r action.Request) action.Answer
	// Run is only given checks, and the question whether one can still go back.
	Run(ctx context.Context, r action.Request) action.Result
}

// versionUnset is what a step says that names a version which there is none of.
var versionUnset = regexp.MustCompile(`\$\{(target_version|versions\.[^}]*\.target)\}: is not set\s*$`)

// Rehearse looks at everything that a rollback would need, in the order in which
// it would need it: each step is prepared and shown, checks are run, probes and Ifs
// asked, and the way back too. No step is begun. Where ctx ends first, what was not
// looked at is not known; for what runs then to be ended and not left alone, ctx
// must end with the cause context.DeadlineExceeded.
func Rehearse(ctx context.Context, what *incident.Rehearsing, by Rehearser) *incident.RehearsalReport {
	r := &rehearsal{
		what: what, by: by, asked: map[string]bool{},
		report: &incident.RehearsalReport{
			Service: what.Service, Plan: what.Run.Plan.Name, PlanHash: what.PlanHash, Scope: what.Run.Scope, From: what.Run.From, To: what.Run.To,
			OK: true, Person: what.Person, Automatic: what.Automatic, Before: what.Before, Steps: []incident.StepPreview{},
		},
	}
	r.target()
	r.quarantine()
	for _, step := range what.Steps() {
		r.step(ctx, step)
	}
	r.report.Time = r.estimate()
	for _, line := range timeLines(r.report.Time) {
		r.report.Add(line)
	}
	return r.report
}

// rehearsal is one that goes on.
type rehearsal struct {
	what   *incident.Rehearsing
	by     Rehearser
	report *incident.RehearsalReport
	asked  map[string]bool // the units for which the way back was asked about
}

func (r *rehearsal) add(about, name string, found incident.Finding, why string) {
	r.report.Add(incident.RehearsalLine{About: about, Name: name, Found: found, Why: why})
}

// target says where a rollback would go.
func (r *rehearsal) target() {
	run := r.what.Run
	switch {
	case r.what.Refused != nil:
		r.add("target", "", incident.FindingProblem, join(r.what.Refused.Reason, r.what.Why))
	case !run.Leaves:
		r.add("target", "", incident.FindingOK, "this scope goes to no other version")
	case run.To == "":
		r.add("target", "", incident.FindingNotKnown, "the service's deployments are not known: the steps themselves say where they go")
	default:
		r.add("target", run.From+" → "+run.To, incident.FindingOK, r.what.Why)
	}
	for _, m := range run.Members {
		if m.Service != r.what.Service {
			r.add("target", m.Service+" "+m.From+" → "+m.To, incident.FindingOK, "it changes together with the others of group")
		}
	}
}

// join puts two reasons together where they differ.
func join(why, more string) string {
	if more == "" || strings.Contains(why, more) || more == "asked for" {
		return why
	}
	return why + ": " + more
}

func (r *rehearsal) quarantine() {
	versions := slices.Clone(r.what.Quarantined)
	if refused := r.what.Refused; refused != nil && refused.Guard == incident.GuardQuarantined {
		// The problem with the target has said that already.
		versions = slices.DeleteFunc(versions, func(v string) bool { return v == r.what.Run.To })
	}
	if len(versions) > 0 {
		r.add("quarantine", "", incident.FindingOK, "no rollback goes to "+strings.Join(versions, ", "))
	}
}

// step looks at one step, or one of its units.
func (r *rehearsal) step(ctx context.Context, s incident.RehearsalStep) {
	ref := s.Start.Ref
	req := Request(s.Start, s.Start.Values)
	if ref.Section == incident.SectionReversible {
		// It is asked before every change; once for each unit says what there is to know.
		if r.asked[ref.Unit] {
			return
		}
		r.asked[ref.Unit] = true
	}
	r.show(s, req)
	name := title(ref)
	if ctx.Err() != nil {
		r.add("prepare", name, incident.FindingNotKnown, "there was no time left to look")
		return
	}
	if err := r.by.Prepare(ctx, []action.Request{req}); err != nil {
		r.unprepared(name, withoutName(err.Error(), req))
		r.unasked(s, name)
		return
	}
	r.add("prepare", name, incident.FindingOK, "")
	switch ref.Section {
	case incident.SectionChecks:
		r.check(ctx, name, req)
	case incident.SectionReversible:
		r.reversible(ctx, req)
	case incident.SectionPrepare, incident.SectionStopDeploy, incident.SectionSteps, incident.SectionForward, incident.SectionFinally, incident.SectionFollowUp:
		r.beside(ctx, name, req)
	}
}

// unprepared says why a step could not begin. Where there is no version to go to,
// that is the problem, and it is no further one that a step cannot name the version.
func (r *rehearsal) unprepared(name, why string) {
	nowhere := r.what.Refused != nil && r.what.Refused.Guard == incident.GuardNoTarget
	for line := range strings.Lines(why) {
		nowhere = nowhere && versionUnset.MatchString(line)
	}
	if nowhere {
		r.add("prepare", name, incident.FindingNotKnown, "not before there is a version to go back to: "+oneLine(why))
		return
	}
	r.add("prepare", name, incident.FindingProblem, oneLine(why))
}

// unasked says of what would have been asked that it was not.
func (r *rehearsal) unasked(s incident.RehearsalStep, name string) {
	const why = "not asked, because it cannot be prepared"
	switch s.Start.Ref.Section {
	case incident.SectionChecks:
		r.add("checks", name, incident.FindingNotKnown, why)
	case incident.SectionReversible:
		r.add("reversible", s.Start.Ref.Unit, incident.FindingNotKnown, why)
	case incident.SectionPrepare, incident.SectionStopDeploy, incident.SectionSteps, incident.SectionForward, incident.SectionFinally, incident.SectionFollowUp:
		if s.Start.Probe != nil {
			r.add("probe", name, incident.FindingNotKnown, why)
		}
		if s.Start.If != nil {
			r.add("if", name, incident.FindingNotKnown, why)
		}
	}
}

// check runs one of the plan's checks: they change nothing.
func (r *rehearsal) check(ctx context.Context, name string, req action.Request) {
	res := r.by.Run(ctx, req)
	switch {
	case res.State == action.Done:
		r.add("checks", name, incident.FindingOK, lastLine(res.Output))
	case ctx.Err() != nil:
		r.add("checks", name, incident.FindingNotKnown, "there was no time left for its end")
	default:
		r.add("checks", name, incident.FindingProblem, ending(res))
	}
}

// reversible asks whether one could still go back.
func (r *rehearsal) reversible(ctx context.Context, req action.Request) {
	res := r.by.Run(ctx, req)
	switch {
	case res.State == action.Done:
		r.add("reversible", req.Unit, incident.FindingOK, "one can still go back")
	case ctx.Err() != nil:
		r.add("reversible", req.Unit, incident.FindingNotKnown, "there was no time left for its answer")
	default:
		r.add("reversible", req.Unit, incident.FindingProblem, "past the point of no return: only the forward part would run: "+ending(res))
	}
}

// beside asks what would be asked beside a step, but does not begin it.
func (r *rehearsal) beside(ctx context.Context, name string, req action.Request) {
	if a := r.by.AskIf(ctx, req); a.Asked {
		switch {
		case a.Known && a.Yes:
			r.add("if", name, incident.FindingOK, "it would run")
		case a.Known:
			r.add("if", name, incident.FindingOK, "it would be skipped")
		default:
			r.unknown(ctx, "if", name, "it gives no answer, which fails the step: ", a)
		}
	}
	if a := r.by.AskProbe(ctx, req); a.Asked {
		switch {
		case a.Known && a.Yes:
			r.add("probe", name, incident.FindingOK, join("it says that the step is done already", a.Detail))
		case a.Known:
			r.add("probe", name, incident.FindingOK, "it says that the step is not done yet")
		default:
			r.unknown(ctx, "probe", name, "it gives no answer: ", a)
		}
	}
}

func (r *rehearsal) unknown(ctx context.Context, about, name, why string, a action.Answer) {
	if ctx.Err() != nil {
		r.add(about, name, incident.FindingNotKnown, "there was no time left for its answer")
		return
	}
	r.add(about, name, incident.FindingProblem, why+a.Detail)
}

// show adds what a step would do.
func (r *rehearsal) show(s incident.RehearsalStep, req action.Request) {
	p := incident.StepPreview{
		Section: s.Start.Ref.Section, Name: s.Start.Ref.Name, Unit: s.Start.Ref.Unit, Phase: s.Phase, Does: []string{},
		TimeoutSeconds: s.Start.Timeout.Seconds(), Retries: s.Spec.Retries, OnFailure: s.Spec.OnFailure,
		SoakSeconds: s.Spec.Soak.Seconds(), EnoughSeconds: s.Spec.Enough.Seconds(),
	}
	if s.Spec.Approval != nil {
		p.Approval = s.Spec.Approval.Needs
	}
	shown, err := r.by.Preview(req)
	if err != nil {
		p.Problem = oneLine(err.Error())
	} else {
		p.Kind, p.Does, p.Do = string(shown.Step.Kind), shown.Step.Lines(), shown.Step.JSON()
		if shown.Probe != nil {
			p.Probe = shown.Probe.Lines()[0]
		}
		if shown.If != nil {
			p.If = shown.If.Lines()[0]
		}
	}
	r.report.Steps = append(r.report.Steps, p)
}

// title names a step with its unit.
func title(ref incident.StepRef) string {
	if ref.Unit == "" {
		return ref.Name
	}
	return ref.Name + " " + ref.Unit
}

// ending says how something did not end well, with the last of what it wrote.
func ending(res action.Result) string {
	return join(cmp.Or(res.Error, fmt.Sprintf("it ended %s", res.State)), lastLine(res.Output))
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndex(text, "\n")+1:])
}

// withoutName takes off an error what the line says already.
func withoutName(text string, req action.Request) string {
	named := fmt.Sprintf("%s step %q", req.Section, req.Name)
	if req.Unit != "" {
		named += " for " + req.Unit
	}
	return strings.TrimPrefix(text, named+": ")
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
