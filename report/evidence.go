package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/chart"
	"github.com/rollbackd/rollbackd/incident"
)

// EvidenceChart draws what a trigger of an incident showed: its values, the
// threshold, the window from onset to firing, and what was decided and done. It is
// the same chart on the page, in a report and in an e-mail; each sets the width
// that it has room for. It is false where no value of that trigger is on record.
func EvidenceChart(inc *incident.Incident, trigger string) (chart.Chart, bool) {
	i := slices.IndexFunc(inc.Samples, func(s incident.Series) bool { return s.Trigger == trigger })
	if i < 0 {
		return chart.Chart{}, false
	}
	series := inc.Samples[i]
	points, known := chartPoints(series.Points)
	if !known {
		return chart.Chart{}, false
	}
	c := chart.Chart{Title: line(inc.Service + ": " + trigger), Unit: chart.Unit(series.Unit), Points: points}
	c.From, c.To = spanOf(series.Points)
	c.To, c.Step = untilClosed(inc, c.To), stepOf(series.Points)
	if series.Threshold != nil {
		c.Threshold = &chart.Threshold{Value: *series.Threshold, Label: line(series.ThresholdText)}
	}
	if ev, found := evidenceOf(inc, trigger); found {
		c.Note = line(ev.When)
		c.Bands, c.Marks = windowOf(ev)
	}
	c.Marks = append(c.Marks, marksOf(inc)...)
	c.To = untilMarked(c)
	return c, true
}

// chartPoints are the points of a series, and whether any of them is known.
func chartPoints(seen []incident.Point) (points []chart.Point, known bool) {
	for _, p := range seen {
		point := chart.Point{T: p.At.UTC()}
		if p.Value != nil {
			point.V, point.Known, known = *p.Value, true, true
		}
		points = append(points, point)
	}
	return points, known
}

// spanOf is from the first point to the last, in UTC as everything else.
func spanOf(points []incident.Point) (from, to time.Time) {
	for _, p := range points {
		if from.IsZero() || p.At.Before(from) {
			from = p.At
		}
		if p.At.After(to) {
			to = p.At
		}
	}
	return from.UTC(), to.UTC()
}

// afterwards is how much of what came after the close a chart shows at most.
const afterwards = 5 * time.Minute

// untilClosed cuts off what was seen long after an incident was closed: the chart
// is about the breach.
func untilClosed(inc *incident.Incident, to time.Time) time.Time {
	if inc.State != incident.Closed || !inc.ClosedAt.Add(afterwards).Before(to) {
		return to
	}
	return inc.ClosedAt.Add(afterwards).UTC()
}

// untilMarked goes on to what was decided right after the last point: a rollback is
// verified milliseconds after the sample that says so, and its mark belongs on the
// chart.
func untilMarked(c chart.Chart) time.Time {
	to := c.To
	for _, m := range c.Marks {
		if m.At.After(to) && !m.At.After(c.To.Add(afterwards)) {
			to = m.At.UTC()
		}
	}
	return to
}

// stepOf is how far apart points usually are. The older half of a long series is
// thinned out: points further apart there are no gap.
func stepOf(points []incident.Point) time.Duration {
	return max(usualDistance(points), usualDistance(points[:len(points)/2]))
}

// usualDistance is the median of the distances between points; zero with fewer
// than two.
func usualDistance(points []incident.Point) time.Duration {
	var apart []time.Duration
	for i := 1; i < len(points); i++ {
		apart = append(apart, points[i].At.Sub(points[i-1].At))
	}
	if len(apart) == 0 {
		return 0
	}
	slices.Sort(apart)
	return apart[len(apart)/2]
}

func evidenceOf(inc *incident.Incident, trigger string) (incident.Evidence, bool) {
	i := slices.IndexFunc(inc.Triggers, func(e incident.Evidence) bool { return e.Name == trigger })
	if i < 0 {
		return incident.Evidence{}, false
	}
	return inc.Triggers[i], true
}

// windowOf is the stretch that the hold asked for, with its two ends marked.
func windowOf(ev incident.Evidence) (bands []chart.Band, marks []chart.Mark) {
	if ev.Since.IsZero() || ev.FiredAt.IsZero() {
		return nil, nil
	}
	if ev.FiredAt.After(ev.Since) {
		bands = append(bands, chart.Band{From: ev.Since, To: ev.FiredAt, Kind: chart.Window, Label: "window, from onset to firing"})
		marks = append(marks, chart.Mark{At: ev.Since, Kind: chart.Onset})
	}
	return bands, append(marks, chart.Mark{At: ev.FiredAt, Kind: chart.Firing, Label: line("fires at " + ev.ValueText)})
}

// marksOf are what was decided and done in an incident. A run has its beginning
// and its end; of decisions only what led to a run, and what holds it now.
func marksOf(inc *incident.Incident) []chart.Mark {
	var marks []chart.Mark
	if d := inc.Deployment; d != nil && !d.FirstLook {
		marks = append(marks, chart.Mark{At: d.StartedAt, Kind: chart.Deployment, Label: line(d.Version + " deployed")})
	}
	for _, run := range runsOf(inc) {
		marks = append(marks, runMarks(run)...)
	}
	at := decidedAt(inc)
	ended := slices.ContainsFunc(runsOf(inc), func(run *incident.Run) bool { return run.EndedAt.Equal(at) }) // then the end's mark says it
	if !at.IsZero() && !ended && inc.Decision.HeldBy != "" {
		marks = append(marks, chart.Mark{At: at, Kind: chart.Held, Label: "held by " + string(inc.Decision.HeldBy)})
	}
	return marks
}

func runMarks(run *incident.Run) []chart.Mark {
	marks := []chart.Mark{
		{At: run.DecidedAt, Kind: chart.Decision, Label: "decided to roll back"},
		{At: run.StartedAt, Kind: chart.Rollback, Label: line("rollback " + fromTo(run.From, run.To))},
	}
	switch {
	case run.EndedAt.IsZero():
	case run.State == incident.RunCompleted:
		marks = append(marks, chart.Mark{At: run.EndedAt, Kind: chart.Verified})
	default:
		marks = append(marks, chart.Mark{At: run.EndedAt, Kind: chart.Held, Label: fmt.Sprintf("rollback ended %s", run.State)})
	}
	return marks
}

// runsOf are the rollbacks of an incident, the oldest first.
func runsOf(inc *incident.Incident) []*incident.Run {
	runs := slices.Clone(inc.EarlierRollbacks)
	if inc.Rollback != nil {
		runs = append(runs, inc.Rollback)
	}
	return runs
}

// decidedAt is when the decision in force was made; zero where the timeline does
// not say.
func decidedAt(inc *incident.Incident) time.Time {
	for _, m := range slices.Backward(inc.Timeline) {
		if m.Kind == incident.KindDecided {
			return m.At
		}
	}
	return time.Time{}
}

// fromTo is the way of a rollback; empty where versions are not known.
func fromTo(from, to string) string {
	switch {
	case from == "" && to == "":
		return ""
	case to == "":
		return from
	case from == "":
		return "to " + to
	}
	return from + " → " + to
}
