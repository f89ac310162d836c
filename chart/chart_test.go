package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/chart"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// spaced are values one step apart from the start on; NaN is unknown.
func spaced(step time.Duration, values ...float64) []chart.Point {
	points := make([]chart.Point, len(values))
	for i, v := range values {
		points[i] = chart.Point{T: at(time.Duration(i) * step), V: v, Known: !math.IsNaN(v)}
	}
	return points
}

// generated are n values of a function of their index.
func generated(step time.Duration, n int, value func(i int) float64) []chart.Point {
	values := make([]float64, n)
	for i := range values {
		values[i] = value(i)
	}
	return spaced(step, values...)
}

// badRelease is the chart of the usual story: an error rate that climbs after a
// deployment, fires, and is well again after the rollback.
func badRelease() chart.Chart {
	points := generated(15*time.Second, 81, func(i int) float64 {
		noise := 0.0005 * float64(i*7%5)
		switch {
		case i >= 30 && i <= 36:
			return math.NaN()
		case i >= 16 && i < 42:
			return 0.08 + 4*noise
		}
		return 0.002 + noise
	})
	return chart.Chart{
		Title: "checkout: errors", Note: "error_rate > 1% for 2m", Unit: chart.Ratio,
		From: at(0), To: at(20 * time.Minute), Points: points,
		Threshold: &chart.Threshold{Value: 0.01, Label: "> 1%"},
		Bands:     []chart.Band{{From: at(4 * time.Minute), To: at(6 * time.Minute), Kind: chart.Window, Label: "window, 2m"}},
		Marks: []chart.Mark{
			{At: at(3 * time.Minute), Kind: chart.Deployment, Label: "v2 deployed"},
			{At: at(4 * time.Minute), Kind: chart.Onset},
			{At: at(6 * time.Minute), Kind: chart.Firing, Label: "errors fires"},
			{At: at(6*time.Minute + time.Second), Kind: chart.Decision, Label: "decided: rollback"},
			{At: at(6*time.Minute + 2*time.Second), Kind: chart.Rollback, Label: "rollback v2 → v1"},
			{At: at(16 * time.Minute), Kind: chart.Verified},
		},
	}
}

// narrow is the same chart for a phone.
func narrow(c chart.Chart) chart.Chart {
	c.Width, c.Height = 360, 180
	return c
}

// month is thirty days at 15 s, with an hour and many single ticks missing, in a
// zone that sets its clocks within them.
func month(tb testing.TB) chart.Chart {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	from := time.Date(2026, 3, 10, 0, 0, 0, 0, zone)
	const ticks = 30 * 24 * 240
	points := make([]chart.Point, ticks)
	for i := range points {
		v := 0.120 + 0.03*math.Sin(float64(i)/1000) + 0.001*float64(i*31%17)
		if i%9973 < 8 {
			v = 0.7
		}
		missing := i > 100_000 && i < 104_000 || i%20_011 < 2
		points[i] = chart.Point{T: from.Add(time.Duration(i) * 15 * time.Second), V: v, Known: !missing}
	}
	c := chart.Chart{
		Title: "checkout: slow", Note: "latency_p99 > 500ms for 5m", Unit: chart.Seconds, From: from, To: from.AddDate(0, 0, 30),
		Points: points, Threshold: &chart.Threshold{Value: 0.5, Label: "> 500ms"},
		Bands: []chart.Band{{From: from.AddDate(0, 0, 21), To: from.AddDate(0, 0, 22), Kind: chart.Assumed}},
	}
	for i := range 12 {
		c.Marks = append(c.Marks,
			chart.Mark{At: from.Add(time.Duration(i*55+6) * time.Hour), Kind: chart.Deployment, Label: fmt.Sprintf("v%d deployed", i+2)},
			chart.Mark{At: from.Add(time.Duration(i*55+9) * time.Hour), Kind: chart.Firing})
	}
	return c
}

const hostile = `<script>alert(1)</script>"'&]]>` + "\x00\x1b[31m\xff\u202e</svg>"

