package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/chart"
	"github.com/rollbackd/rollbackd/incident"
)

// Service is what the page of one service shows.
type Service struct {
	Daemon   Daemon
	Why      incident.WhyView
	Versions []incident.VersionView
	Series   []incident.Series
	Viewer   Viewer
	Now      time.Time
}

// fact is a name and what is said of it.
type fact struct{ Name, Text string }

// facts are pairs of name and text, without those that say nothing.
func facts(pairs ...string) []fact {
	var all []fact
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, fact{pairs[i], pairs[i+1]})
		}
	}
	return all
}

// triggerRow is one trigger of a service.
type triggerRow struct {
	ID, Name, When, Value, Threshold string
	State, Severity                  State
	// Full is how full the window is in percent.
	Full   int
	Since  Instant
	Reason string
	Chart  *drawing
}

type versionRow struct {
	Version         string
	Standing        State
	Running, Target bool
	Started         Instant
	Why             string
}

type instanceRow struct {
	Name, Version string
	Status        State
	Failures      int
	Last          Instant
}

// servicePage is what the template of a service is given.
type servicePage struct {
	Bar       bar
	Name      string
	State     State
	Now       string
	Facts     []fact
	Brakes    []string
	Incident  *incidentCell
	Triggers  []triggerRow
	Versions  []versionRow
	If        []fact
	Holds     []incident.Hold
	Instances []instanceRow
	Healthy   string
	Form      Form
	Only      string
}

func serviceOf(s Service) servicePage {
	v := s.Why.Service
	p := servicePage{
		Bar: barOf(s.Daemon, v.Brakes, s.Now), Name: v.Service, State: serviceState(v.State, s.Why.Incident), Now: s.Why.Now,
		Facts: serviceFacts(v, s.Now), Triggers: triggerRows(v.Triggers, s.Series, s.Now), Only: s.Viewer.Only,
		Holds: append(slices.Clone(s.Why.IfCritical.Holds), s.Why.IfCritical.Caps...), Form: brakeForm(v.Service, v.Service, v.Brakes, s.Viewer),
	}
	p.If = facts("Response", responseText(s.Why.IfCritical), "Held by", words(string(s.Why.IfCritical.HeldBy)), "Target", s.Why.IfCritical.Target,
		"Because", s.Why.IfCritical.Reason, "Until", s.Why.IfCritical.ReleasesWhen)
	for _, b := range v.Brakes {
		p.Brakes = append(p.Brakes, brakeText(b, s.Now))
	}
	switch {
	case s.Why.Incident != nil:
		p.Incident = cellOf(s.Why.Incident, s.Now)
	case v.Incident != "":
		p.Incident = &incidentCell{ID: v.Incident, Link: "/incidents/" + url.PathEscape(v.Incident)}
	}
	for _, one := range s.Versions {
		began := one.StartedAt
		if !one.ShownSince.IsZero() {
			began = one.ShownSince // seen, and not only said
		}
		p.Versions = append(p.Versions, versionRow{
			Version: one.Version, Standing: standingState(one.Standing), Running: one.Running, Target: one.Target,
			Started: instant(began, s.Now), Why: one.Why,
		})
	}
	p.Instances, p.Healthy = instanceRows(v, s.Now)
	return p
}

func serviceFacts(v incident.ServiceView, now time.Time) []fact {
	deployed, mode := "", ""
	if d := v.Deployment; d != nil {
		deployed = deploymentText(d, now)
	}
	if v.Mode == "shadow" {
		mode = "shadow: decides, records and tells, and never acts"
	}
	target := v.Target
	if target == "" {
		target = "none known"
	}
	var said []string
	for _, s := range v.Signals {
		text := s.Name + " since " + instant(s.At, now).Text + " UTC"
		if s.By != "" {
			text += ", by " + s.By
		}
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		said = append(said, text)
	}
	return facts("Runs", runs(v, now), "Would go back to", target, "Deployed", deployed, "Tier", v.Tier, "Labels", v.Labels.String(), "Mode", mode, "Rehearsed", rehearsalText(v.Rehearsal),
		"Said", strings.Join(said, "; "))
}

// runs says which version runs, and what was reported that its version source does
// not show.
func runs(v incident.ServiceView, now time.Time) string {
	text := v.Running
	if !v.ShownSince.IsZero() {
		text += ", shown by its version source since " + instant(v.ShownSince, now).Text + " UTC"
	}
	if r := v.Reported; r != nil {
		text += fmt.Sprintf("; %s was reported at %s UTC, and the version source does not show it", r.Version, instant(r.NotedAt, now).Text)
	}
	return text
}

