package page

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// perPage is how many services or incidents a page shows at most.
const perPage = 60

// Services is what the first page shows.
type Services struct {
	Daemon   Daemon
	Services []incident.ServiceView
	// Incidents are the open ones in their public form.
	Incidents []*incident.Incident
	// Find keeps the services with this in their names; empty keeps all.
	Find string
	// From is how many services are skipped.
	From   int
	Viewer Viewer
	Now    time.Time
}

// serviceRow is one service in a line.
type serviceRow struct {
	ID, Name, Link string
	State          State
	Tier           string
	Shadow         bool
	Versions       string
	Running, To    string
	Trigger        *triggerCell
	Brakes         []string
	Incident       *incidentCell
	rank           int
}

// triggerCell is the gravest trigger of a service.
type triggerCell struct {
	Name, Value, Threshold string
	State                  State
	// Full is how full its window is in percent; nothing is drawn at 0.
	Full int
	// Loud is true where it is not ok, and More how many others are not.
	Loud bool
	More int
}

// incidentCell is an open incident in two lines.
type incidentCell struct {
	ID, Link, Opened string
	Says             string
	// DeadlineName says what is over at the deadline.
	DeadlineName string
	Deadline     *countdown
}

// countdown is an instant that is waited for.
type countdown struct {
	At   Instant
	Left string
}

func countdownTo(t, now time.Time) *countdown {
	if t.IsZero() {
		return nil
	}
	c := &countdown{At: instant(t, now), Left: "over"}
	if left := t.Sub(now); left > 0 {
		c.Left = "in " + span(left)
	}
	return c
}

// servicesPage is what the template of the services is given.
type servicesPage struct {
	Bar           bar
	Counts        []State
	Rows          []serviceRow
	Find          string
	Of            string
	Before, After string
	Form          Form
	Only          string
}

func servicesOf(s Services) servicesPage {
	byID := map[string]*incident.Incident{}
	for _, i := range s.Incidents {
		byID[i.ID] = i
	}
	var rows []serviceRow
	for _, v := range s.Services {
		if strings.Contains(strings.ToLower(v.Service), strings.ToLower(s.Find)) {
			rows = append(rows, rowOf(v, byID[v.Incident], s.Now))
		}
	}
	slices.SortStableFunc(rows, func(a, b serviceRow) int { return cmp.Compare(a.rank, b.rank) })
	p := servicesPage{
		Bar: barOf(s.Daemon, brakesOf(s.Services), s.Now), Counts: countsOf(rows), Find: s.Find, Only: s.Viewer.Only,
		Form: brakeForm("_all", "every service", brakesOf(s.Services), s.Viewer),
	}
	p.Rows, p.Before, p.After, p.Of = pageOf(rows, s.From, func(from int) string {
		q := url.Values{}
		if s.Find != "" {
			q.Set("find", s.Find)
		}
		if from > 0 {
			q.Set("from", fmt.Sprint(from))
		}
		return "/?" + q.Encode()
	})
	return p
}

// pageOf are the rows of one page, with the links to its neighbours.
func pageOf(rows []serviceRow, from int, link func(from int) string) (shown []serviceRow, before, after, of string) {
	from = min(max(from, 0), len(rows))
	to := min(from+perPage, len(rows))
	if from > 0 {
		before = link(max(0, from-perPage))
	}
	if to < len(rows) {
		after = link(to)
	}
	if before != "" || after != "" {
		of = fmt.Sprintf("%d to %d of %d", from+1, to, len(rows))
	}
	return rows[from:to], before, after, of
}

// brakesOf are the brakes that are on for every service.
func brakesOf(services []incident.ServiceView) []incident.BrakeView {
	if len(services) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(services[0].Brakes), func(b incident.BrakeView) bool { return !b.All })
}

// countsOf is how many services there are of each state, the most urgent first.
func countsOf(rows []serviceRow) []State {
	var counts []State
	for i := 0; i < len(rows); {
		n := i
		for n < len(rows) && rows[n].State.Word == rows[i].State.Word {
			n++
		}
		s := rows[i].State
		counts = append(counts, State{Word: fmt.Sprintf("%d %s", n-i, s.Word), Sign: s.Sign, Tone: s.Tone})
		i = n
	}
	return counts
}

func rowOf(v incident.ServiceView, inc *incident.Incident, now time.Time) serviceRow {
	r := serviceRow{
		ID: "s-" + v.Service, Name: v.Service, Link: "/services/" + url.PathEscape(v.Service), State: serviceState(v.State, inc), Tier: v.Tier,
		Shadow: v.Mode == "shadow", Running: v.Running, To: v.Target, Trigger: gravest(v.Triggers),
	}
	for _, b := range v.Brakes {
		if !b.All {
			r.Brakes = append(r.Brakes, brakeText(b, now))
		}
	}
	if inc != nil {
		r.Incident = cellOf(inc, now)
	} else if v.Incident != "" {
		r.Incident = &incidentCell{ID: v.Incident, Link: "/incidents/" + url.PathEscape(v.Incident)}
	}
	// Words that mean the same to a reader at 3 a.m. stay together, the brakes of a
	// service that is well before those that have none.
	r.rank = r.State.rank * 2
	if len(r.Brakes) == 0 {
		r.rank++
	}
	return r
}

func cellOf(inc *incident.Incident, now time.Time) *incidentCell {
	return &incidentCell{
		ID: inc.ID, Link: "/incidents/" + url.PathEscape(inc.ID), Opened: instant(inc.OpenedAt, now).Ago,
		Says: saysShort(inc), Deadline: deadlineOf(inc, now), DeadlineName: deadlineName(inc),
	}
}

// saysShort is why an incident stands where it does, in a line.
func saysShort(inc *incident.Incident) string {
	if failed(inc) {
		return brief("rollback "+endingOf(inc.Rollback), 110)
	}
	if inc.State == incident.Held && inc.Decision.HeldBy != "" {
		return "held: " + words(string(inc.Decision.HeldBy))
	}
	if needs := needsText(inc.Needs); needs != "" {
		return "needs " + needs
	}
	if inc.Rollback != nil && !inc.Rollback.State.Ended() {
		return wayOf(inc.Rollback.From, inc.Rollback.To)
	}
	return inc.Severity.String()
}

// gravest is the trigger that tells most about a service.
func gravest(triggers []incident.TriggerView) *triggerCell {
	if len(triggers) == 0 {
		return nil
	}
	worst := slices.MinFunc(triggers, func(a, b incident.TriggerView) int {
		return cmp.Or(
			cmp.Compare(triggerState(a.State).rank, triggerState(b.State).rank),
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Filled, a.Filled), cmp.Compare(a.Name, b.Name),
		)
	})
	c := &triggerCell{Name: worst.Name, Value: valueOf(worst), Threshold: limitOf(worst), State: triggerState(worst.State), Full: percent(worst.Filled), Loud: loud(worst)}
	for _, t := range triggers {
		if t.Name != worst.Name && loud(t) {
			c.More++
		}
	}
	return c
}

// loud tells whether a trigger is anything but ok.
func loud(t incident.TriggerView) bool { return t.State != trigger.Inactive }

// valueOf is what a trigger shows at present.
func valueOf(t incident.TriggerView) string {
	switch {
	case t.Truth == "unknown" && t.Reason != "":
		return "unknown (" + words(t.Reason) + ")"
	case t.Truth == "unknown":
		return "unknown"
	case t.ValueText != "":
		return t.ValueText
	case t.HasValue:
		return fmt.Sprintf("%.4g", t.Value)
	}
	return t.Truth
}
