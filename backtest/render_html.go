package backtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/rollbackd/rollbackd/chart"
)

//go:embed render.html
var pageText string

// mostCharted is how many triggers of all variants together are drawn. A sweep
// of a hundred variants would else be a page that no browser opens.
const mostCharted = 60

// WriteHTML writes the report as one page that needs nothing else: no script, no
// other file. Each trigger is drawn twice, for a screen and for a phone. Its
// error is the writer's.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("backtest").Parse(pageText)
	if err != nil {
		return fmt.Errorf("the page of a backtest: %w", err)
	}
	p, err := r.document()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("the page of a backtest: %w", err)
	}
	_, err = io.WriteString(w, strings.Map(visible, b.String()))
	return err
}

// document is what the template shows.
type document struct {
	Period, Services string
	Stretches        string
	// Nothing are the triggers of which nothing was known.
	Nothing     []string
	Gaps        []gapRow
	GapsLeftOut int
	Coverage    []coverageRow
	Variants    []variantRow
	Scored      bool
	Results     []pageResult
}

// pageResult is one variant on the page.
type pageResult struct {
	Variant, Config, Totals string
	Quiet                   string // what is said where nothing fired
	NotJudged               []NotJudged
	Incidents               []incidentRow
	Assumed                 []assumptionRow
	Score                   []scoreRow
	Labels                  []labelRow
	Triggers                []pageTrigger
	// Uncharted is true where the page had no room for charts of this variant.
	Uncharted bool
}

// pageTrigger is one trigger with its charts.
type pageTrigger struct {
	Title, When, Severity string
	Fired                 string
	Whole, Near           []pageChart
	// Without counts the firings that have no chart of their own.
	Without string
}

// pageChart is one chart at two widths.
type pageChart struct{ Wide, Narrow template.HTML }

func (r *Report) document() (document, error) {
	p := document{
		Period: r.period(), Services: strings.Join(r.Services, ", "), Stretches: counted(len(r.Gaps)+r.GapsLeftOut, "gap"),
		Gaps: r.gapRows(), GapsLeftOut: r.GapsLeftOut, Coverage: r.coverageRows(), Scored: len(r.Labels) > 0,
	}
	for _, n := range r.NothingKnown() {
		p.Nothing = append(p.Nothing, n.Text())
	}
	if len(r.Results) > 1 {
		p.Variants = r.variantRows()
	}
	charted := 0
	for i := range r.Results {
		one := &r.Results[i]
		shown := pageResult{
			Variant: one.variant(), Config: one.Config, Totals: one.totalsText(), Quiet: one.quietText(), NotJudged: one.NotJudged,
			Incidents: one.incidentRows(), Assumed: one.assumptionRows(), Labels: r.labelRows(one),
		}
		if one.Score != nil {
			shown.Score = one.Score.rows()
		}
		if charted += one.triggerCount(); charted > mostCharted && i > 0 {
			shown.Uncharted = true
		} else {
			var err error
			if shown.Triggers, err = r.pageTriggers(one); err != nil {
				return p, err
			}
		}
		p.Results = append(p.Results, shown)
	}
	return p, nil
}

func (r *Result) triggerCount() int {
	n := 0
	for _, s := range r.Services {
		n += len(s.Triggers)
	}
	return n
}

func (r *Report) pageTriggers(one *Result) ([]pageTrigger, error) {
	var all []pageTrigger
	for i := range one.Services {
		s := &one.Services[i]
		for _, t := range s.Triggers {
			whole, near, without := r.chartsOf(one, s, t)
			shown := pageTrigger{
				Title: s.Service + ": " + t.Name, When: t.When, Severity: t.Severity.String(),
				Fired: counted(len(s.firingsOf(t.Name)), "firing"),
			}
			if without > 0 {
				shown.Without = counted(without, "firing")
			}
			var err error
			if shown.Whole, err = drawn(whole); err != nil {
				return nil, err
			}
			if shown.Near, err = drawn(near); err != nil {
				return nil, err
			}
			all = append(all, shown)
		}
	}
	return all, nil
}

// drawn are charts at the width of a screen and of a phone. A page shows the one
// that fits.
func drawn(charts []chart.Chart) ([]pageChart, error) {
	all := make([]pageChart, len(charts))
	for i, c := range charts {
		var err error
		c.Width, c.Height = 960, 220
		if all[i].Wide, err = element(c); err != nil {
			return nil, err
		}
		c.Width, c.Height = 360, 180
		if all[i].Narrow, err = element(c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func element(c chart.Chart) (template.HTML, error) {
	var b bytes.Buffer
	err := c.WriteInline(&b)
	return template.HTML(b.String()), err //nolint:gosec // chart escapes every text it is given, and its tests hold it to that
}
