package backtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// What the table and the page say alike is made here: a report in lines of
// words. All times are UTC.

const (
	instantLayout = "2006-01-02 15:04:05"
	noneShown     = "-"
)

func instant(t time.Time) string {
	if t.IsZero() {
		return noneShown
	}
	return t.UTC().Format(instantLayout)
}

// length writes a stretch of time as people say it: 45s, 2m, 2h13m, 30d.
func length(d time.Duration) string {
	if d < 0 {
		return "-" + length(-d)
	}
	if d > time.Second {
		d = d.Round(time.Second)
	}
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func delay(s *float64) string {
	if s == nil {
		return noneShown
	}
	return length(seconds(*s))
}

func orNone(text string) string { return cmp.Or(text, noneShown) }

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// period is the first line: what was asked.
func (r *Report) period() string {
	return fmt.Sprintf("%s to %s UTC: %s in %s of %s", instant(r.From), instant(r.To), length(r.span()), counted(r.Ticks, "tick"), length(seconds(r.StepSeconds)))
}

// span is how long the ticks stand for, the last one included.
func (r *Report) span() time.Duration { return seconds(r.StepSeconds * float64(r.Ticks)) }

// gapRow is one gap in words.
type gapRow struct{ From, To, Length, What, Why string }

func (r *Report) gapRows() []gapRow {
	rows := make([]gapRow, len(r.Gaps))
	for i, g := range r.Gaps {
		rows[i] = gapRow{From: instant(g.From), To: instant(g.To), Length: length(g.To.Sub(g.From)), What: g.what(), Why: g.Reason}
	}
	return rows
}

// what names what was not known.
func (g Gap) what() string {
	var what string
	switch g.Kind {
	case GapUnknown, GapMissing:
		what = string(g.Kind)
	case GapEverything:
		what = "no series of anything"
	case GapBefore:
		what = "before the history begins"
	case GapVersion:
		what = "running version not seen"
	default:
		what = string(g.Kind)
	}
	if of := strings.Trim(g.Service+" "+g.Metric, " "); of != "" {
		return of + ": " + what
	}
	return what
}

// coverageRow says how much of the period was not known of a series. Series that
// were known all the time have none.
type coverageRow struct{ Series, Unknown, Missing, Known string }

func (r *Report) coverageRows() []coverageRow {
	var rows []coverageRow
	for _, c := range r.Known {
		if c.UnknownSeconds == 0 && c.MissingSeconds == 0 {
			continue
		}
		rows = append(rows, coverageRow{
			Series:  c.Service + " " + c.Metric,
			Unknown: length(seconds(c.UnknownSeconds)), Missing: length(seconds(c.MissingSeconds)),
			Known: length(seconds(c.KnownSeconds)) + " of " + length(r.span()),
		})
	}
	return rows
}

// incidentRow is one would-be incident in words.
type incidentRow struct {
	Opened, Service, Severity, Evidence, FiredAfter, Response, Outcome string
	// What is what would have been done, or why nothing.
	What []string
	at   time.Time
}

func (r *Result) incidentRows() []incidentRow {
	var rows []incidentRow
	for _, s := range r.Services {
		for _, i := range s.Incidents {
			rows = append(rows, s.row(i))
		}
	}
	slices.SortStableFunc(rows, func(a, b incidentRow) int { return a.at.Compare(b.at) })
	return rows
}

func (s *ServiceResult) row(i Incident) incidentRow {
	row := incidentRow{
		Opened: instant(i.OpenedAt), Service: s.Service, Severity: i.Severity.String(), Response: orNone(i.Response),
		Evidence: strings.Join(i.Triggers, ", "), FiredAfter: noneShown, Outcome: i.outcome(), at: i.OpenedAt,
	}
	var evidence []string
	for _, f := range s.Firings {
		if f.Incident != i.ID || f.Reopened != i.Reopened {
			continue
		}
		evidence = append(evidence, f.evidence())
		if len(evidence) == 1 {
			row.FiredAfter = f.firedAfter()
		}
	}
	if len(evidence) > 0 {
		row.Evidence = evidence[0]
		if more := len(evidence) - 1; more > 0 {
			row.Evidence += fmt.Sprintf(" (+%d)", more)
		}
	}
	row.What = s.what(i)
	return row
}

// evidence is the trigger with its value and its threshold.
func (f *Firing) evidence() string {
	text := f.Trigger
	if f.ValueText != "" {
		text += " " + f.ValueText
	}
	if f.Threshold != "" {
		text += " (" + f.Threshold + ")"
	}
	return text
}

// firedAfter is how long the breach had lasted, and how much of that was not
// asked for by the hold.
func (f *Firing) firedAfter() string {
	text := length(f.FiredAt.Sub(f.Onset))
	if over := seconds(f.OvershootSeconds); over > 0 {
		text += " (+" + length(over) + ")"
	}
	return text
}

func (i *Incident) outcome() string {
	if i.Outcome != "" {
		return string(i.Outcome)
	}
	return "open: " + string(i.State)
}

// what is what would have been done: rollbacks first, then what held it.
func (s *ServiceResult) what(i Incident) []string {
	var lines []string
	for _, b := range s.Rollbacks {
		if b.Incident == i.ID && b.Reopened == i.Reopened {
			lines = append(lines, b.text())
		}
	}
	for _, h := range i.Holds {
		lines = append(lines, "held by "+h.text())
	}
	for _, h := range i.Caps {
		lines = append(lines, "lowered by "+h.text())
	}
	if i.WaitedForPeople {
		lines = append(lines, "waited for people; nobody answers in a backtest")
	}
	if len(lines) == 0 {
		lines = i.nothing()
	}
	if i.Reopened > 0 {
		lines = slices.Insert(lines, 0, "opened again after its rollback, and never rolled back a second time by itself")
	}
	if i.Label != "" {
		lines = append(lines, "label: "+i.Label)
	}
	return lines
}

// nothing is what is said of an incident that led to nothing: that it was well
// before its response was due, where that is why.
func (i *Incident) nothing() []string {
	if i.Outcome == incident.Recovered && i.Response != "" && i.Response != "notify" {
		return []string{"nothing: well again before its " + i.Response + " was due", i.Reason}
	}
	return []string{orNone(i.Reason)}
}

func (b *Rollback) text() string {
	direction := "rolled back"
	if b.From != "" || b.To != "" {
		direction += " " + b.From + " → " + b.To
	}
	if b.StartedAt.IsZero() {
		return direction + ", decided at " + instant(b.DecidedAt) + ", changed nothing: " + string(b.State)
	}
	return direction + " at " + b.StartedAt.UTC().Format(time.TimeOnly) + ", " + length(b.StartedAt.Sub(b.Onset)) + " after the onset: " + string(b.State)
}

func (h *Hold) text() string {
	text := cmp.Or(string(h.Guard), "a limit")
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

// totalsText is the closing line of a result.
func (r *Result) totalsText() string {
	t := r.Totals
	text := fmt.Sprintf("%s, %s, %s, %d held", counted(t.Firings, "firing"), counted(t.Incidents, "incident"), counted(t.Rollbacks, "rollback"), t.Held)
	var guards []string
	for _, guard := range slices.Sorted(maps.Keys(t.HeldBy)) {
		guards = append(guards, fmt.Sprintf("%s %d", guard, t.HeldBy[guard]))
	}
	if len(guards) > 0 {
		text += " (" + strings.Join(guards, ", ") + ")"
	}
	return text + ", " + counted(t.Asked, "question") + " to people"
}

// assumptionRow is one stretch that was assumed.
type assumptionRow struct{ Service, From, To, Text string }

func (r *Result) assumptionRows() []assumptionRow {
	rows := make([]assumptionRow, len(r.Assumed))
	for i, a := range r.Assumed {
		rows[i] = assumptionRow{Service: a.Service, From: instant(a.From), To: instant(a.To), Text: a.Text}
	}
	return rows
}

// variant names a result among others: what was set.
func (r *Result) variant() string {
	if len(r.Set) == 0 {
		return "as configured"
	}
	return strings.Join(r.Set, "; ")
}

// variantRow compares one variant with the others.
type variantRow struct {
	Number, Variant, Firings, Incidents, Rollbacks, Held, Asked string
	Precision, Recall, Median, P95                              string
}

func (r *Report) variantRows() []variantRow {
	rows := make([]variantRow, len(r.Results))
	for i, one := range r.Results {
		t := one.Totals
		rows[i] = variantRow{
			Number: fmt.Sprint(i + 1), Variant: one.variant(),
			Firings: fmt.Sprint(t.Firings), Incidents: fmt.Sprint(t.Incidents), Rollbacks: fmt.Sprint(t.Rollbacks),
			Held: fmt.Sprint(t.Held), Asked: fmt.Sprint(t.Asked),
		}
		if s := one.Score; s != nil {
			a := s.Rollbacks
			rows[i].Precision, rows[i].Recall = share(a.Precision, a.Right, a.All), share(a.Recall, a.Found, a.Labels)
			rows[i].Median, rows[i].P95 = delay(a.MedianDelaySeconds), delay(a.P95DelaySeconds)
		}
	}
	return rows
}

// share writes a part of a whole with its numbers, as 91% of 2 is not 91% of 200.
func share(part *float64, have, of int) string {
	if part == nil {
		return noneShown
	}
	return fmt.Sprintf("%.0f%% (%d/%d)", *part*100, have, of)
}

// scoreRow is one line of a score.
type scoreRow struct{ Of, Precision, Recall, NotSeen, Median, P95 string }

func (s *Score) rows() []scoreRow {
	one := func(of string, a Accuracy) scoreRow {
		return scoreRow{
			Of: of, Precision: share(a.Precision, a.Right, a.All), Recall: share(a.Recall, a.Found, a.Labels),
			NotSeen: fmt.Sprint(a.NotSeen), Median: delay(a.MedianDelaySeconds), P95: delay(a.P95DelaySeconds),
		}
	}
	return []scoreRow{one("rollbacks", s.Rollbacks), one("firings", s.Firings)}
}

// labelRow is what became of one label.
type labelRow struct{ Name, Service, From, Length, Rollback, Firing, Note string }

func (r *Report) labelRows(one *Result) []labelRow {
	if one.Score == nil {
		return nil
	}
	var rows []labelRow
	for i, s := range one.Score.Labels {
		row := labelRow{
			Name: s.Name, Service: s.Service, From: noneShown, Length: noneShown,
			Rollback: finding(s.Rollback, s.RollbackDelaySeconds), Firing: finding(s.Firing, s.FiringDelaySeconds), Note: s.note(),
		}
		if i < len(r.Labels) {
			l := r.Labels[i]
			row.From, row.Length = instant(l.From), length(l.To.Sub(l.From))
		}
		rows = append(rows, row)
	}
	return rows
}

func finding(f Finding, after *float64) string {
	text := strings.ReplaceAll(string(f), "_", " ")
	if after != nil {
		text += " after " + delay(after)
	}
	return text
}

func (s *LabelScore) note() string {
	var notes []string
	if s.HeldBy != "" {
		notes = append(notes, "held by "+string(s.HeldBy))
	}
	notes = append(notes, s.Notes...)
	if s.Gap != nil {
		notes = append(notes, fmt.Sprintf("gap %s to %s: %s", instant(s.Gap.From), instant(s.Gap.To), s.Gap.what()))
	}
	return strings.Join(notes, "; ")
}
