package page

import (
	"bytes"
	"html/template"

	"github.com/rollbackd/rollbackd/chart"
	"github.com/rollbackd/rollbackd/incident"
)

// chartBytes is how much of a page its charts may take. A trigger that does not
// fit in is in its table all the same.
const chartBytes = 40 << 10

// drawing is a chart at the width of a screen and of a phone: its text has the
// same size in both. A page shows the one that fits.
type drawing struct{ Wide, Narrow template.HTML }

// drawer draws the charts of one page within their share of it.
type drawer struct{ left, width, height int }

// draw is nil where there is no room any more.
func (d *drawer) draw(c chart.Chart) *drawing {
	var out drawing
	c.Width, c.Height = d.width, d.height
	out.Wide = element(c)
	c.Width, c.Height = 340, 170
	out.Narrow = element(c)
	size := len(out.Wide) + len(out.Narrow)
	if size > d.left {
		return nil
	}
	d.left -= size
	return &out
}

func element(c chart.Chart) template.HTML {
	var b bytes.Buffer
	_ = c.WriteInline(&b)            // a buffer takes everything
	return template.HTML(b.String()) //nolint:gosec // chart escapes every text it is given, and its tests hold it to that
}

// recentChart draws what a trigger showed lately.
func recentChart(s incident.Series, t incident.TriggerView) (chart.Chart, bool) {
	c := chart.Chart{Title: t.Name, Unit: chart.Unit(s.Unit)}
	known := false
	for _, p := range s.Points {
		point := chart.Point{T: p.At.UTC()}
		if p.Value != nil {
			point.V, point.Known, known = *p.Value, true, true
		}
		c.Points = append(c.Points, point)
	}
	if n := len(s.Points); n > 1 {
		c.Title += ", the last " + span(s.Points[n-1].At.Sub(s.Points[0].At))
	}
	if s.Threshold != nil {
		c.Threshold = &chart.Threshold{Value: *s.Threshold, Label: s.ThresholdText}
	}
	if !t.Since.IsZero() && len(s.Points) > 0 {
		newest := s.Points[len(s.Points)-1].At
		if t.FiredAt.After(t.Since) {
			c.Bands = append(c.Bands, chart.Band{From: t.Since.UTC(), To: t.FiredAt.UTC(), Kind: chart.Window})
			c.Marks = append(c.Marks, chart.Mark{At: t.FiredAt.UTC(), Kind: chart.Firing})
		} else if newest.After(t.Since) {
			c.Bands = append(c.Bands, chart.Band{From: t.Since.UTC(), To: newest.UTC(), Kind: chart.Window, Label: "window so far"})
		}
		c.Marks = append(c.Marks, chart.Mark{At: t.Since.UTC(), Kind: chart.Onset})
	}
	return c, known
}
