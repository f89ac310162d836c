package main

import (
	"fmt"
	"strings"

	"github.com/rollbackd/rollbackd/incident"
)

// needed is who must still approve: "1 of ops-lead, 2 of any role".
func needed(needs []incident.Need) string {
	var words []string
	for _, n := range needs {
		role := n.Role
		if role == "any" {
			role = "any role"
		}
		words = append(words, fmt.Sprintf("%d of %s", n.Count, role))
	}
	return strings.Join(words, ", ")
}

// told is how far an incident was escalated; empty at the level of everybody who
// is told at once.
func told(i *incident.Incident) string {
	if i.EscalationLevel == 0 || i.State == incident.Closed {
		return ""
	}
	text := fmt.Sprintf("level %d was told", i.EscalationLevel)
	if i.AckedBy != "" {
		text += ", acked by " + i.AckedBy
	}
	return text
}

// yes is one approval in a line.
func yes(a incident.Approval) string {
	text := "approved by " + a.By
	if len(a.Roles) > 0 {
		text += " (" + strings.Join(a.Roles, ", ") + ")"
	}
	if a.BreakGlass {
		text += ", breaking the glass,"
	}
	text += " at " + instant(a.At)
	if a.PlanHash != "" {
		text += " for plan " + a.PlanHash
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

func memberRows(members []incident.Member) [][]string {
	rows := [][]string{{"MEMBER", "FROM", "TO"}}
	for _, m := range members {
		rows = append(rows, []string{m.Service, m.From, m.To})
	}
	return rows
}

// titleOf is a step's name with the unit that it is for.
func titleOf(s incident.StepRun) string {
	if s.Unit == "" {
		return s.Name
	}
	return s.Name + " [" + s.Unit + "]"
}

// people adds who was told, who said yes, and who must still do so.
func (p *page) people(i *incident.Incident) {
	p.facts("escalation", told(i), "still needed", needed(i.Needs))
	if s, text := approvalStep(i); s != nil {
		p.line("  waiting at step %s", plain(strings.TrimSuffix(titleOf(*s)+": "+text, ": ")))
	}
	for _, a := range i.Approvals {
		p.line("  %s", plain(yes(a)))
	}
}

// members adds the services that changed together.
func (p *page) members(members []incident.Member) {
	if len(members) == 0 {
		return
	}
	p.heading("members")
	p.table("  ", memberRows(members))
}

// captures adds the state from before anything was changed.
func (p *page) captures(captured []incident.StateBefore) {
	if len(captured) == 0 {
		return
	}
	p.heading("captured before anything was changed")
	for _, c := range captured {
		p.line("  %s", plain(strings.TrimSuffix(c.Name+" · "+string(c.State)+" · "+c.Error, " · ")))
		p.quote(c.Output)
	}
}

// waits is what an open incident waits for, for a list: "waits for 1 of ops-lead
// (level 2 was told)".
func waits(i *incident.Incident) string {
	var parts []string
	if len(i.Needs) > 0 {
		parts = append(parts, "waits for "+needed(i.Needs))
	}
	if level := told(i); level != "" {
		parts = append(parts, level)
	}
	return strings.Join(parts, ", ")
}