func hostileChart() chart.Chart {
	c := badRelease()
	c.Title, c.Note = hostile, hostile
	c.Threshold.Label = hostile
	c.Bands[0].Label = hostile
	for i := range c.Marks {
		c.Marks[i].Label = hostile
	}
	return c
}

type example struct {
	name  string
	chart chart.Chart
}

func examples(tb testing.TB) []example {
	tb.Helper()
	latency := generated(15*time.Second, 60, func(i int) float64 { return 100 + float64(i*i)/3 })
	bytes := generated(time.Hour, 40, func(i int) float64 { return float64(i * 90 << 20) })
	return []example{
		{"bad-release", badRelease()},
		{"bad-release-narrow", narrow(badRelease())},
		{"month", month(tb)},
		{"month-narrow", narrow(month(tb))},
		{"hostile", hostileChart()},
		{"empty", chart.Chart{Title: "nothing", From: at(0), To: at(time.Hour)}},
		{"zero", chart.Chart{}},
		{"one-point", chart.Chart{Title: "one", Unit: chart.Bytes, From: at(0), To: at(time.Hour), Points: spaced(0, 3<<20)}},
		{"negative", chart.Chart{Title: "balance", Points: spaced(time.Minute, -3, 2, -5, 4, 0)}},
		{"milliseconds", chart.Chart{Title: "p99", Unit: chart.Milliseconds, Points: latency, Threshold: &chart.Threshold{Value: 500}}},
		{"bytes", chart.Chart{Title: "heap", Unit: chart.Bytes, Points: bytes}},
		{"far-threshold", chart.Chart{Title: "low", Points: spaced(time.Minute, 1, 2, 1), Threshold: &chart.Threshold{Value: 5000}}},
		{"all-unknown", chart.Chart{Title: "blind", From: at(0), To: at(5 * time.Minute), Points: spaced(time.Minute, math.NaN(), math.Inf(1))}},
	}
}

func drawn(tb testing.TB, c chart.Chart) string {
	tb.Helper()
	var b bytes.Buffer
	if err := c.WriteSVG(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func inlined(tb testing.TB, c chart.Chart) string {
	tb.Helper()
	var b bytes.Buffer
	if err := c.WriteInline(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			path, got := filepath.Join("testdata", e.name+".svg"), drawn(t, e.chart)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the drawing differs from %s (-want +got); look at it, then go test -update:\n%s", path, diff)
			}
		})
	}
}

// element is a start tag of a drawing.
type element struct {
	name       string
	attributes map[string]string
}

// parsed are the elements and the text of a drawing, which must be well-formed.
func parsed(tb testing.TB, svg string) ([]element, string) {
	tb.Helper()
	var elements []element
	var text strings.Builder
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return elements, text.String()
		case err != nil:
			tb.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			elements = append(elements, e)
		case xml.CharData:
			text.Write(token)
		}
	}
}

// sound is what every drawing is held to.
func sound(tb testing.TB, svg string, standing bool) {
	tb.Helper()
	allowed := map[string]bool{
		"svg": true, "title": true, "desc": true, "style": standing, "rect": true, "path": true, "circle": true, "text": true, "g": true,
	}
	elements, _ := parsed(tb, svg)
	for _, e := range elements {
		if !allowed[e.name] {
			tb.Errorf("element %q does not belong in a chart", e.name)
		}
		for name, value := range e.attributes {
			active := strings.HasPrefix(name, "on") || name == "href" || name == "style" || name == "id" || strings.Contains(value, "url(")
			if active {
				tb.Errorf("%s %s=%q: a chart refers to nothing and runs nothing", e.name, name, value)
			}
			if name != "class" && (strings.Contains(value, "NaN") || strings.Contains(value, "Inf")) {
				tb.Errorf("%s %s=%q is not a place", e.name, name, value)
			}
		}
	}
	if elements[0].name != "svg" || elements[0].attributes["role"] != "img" || elements[1].name != "title" || elements[2].name != "desc" {
		tb.Errorf("a chart begins with svg role=img, title, desc; this one with %v", elements[:3])
	}
}

func TestEveryDrawingIsSound(t *testing.T) {
	for _, e := range examples(t) {
		sound(t, drawn(t, e.chart), true)
		sound(t, inlined(t, e.chart), false)
	}
}
