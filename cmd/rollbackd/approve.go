package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// approveName is the command that says yes.
const approveName = "approve"

// approval is the body of POST incidents/{id}/approve.
type approval struct {
	Reason     string `json:"reason"`
	Plan       string `json:"plan,omitempty"`
	BreakGlass bool   `json:"break_glass,omitempty"`
}

func (a *app) approveCommand() *cobra.Command {
	var yes approval
	cmd := a.clientFlags(&cobra.Command{
		Use:     approveName + " ID --reason R",
		GroupID: groupAct,
		Short:   "Say yes to a rollback, or a step, that waits or is held",
		Long: `Approves the rollback of an incident that waits for a yes, or the step at which a
rollback waits for one, and prints what that was and who must still approve. On a
held incident it promotes the rollback, and the record names the guards that your
yes overrides.

A yes is for the plan as it stands when you say it: a plan, target or scope that
changes afterwards needs a new one. With --plan it is for that one only (it stands
in "rollbackd show", and is another one at each step that waits for people), and is
refused when something else waits by now. Nobody approves
what they asked for; root on the host may with --break-glass, which makes any
further approval unnecessary and pages everybody.
A service with an open incident may be named instead of the incident's ID.`,
		Example: `  rollbackd approve checkout --reason "orders fail, seen it myself"
  rollbackd approve checkout --plan 3f9a1c --reason "as in the message"`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needs(cmd, "reason", yes.Reason); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.approve(cmd.Context(), c, args[0], yes)
		},
	})
	cmd.Flags().StringVar(&yes.Reason, "reason", "", "why, for the record (required)")
	cmd.Flags().StringVar(&yes.Plan, "plan", "", "the plan that you were shown (default: as it stands)")
	cmd.Flags().BoolVar(&yes.BreakGlass, "break-glass", false, "as root on the host, alone and even for what you asked for; everybody is paged")
	return cmd
}

func (a *app) approve(ctx context.Context, c *client, id string, yes approval) error {
	before, _, err := fetch(ctx, c, id)
	if err != nil {
		return err
	}
	// Only while people are asked is the shown plan kept up to date: on a held
	// incident it is that of the last decision, and would be refused for ever.
	step, _ := approvalStep(before)
	if yes.Plan == "" && (before.State == incident.AwaitingApproval || step != nil) {
		yes.Plan = before.Decision.PlanHash
	}
	var done web.Done
	data, err := c.post(ctx, "/api/v1/incidents/"+url.PathEscape(before.ID)+"/"+approveName, yes, &done)
	if err != nil {
		return err
	}
	p := a.page()
	p.line("%s: approved %s", before.ID, plain(approved(before)))
	if len(before.Decision.Holds) > 0 && before.State == incident.Held {
		p.line("  overriding %s", plain(holds(before.Decision)))
	}
	if after, _, err := fetch(ctx, c, before.ID); err == nil && len(after.Needs) > 0 { // else it is done all the same
		p.line("  still needed: %s", plain(needed(after.Needs)))
	}
	return a.print(data, p)
}

// approved is what a yes to an incident is for: a step, or the rollback.
func approved(i *incident.Incident) string {
	if s, text := approvalStep(i); s != nil {
		parts := []string{strings.TrimSuffix("step "+titleOf(*s)+": "+text, ": ")}
		if i.Decision.PlanHash != "" {
			parts = append(parts, "plan "+i.Decision.PlanHash)
		}
		return strings.Join(parts, " · ")
	}
	from := ""
	if i.Deployment != nil {
		from = i.Deployment.Version
	}
	parts := []string{strings.TrimSpace("rollback of " + i.Service + " " + arrow(from, i.Decision.Target))}
	for _, m := range i.Members {
		if m.Service != i.Service {
			parts = append(parts, "and of "+m.Service+" "+arrow(m.From, m.To))
		}
	}
	if i.Decision.Scope != "" {
		parts = append(parts, "scope "+i.Decision.Scope)
	}
	if i.Decision.PlanHash != "" {
		parts = append(parts, "plan "+i.Decision.PlanHash)
	}
	return strings.Join(parts, " · ")
}

// approvalStep is the step at which a rollback waits for people, with what it
// asks; nil where it waits at none.
func approvalStep(i *incident.Incident) (step *incident.StepRun, text string) {
	r := i.Rollback
	if r == nil || r.State.Ended() {
		return nil, ""
	}
	for n, s := range r.Steps {
		of := sectionOf(r.Plan, s.Section)
		if s.State == incident.StepRunning && s.Index < len(of) && of[s.Index].Approval != nil {
			return &r.Steps[n], of[s.Index].Approval.Text
		}
	}
	return nil, ""
}

// sectionOf are the steps of a part of a plan in which people may be asked.
func sectionOf(p incident.Plan, s incident.Section) []incident.PlanStep {
	switch s {
	case incident.SectionSteps:
		return p.Steps
	case incident.SectionForward:
		return p.Forward
	case incident.SectionFinally:
		return p.Finally
	case incident.SectionFollowUp:
		return p.FollowUp
	case incident.SectionPrepare, incident.SectionChecks, incident.SectionStopDeploy, incident.SectionReversible:
		return nil
	}
	return nil
}

// holds are the guards that hold an incident.
func holds(d incident.Decision) string {
	var words []string
	for _, h := range d.Holds {
		words = append(words, string(h.Guard))
	}
	return strings.Join(words, ", ")
}
