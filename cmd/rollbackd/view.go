package main

import (
	"fmt"
	"strings"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// triggerView is a trigger as the API shows it, its state being a word.
type triggerView struct {
	incident.TriggerView
	State string `json:"state"`
}

// serviceView is a service as the API shows it.
type serviceView struct {
	incident.ServiceView
	Triggers []triggerView `json:"triggers"`
}

// whyView is the answer to "why?" as the API shows it.
type whyView struct {
	incident.WhyView
	Service serviceView `json:"service"`
}

// loud are the triggers that are not inactive, in a few words.
func (s serviceView) loud() string {
	var words []string
	for _, t := range s.Triggers {
		if t.State != "inactive" {
			words = append(words, t.Name+" "+t.State)
		}
	}
	return strings.Join(words, ", ")
}

// brakes are the pauses and locks in force, in a few words.
func brakes(bs []incident.BrakeView) string {
	var words []string
	for _, b := range bs {
		text := fmt.Sprintf("%s by %s", b.Kind, b.By)
		if b.All {
			text += " (all services)"
		}
		if !b.Until.IsZero() {
			text += " until " + instant(b.Until)
		}
		if b.Why != "" {
			text += ": " + b.Why
		}
		words = append(words, text)
	}
	return strings.Join(words, "; ")
}

func triggerRows(ts []triggerView) [][]string {
	rows := [][]string{{"NAME", "STATE", "VALUE", "THRESHOLD", "SEVERITY", "SINCE", "WHEN"}}
	for _, t := range ts {
		value := measured{t.ValueText, t.Value, t.HasValue, t.Reason, t.Truth != trigger.NotKnown.String()}.String()
		rows = append(rows, []string{t.Name, t.State, value, t.Threshold, t.Severity.String(), instant(t.Since), t.When})
	}
	return rows
}

// incidentRows is a list of incidents, one line each.
func incidentRows(list []*incident.Incident) [][]string {
	rows := [][]string{{"ID", "SERVICE", "STATE", "SEVERITY", "MODE", "OPENED", "RESULT", "ROLLBACK"}}
	for _, i := range list {
		result := string(i.Outcome)
		if result == "" && i.Decision.HeldBy != "" {
			result = "held by " + string(i.Decision.HeldBy)
		}
		if w := waits(i); w != "" {
			result = strings.TrimPrefix(result+", "+w, ", ")
		}
		run := ""
		if i.Rollback != nil {
			run = strings.TrimSpace(arrow(i.Rollback.From, i.Rollback.To) + " " + string(i.Rollback.State))
		}
		rows = append(rows, []string{
			i.ID, i.Service, string(i.State), i.Severity.String(), i.Mode, instant(i.OpenedAt), result, run,
		})
	}
	return rows
}

// runningText is the version that runs, and what was reported that its version
// source does not show.
func runningText(s serviceView) string {
	if s.Reported == nil {
		return s.Running
	}
	return fmt.Sprintf("%s (%s was reported at %s, not shown)", s.Running, s.Reported.Version, instant(s.Reported.NotedAt))
}

// deploymentText is a deployment in a line.
func deploymentText(d *incident.Deployment) string {
	if d == nil {
		return ""
	}
	text := d.Version
	if d.Previous != "" {
		text = arrow(d.Previous, d.Version)
	}
	if d.FirstLook {
		text += ", running when rollbackd first looked"
	} else {
		text += ", started " + instant(d.StartedAt)
	}
	if d.By != "" {
		text += ", by " + d.By
	}
	if d.Rolling {
		text += ", still rolling out"
	}
	if d.Own {
		text += ", our own rollback"
	}
	return text + " (" + d.Source + ")"
}
