package backtest

import (
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/chart"
)

// mostDetails is how many firings of a trigger have a chart of their own.
const mostDetails = 24

// chartsOf draws a trigger: each of its comparisons over the whole period, and
// each firing from near. The second result counts the firings without a chart
// of their own, for want of room or of recorded detail.
func (r *Report) chartsOf(one *Result, s *ServiceResult, t TriggerResult) (whole, near []chart.Chart, without int) {
	for _, c := range t.Conditions {
		series, known := r.seriesOf(s.Service, c.Metric)
		if !known || c.Op == "absent" {
			continue
		}
		base := chart.Chart{
			Title: s.Service + ": " + t.Name + ", " + c.Metric, Note: t.When, Unit: chart.Unit(series.Unit),
			Points: series.chartPoints(), Step: seconds(series.PointSeconds),
			Threshold: &chart.Threshold{Value: c.Threshold, Label: strings.TrimSpace(c.Op + " " + c.ThresholdText)},
		}
		base.From, base.To = r.From.UTC(), r.To.UTC()
		all := base
		all.Bands, all.Marks = one.bandsOf(s.Service), s.marksOf(t.Name)
		for _, f := range s.firingsOf(t.Name) {
			all.Bands = append(all.Bands, f.window())
			if detail, enough := one.near(base, series, s, f); enough && len(near) < mostDetails {
				near = append(near, detail)
			} else {
				without++
			}
		}
		whole = append(whole, all)
	}
	return whole, near, without
}

func (r *Report) seriesOf(service, metric string) (Series, bool) {
	i := slices.IndexFunc(r.Series, func(s Series) bool { return s.Service == service && s.Metric == metric })
	if i < 0 {
		return Series{}, false
	}
	return r.Series[i], true
}

func (s *ServiceResult) firingsOf(trigger string) []Firing {
	return slices.DeleteFunc(slices.Clone(s.Firings), func(f Firing) bool { return f.Trigger != trigger })
}

// chartPoints are two points of a chart for each of a series that stands for
// more than one value.
func (s *Series) chartPoints() []chart.Point {
	points := make([]chart.Point, 0, len(s.Points))
	for i, p := range s.Points {
		at := s.From.Add(seconds(s.PointSeconds * float64(i)))
		point := chart.Point{T: at, V: p.Min, Known: p.Known > 0, Partly: p.Unknown+p.Missing > 0}
		points = append(points, point)
		if point.Known && p.Max != p.Min {
			point.V = p.Max
			points = append(points, point)
		}
	}
	return points
}

// window is the stretch that the hold asked for.
func (f *Firing) window() chart.Band {
	return chart.Band{From: f.Onset, To: f.FiredAt, Kind: chart.Window, Label: "window, from onset to firing"}
}

func (r *Result) bandsOf(service string) []chart.Band {
	var bands []chart.Band
	for _, a := range r.Assumed {
		if a.Service == service {
			bands = append(bands, chart.Band{From: a.From, To: a.To, Kind: chart.Assumed, Label: "assumed instead of what is drawn"})
		}
	}
	return bands
}

// marksOf are what happened to a service, as far as it concerns a trigger.
func (s *ServiceResult) marksOf(trigger string) []chart.Mark {
	var marks []chart.Mark
	for _, d := range s.Deployments {
		if !d.FirstLook && !d.Ignored {
			marks = append(marks, chart.Mark{At: d.At, Kind: chart.Deployment, Label: d.Version + " deployed"})
		}
	}
	for _, f := range s.firingsOf(trigger) {
		marks = append(marks, chart.Mark{At: f.Onset, Kind: chart.Onset},
			chart.Mark{At: f.FiredAt, Kind: chart.Firing, Label: strings.TrimSpace("fires at " + f.ValueText)})
	}
	for _, i := range s.Incidents {
		if slices.Contains(i.Triggers, trigger) {
			marks = append(marks, s.decisions(i)...)
		}
	}
	return marks
}

// decisions are what was decided in an incident, and what came of it.
func (s *ServiceResult) decisions(i Incident) []chart.Mark {
	var marks []chart.Mark
	for _, h := range i.Holds {
		marks = append(marks, chart.Mark{At: h.At, Kind: chart.Held, Label: strings.TrimSpace("held by " + string(h.Guard))})
	}
	for _, b := range s.Rollbacks {
		if b.Incident != i.ID || b.Reopened != i.Reopened {
			continue
		}
		marks = append(marks, chart.Mark{At: b.DecidedAt, Kind: chart.Decision, Label: "decided: " + i.Response})
		if !b.StartedAt.IsZero() {
			marks = append(marks, chart.Mark{At: b.StartedAt, Kind: chart.Rollback, Label: "rollback " + b.From + " → " + b.To})
		}
		if b.State == "completed" && !b.EndedAt.IsZero() {
			marks = append(marks, chart.Mark{At: b.EndedAt, Kind: chart.Verified})
		}
	}
	return marks
}

// leastNear is how many points a chart from near must have to be worth it.
const leastNear = 10

// near is a chart of one firing: some time before its onset to some time after.
// It is false where the recorded points are too far apart to show it.
func (r *Result) near(base chart.Chart, series Series, s *ServiceResult, f Firing) (chart.Chart, bool) {
	window := max(f.FiredAt.Sub(f.Onset), 2*time.Minute)
	base.From = later(f.Onset.Add(-2*window).UTC(), base.From)
	base.To = earlier(f.FiredAt.Add(3*window).UTC(), base.To)
	if seconds(series.PointSeconds*leastNear) > base.To.Sub(base.From) {
		return base, false
	}
	base.Bands = append(r.bandsOf(s.Service), f.window())
	base.Marks = s.marksOf(f.Trigger)
	return base, true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
