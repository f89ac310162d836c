package backtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/incident"
)

// notes say of a label that was not caught what happened instead. The firings and
// rollbacks of s are those that belong to the label.
func notes(l Label, s ServiceResult, services []ServiceResult, one LabelScore) []string {
	var all []string
	if l.BadVersion != "" && !s.ran(l.BadVersion) {
		all = append(all, "bad_version "+l.BadVersion+" never ran in the period")
	}
	if one.Rollback == Wrong {
		for _, r := range s.Rollbacks {
			all = append(all, fmt.Sprintf("rolled back %s → %s", r.From, r.To))
		}
	}
	inc := incidentOf(l, s, services)
	if one.Rollback == Missed && one.HeldBy == "" {
		all = append(all, instead(inc))
	}
	if inc != nil && one.Rollback == Missed && s.fromQuery() && slices.ContainsFunc(inc.Holds, func(h Hold) bool { return h.Guard == incident.GuardBeforeDeployment }) {
		all = append(all, "the versions come from a query, whose look-back may show a deployment late; --deployments is exact")
	}
	return all
}

// ran tells whether the record has a version at any time of the period.
func (s ServiceResult) ran(version string) bool {
	return slices.ContainsFunc(s.Deployments, func(d Deployment) bool { return d.Version == version || d.Previous == version })
}

// fromQuery tells whether the service's deployments were read from a version query.
func (s ServiceResult) fromQuery() bool {
	return slices.ContainsFunc(s.Deployments, func(d Deployment) bool { return d.Source != "file" })
}

// incidentOf is the incident that was open in a label: that of a firing in it, else
// one of the service itself; nil without one.
func incidentOf(l Label, s ServiceResult, services []ServiceResult) *Incident {
	for _, f := range s.Firings {
		for _, other := range services {
			for _, inc := range other.Incidents {
				if inc.ID == f.Incident {
					return &inc
				}
			}
		}
	}
	for _, inc := range s.Incidents {
		if inc.OpenedAt.Before(l.To.Add(labelSlack)) && (inc.ClosedAt.IsZero() || inc.ClosedAt.After(l.From)) {
			return &inc
		}
	}
	return nil
}

// instead says what became of an incident that no guard held and nobody rolled back.
func instead(inc *Incident) string {
	if inc == nil {
		return "nothing fired"
	}
	severity := "severity " + inc.Severity.String()
	switch {
	case inc.WaitedForPeople:
		return "a person was asked, and nobody answers here (" + severity + ")"
	case len(inc.Caps) > 0:
		return fmt.Sprintf("the response was %s (%s), lowered by %s", orNone(inc.Response), severity, inc.Caps[0].text())
	}
	text := fmt.Sprintf("the response was %s (%s)", orNone(inc.Response), severity)
	if reason := strings.TrimSpace(inc.Reason); reason != "" {
		text += ": " + reason
	}
	return text
}
