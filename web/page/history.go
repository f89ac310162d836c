package page

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Figures are what the incidents of a period add up to. What is not known is nil.
type Figures struct {
	Incidents, Open, Shadow, FalseAlarms int
	RollbacksStarted, RollbacksCompleted int
	SLAKnown, SLAMet                     int
	SuccessRate, SLACompliance           *float64
	AverageSeconds, MedianSeconds        *float64
	P95Seconds, DetectionMedianSeconds   *float64
}

// NamedFigures are those of one service.
type NamedFigures struct {
	Name string
	Figures
}

// Count is how often something was there.
type Count struct {
	Name  string
	Count int
}

// History is what the page of the history shows.
type History struct {
	Daemon Daemon
	// Days is the period, Service the only service that is looked at; empty for all.
	Days    int
	Service string
	// All, Services and the counts are of the period.
	All                       Figures
	Services                  []NamedFigures
	Triggers, Holds, Outcomes []Count
	// Incidents are those of this page, More tells that there are older ones, and
	// Paged that this is not the first page.
	Incidents   []incident.Summary
	More, Paged bool
	// Missing is why there are no figures; empty where there are.
	Missing string
	Viewer  Viewer
	Now     time.Time
}

// Periods are the lengths of history that are offered, in days.
func Periods() []int { return []int{7, 30, 90, 400} }

type choice struct {
	Text, Link string
	Current    bool
}

// tile is one figure with what it means.
type tile struct{ Name, Value, Note string }

type serviceFigures struct {
	Name, Link, Success, Average, SLA string
	Incidents, Open, FalseAlarms      int
	Share                             int
}

type countRow struct {
	Name  string
	Count int
	Share int
	State *State
}

type summaryRow struct {
	ID, Link, Service, Way, Triggers, Took, Note string
	State, Severity                              State
	SLAMissed, Shadow                            bool
	Opened                                       Instant
}

// historyPage is what the template of the history is given.
type historyPage struct {
	Bar           bar
	Service       string
	Periods       []choice
	Tiles         []tile
	Services      []serviceFigures
	Triggers      []countRow
	Holds         []countRow
	Outcomes      []countRow
	Rows          []summaryRow
	Newest, Older string
	Missing       string
	AllServices   string
}

// mostServices is how many services the history compares.
const mostServices = 20

func historyOf(h History) historyPage {
	p := historyPage{Bar: barOf(h.Daemon, nil, h.Now), Service: h.Service, Tiles: tilesOf(h.All), Missing: h.Missing}
	for _, days := range Periods() {
		text := fmt.Sprintf("%d days", days)
		p.Periods = append(p.Periods, choice{text, historyLink(days, h.Service, ""), days == h.Days})
	}
	if h.Service != "" {
		p.AllServices = historyLink(h.Days, "", "")
	}
	most := 0
	for _, s := range h.Services {
		most = max(most, s.Incidents)
	}
	for _, s := range h.Services[:min(len(h.Services), mostServices)] {
		p.Services = append(p.Services, serviceFigures{
			Name: s.Name, Link: historyLink(h.Days, s.Name, ""), Success: rate(s.SuccessRate), Average: length(s.AverageSeconds), SLA: rate(s.SLACompliance),
			Incidents: s.Incidents, Open: s.Open, FalseAlarms: s.FalseAlarms, Share: share(s.Incidents, most),
		})
	}
	p.Triggers, p.Holds, p.Outcomes = countRows(h.Triggers), countRows(h.Holds), countRows(h.Outcomes)
	for i, o := range p.Outcomes {
		state := outcomeState(incident.Outcome(h.Outcomes[i].Name))
		p.Outcomes[i].State, p.Outcomes[i].Name = &state, o.Name
	}
	for _, s := range h.Incidents {
		p.Rows = append(p.Rows, summaryOf(s, h.Now))
	}
	if h.More && len(h.Incidents) > 0 {
		p.Older = historyLink(h.Days, h.Service, h.Incidents[len(h.Incidents)-1].ID)
	}
	if h.Paged {
		p.Newest = historyLink(h.Days, h.Service, "")
	}
	return p
}

func historyLink(days int, service, before string) string {
	q := url.Values{"days": {fmt.Sprint(days)}}
	if service != "" {
		q.Set("service", service)
	}
	if before != "" {
		q.Set("before", before)
	}
	return "/history?" + q.Encode()
}

// notKnown is what is shown where a figure is not known: never 0.
const notKnown = "–"

func rate(share *float64) string {
	if share == nil {
		return notKnown
	}
	return fmt.Sprintf("%d%%", percent(*share))
}

func length(seconds *float64) string {
	if seconds == nil {
		return notKnown
	}
	return span(time.Duration(*seconds * float64(time.Second)))
}

func share(n, of int) int {
	if of == 0 {
		return 0
	}
	return 100 * n / of
}

func tilesOf(f Figures) []tile {
	open := "none open"
	if f.Open > 0 {
		open = fmt.Sprintf("%d open", f.Open)
	}
	if f.Shadow > 0 {
		open += fmt.Sprintf(", %d in shadow", f.Shadow)
	}
	return []tile{
		{"Incidents", fmt.Sprint(f.Incidents), open},
		{"Rollbacks that worked", rate(f.SuccessRate), fmt.Sprintf("%d of %d begun are verified", f.RollbacksCompleted, f.RollbacksStarted)},
		{"Time to roll back", length(f.MedianSeconds), "median; average " + length(f.AverageSeconds) + ", 95% within " + length(f.P95Seconds)},
		{"Within the SLA", rate(f.SLACompliance), fmt.Sprintf("%d of %d", f.SLAMet, f.SLAKnown)},
		{"Breach to firing", length(f.DetectionMedianSeconds), "median, the window included"},
		{"False alarms", fmt.Sprint(f.FalseAlarms), "recovered with nothing changed"},
	}
}

// mostCounts is how many rows a count has.
const mostCounts = 8

func countRows(counts []Count) []countRow {
	most := 0
	for _, c := range counts {
		most = max(most, c.Count)
	}
	var rows []countRow
	for _, c := range counts[:min(len(counts), mostCounts)] {
		rows = append(rows, countRow{Name: words(c.Name), Count: c.Count, Share: share(c.Count, most)})
	}
	return rows
}

func summaryOf(s incident.Summary, now time.Time) summaryRow {
	inc := &incident.Incident{State: s.State, Outcome: s.Outcome}
	r := summaryRow{
		ID: s.ID, Link: "/incidents/" + url.PathEscape(s.ID), Service: s.Service, Triggers: strings.Join(s.Triggers, ", "), Severity: severityState(s.Severity),
		Shadow: s.Mode == "shadow", Opened: instant(s.OpenedAt, now), Way: s.Version,
	}
	if run := s.Rollback; run != nil {
		inc.Rollback = &incident.Run{State: run.State}
		r.Way = wayOf(run.From, run.To)
		if run.DurationSeconds > 0 {
			r.Took = span(time.Duration(run.DurationSeconds * float64(time.Second)))
		}
		r.SLAMissed = run.SLAMet != nil && !*run.SLAMet
	}
	r.State = incidentState(inc)
	if s.State != incident.Closed && s.HeldBy != "" {
		r.Note = "held by " + words(string(s.HeldBy))
	}
	if s.Rehearsal {
		r.Note = "rehearsal"
	}
	return r
}