func deploymentText(d *incident.Deployment, now time.Time) string {
	text := instant(d.StartedAt, now).Text + " UTC"
	if d.FirstLook {
		text = "it was running when rollbackd first looked"
	} else {
		text += ", " + ago(d.StartedAt, now)
	}
	if d.By != "" {
		text += ", by " + d.By
	}
	if d.Change != "" {
		text += ", " + d.Change
	}
	if d.Rolling {
		text += ", still rolling out"
	}
	if d.Own {
		text += ", our own rollback"
	}
	return text
}

func rehearsalText(r *incident.RehearsalView) string {
	if r == nil {
		return "never"
	}
	age := time.Duration(r.AgeSeconds * float64(time.Second))
	text := span(age.Truncate(time.Minute)) + " ago"
	if age < time.Minute {
		text = "just now"
	}
	if r.OK {
		text += ", no problem found"
	} else {
		text += ", " + counted(r.Problems, "problem", "problems") + ": " + r.Problem
	}
	if r.Stale != "" {
		text += "; it does not count any more: " + r.Stale
	}
	return text
}

// triggerRows are a service's triggers, those that tell most first, with charts
// as far as there is room.
func triggerRows(triggers []incident.TriggerView, series []incident.Series, now time.Time) []triggerRow {
	sorted := slices.Clone(triggers)
	slices.SortStableFunc(sorted, func(a, b incident.TriggerView) int { return triggerState(a.State).rank - triggerState(b.State).rank })
	d := drawer{left: chartBytes, width: 570, height: 140}
	var rows []triggerRow
	for _, t := range sorted {
		r := triggerRow{
			ID: "t-" + t.Name, Name: t.Name, When: t.When, Value: valueOf(t), Threshold: limitOf(t), State: triggerState(t.State),
			Severity: severityState(t.Severity), Full: percent(t.Filled), Since: instant(t.Since, now),
		}
		if c, ok := chartOf(series, t); ok {
			r.Chart = d.draw(c)
		}
		rows = append(rows, r)
	}
	return rows
}

// chartOf is the chart of a trigger; false where nothing is known of it.
func chartOf(series []incident.Series, t incident.TriggerView) (chart.Chart, bool) {
	i := slices.IndexFunc(series, func(s incident.Series) bool { return s.Trigger == t.Name })
	if i < 0 {
		return chart.Chart{}, false
	}
	return recentChart(series[i], t)
}

// mostInstances is how many instances a page lists. Of more it lists those that
// are not well, and counts the rest.
const mostInstances = 40

func instanceRows(v incident.ServiceView, now time.Time) (rows []instanceRow, healthy string) {
	well := 0
	for _, in := range v.Instances {
		if in.Status == "pass" {
			well++
		}
	}
	if len(v.Instances) > 0 {
		healthy = fmt.Sprintf("%d of %s pass", well, counted(len(v.Instances), "instance", "instances"))
	}
	for _, in := range v.Instances {
		if len(v.Instances) > mostInstances && in.Status == "pass" || len(rows) == mostInstances {
			continue
		}
		rows = append(rows, instanceRow{
			Name: in.Instance, Version: in.Version, Status: healthState(in.Status), Failures: in.Failures, Last: instant(in.LastAt, now),
		})
	}
	return rows, healthy
}

// brakeForm pauses and locks a service, or all of them.
func brakeForm(path, name string, on []incident.BrakeView, v Viewer) Form {
	if !v.Operate {
		return Form{}
	}
	action := func(verb string) string { return "/services/" + url.PathEscape(path) + "/" + verb }
	f := Form{ID: "brakes", Legend: "Brakes for " + name, Lengths: lengths(), Buttons: []Button{
		{action("pause"), "Pause", Warn, "rollbackd does not act by itself; people still can."},
		{action("lock"), "Lock", Bad, "Nobody rolls back, neither rollbackd nor people."},
	}}
	for _, b := range on {
		if b.All != (path == "_all") {
			continue
		}
		if b.Kind == incident.Pause {
			f.Buttons = append(f.Buttons, Button{action("resume"), "Resume", Act, "Lifts the pause."})
		} else {
			f.Buttons = append(f.Buttons, Button{action("unlock"), "Unlock", Act, "Lifts the lock."})
		}
	}
	return f
}
