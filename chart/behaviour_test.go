package chart_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/chart"
)

// of are the elements with a class, in order.
func of(elements []element, class string) []element {
	var found []element
	for _, e := range elements {
		if e.attributes["class"] == class {
			found = append(found, e)
		}
	}
	return found
}

func description(tb testing.TB, c chart.Chart) string {
	tb.Helper()
	svg := drawn(tb, c)
	_, rest, _ := strings.Cut(svg, "<desc>")
	text, _, found := strings.Cut(rest, "</desc>")
	if !found {
		tb.Fatal("no description")
	}
	return text
}

func TestUnknownIsNeverALine(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name       string
		points     []chart.Point
		step       time.Duration
		moves      int // polylines begun
		dots, gaps int
	}{
		{"known throughout", spaced(time.Minute, 1, 2, 3, 4), 0, 1, 0, 0},
		{"an unknown point parts the line", spaced(time.Minute, 1, 2, nan, 3, 4), 0, 2, 0, 1},
		{"infinity is not known", spaced(time.Minute, 1, 2, math.Inf(1), 3, 4), 0, 2, 0, 1},
		{"known says no", append(spaced(time.Minute, 1, 2), chart.Point{T: at(2 * time.Minute), V: 9},
			chart.Point{T: at(3 * time.Minute), V: 1, Known: true}), 0, 1, 1, 1},
		{"no point is a gap too", append(spaced(time.Minute, 1, 2, 1), chart.Point{T: at(9 * time.Minute), V: 1, Known: true}), 0, 1, 1, 1},
		{"a step says how far a point reaches", spaced(2*time.Minute, 1, 2, 3), time.Minute, 0, 3, 2},
		{"alone between gaps", spaced(time.Minute, nan, 5, nan), 0, 0, 1, 2},
		{"nothing known", spaced(time.Minute, nan, nan, nan), 0, 0, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			elements, _ := parsed(t, drawn(t, chart.Chart{Points: test.points, Step: test.step}))
			moves := 0
			for _, line := range of(elements, "chart-line") {
				moves += strings.Count(line.attributes["d"], "M")
			}
			gaps := 0
			for _, e := range of(elements, "chart-gap") {
				if e.name == "rect" {
					gaps++
				}
			}
			got := []int{moves, len(of(elements, "chart-dot")), gaps}
			if diff := cmp.Diff([]int{test.moves, test.dots, test.gaps}, got); diff != "" {
				t.Errorf("lines, dots, gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheBeginningAndTheEndAreGapsToo(t *testing.T) {
	c := chart.Chart{From: at(-10 * time.Minute), To: at(20 * time.Minute), Points: spaced(time.Minute, 1, 2, 3)}
	if got := description(t, c); !strings.Contains(got, "Unknown in 2 stretches") {
		t.Errorf("description %q, want both ends unknown", got)
	}
}

// TestManyPointsAreDrawnAsFew holds the drawing of a month to a size, and to
// its one peak.
func TestManyPointsAreDrawnAsFew(t *testing.T) {
	points := generated(15*time.Second, 172_800, func(i int) float64 {
		if i == 100_001 {
			return 40
		}
		return float64(i % 3)
	})
	svg := drawn(t, chart.Chart{Points: points})
	if len(svg) > 64<<10 {
		t.Errorf("%d bytes, want at most 64 KiB", len(svg))
	}
	elements, _ := parsed(t, svg)
	line := of(elements, "chart-line")[0].attributes["d"]
	highest := math.Inf(1)
	for _, place := range regexp.MustCompile(`[ML]([\d.]+) ([\d.]+)`).FindAllStringSubmatch(line, -1) {
		y, err := strconv.ParseFloat(place[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		highest = min(highest, y)
	}
	lowest := func(c chart.Chart) float64 {
		elements, _ := parsed(t, drawn(t, c))
		y, err := strconv.ParseFloat(regexp.MustCompile(`L[\d.]+ ([\d.]+)$`).FindStringSubmatch(of(elements, "chart-line")[0].attributes["d"])[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	if want := lowest(chart.Chart{Points: spaced(time.Minute, 0, 40)}); highest != want {
		t.Errorf("the peak is drawn at %v, want at %v", highest, want)
	}
	if !strings.Contains(svg, "highest 40 at") {
		t.Error("the description does not tell the peak")
	}
}

func TestSingleUnknownTicksOfAMonthAreNotHidden(t *testing.T) {
	points := generated(15*time.Second, 172_800, func(i int) float64 {
		if i == 5000 || i == 90_000 {
			return math.NaN()
		}
		return 1
	})
	c := chart.Chart{Points: points}
	if got := description(t, c); !strings.Contains(got, "Unknown for moments, 2 times") || strings.Contains(got, "stretch") {
		t.Errorf("description %q, want two moments and no stretch", got)
	}
	partly := spaced(time.Minute, 1, 2, 3, 4)
	partly[1].Partly, partly[2].Partly = true, true
	if got := description(t, chart.Chart{Points: partly}); !strings.Contains(got, "Unknown for moments, 1 time") {
		t.Errorf("description %q, want the neighbours as one moment", got)
	}
}

func TestExtremeValuesKeepThePlotWhole(t *testing.T) {
	for _, values := range [][]float64{
		{math.MaxFloat64, -math.MaxFloat64, 0},
		{5e-324, 0, 5e-324},
		{1e-300, 2e-300},
		{1e17, 1e17 + 16},
		{0, 0, 0},
		{-1, -1},
		{math.Inf(-1), math.Inf(1), math.NaN()},
		{math.MaxFloat64},
		{1e-9, 1e9},
	} {
		for _, unit := range []chart.Unit{chart.Plain, chart.Ratio, chart.Seconds, chart.Bytes, "nonsense"} {
			c := chart.Chart{Unit: unit, Points: spaced(time.Minute, values...), Threshold: &chart.Threshold{Value: values[0]}}
			sound(t, drawn(t, c), true)
		}
	}
}

func TestThreshold(t *testing.T) {
	tests := []struct {
		name, want string
		threshold  chart.Threshold
	}{
		{"its value", "500 ms", chart.Threshold{Value: 0.5}},
		{"its label", "&gt; half a second", chart.Threshold{Value: 0.5, Label: "> half a second"}},
		{"far above", "2.78 h (above what is shown)", chart.Threshold{Value: 10_000}},
		{"far below", "-2.78 h (below what is shown)", chart.Threshold{Value: -10_000}},
	}
	for _, test := range tests {
		svg := drawn(t, chart.Chart{Unit: chart.Seconds, Points: spaced(time.Minute, 0.1, 0.2), Threshold: &test.threshold})
		if !strings.Contains(svg, ">"+test.want+"</text>") {
			t.Errorf("%s: no label %q", test.name, test.want)
		}
	}
	c := chart.Chart{Points: spaced(time.Minute, 1, 2), Threshold: &chart.Threshold{Value: math.NaN()}}
	if elements, _ := parsed(t, drawn(t, c)); len(of(elements, "chart-threshold")) > 0 {
		t.Error("a threshold that is not a number is drawn")
	}
}

func TestMarksNeverCoverEachOther(t *testing.T) {
	c := badRelease()
	for i := range 30 {
		c.Marks = append(c.Marks, chart.Mark{At: at(10*time.Minute + time.Duration(i)*time.Second), Kind: chart.MarkKind(i % 7)})
	}
	for _, c := range []chart.Chart{badRelease(), narrow(badRelease()), c, narrow(c)} {
		svg := drawn(t, c)
		above, _, _ := strings.Cut(svg, "chart-legend")
		last, shapes := -100.0, 0
		for _, place := range regexp.MustCompile(`translate\(([\d.]+) `).FindAllStringSubmatch(above, -1) {
			x, err := strconv.ParseFloat(place[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			if x-last < 20 {
				t.Errorf("two marks at %v and %v", last, x)
			}
			last, shapes = x, shapes+1
		}
		if shapes == 0 {
			t.Error("no mark has a shape")
		}
		if lines := strings.Count(svg, `class="chart-mark"`); lines != len(c.Marks) {
			t.Errorf("%d marks are drawn of %d", lines, len(c.Marks))
		}
	}
}

// TestEveryMarkAndBandIsTold holds colour to being never the only signal.
func TestEveryMarkAndBandIsTold(t *testing.T) {
	letters, names := map[string]bool{}, map[string]bool{}
	for kind := range chart.Verified + 1 {
		c := chart.Chart{Points: spaced(time.Minute, 1, 2, 3), Marks: []chart.Mark{{At: at(time.Minute), Kind: kind}}}
		svg := drawn(t, c)
		letter := regexp.MustCompile(`font-weight="700" text-anchor="middle">(.)<`).FindStringSubmatch(svg)[1]
		name := regexp.MustCompile(`03:01:00 ([a-z]+)<`).FindStringSubmatch(svg)[1]
		if letters[letter] || names[name] {
			t.Errorf("mark %d is %q %q, as another one", kind, letter, name)
		}
		letters[letter], names[name] = true, true
		if !strings.Contains(description(t, c), name+" at 5 Jan 2026 03:01:00") {
			t.Errorf("the description does not tell %q", name)
		}
	}
	for kind := range chart.Incident + 1 {
		c := chart.Chart{Points: spaced(time.Minute, 1, 2, 3), Bands: []chart.Band{{From: at(0), To: at(time.Minute), Kind: kind}}}
		name := regexp.MustCompile(`\. ([a-z, ]+) from 5 Jan`).FindStringSubmatch(description(t, c))[1]
		if names[name] || !strings.Contains(drawn(t, c), ">"+name+"</text>") {
			t.Errorf("band %d is %q: not told in the legend, or as another one", kind, name)
		}
		names[name] = true
	}
}

func TestAnUnknownKindIsDrawn(t *testing.T) {
	c := chart.Chart{Points: spaced(time.Minute, 1, 2), Marks: []chart.Mark{{At: at(0), Kind: 99}}, Bands: []chart.Band{{From: at(0), To: at(time.Minute), Kind: -1}}}
	sound(t, drawn(t, c), true)
}

func TestWhatLiesOutsideIsLeftOut(t *testing.T) {
	c := chart.Chart{
		From: at(0), To: at(time.Minute), Points: spaced(10*time.Second, 1, 1, 1, 1, 1, 1, 1, 500),
		Marks: []chart.Mark{{At: at(time.Hour)}}, Bands: []chart.Band{{From: at(time.Hour), To: at(2 * time.Hour)}, {From: at(50), To: at(20)}},
	}
	elements, text := parsed(t, drawn(t, c))
	if len(of(elements, "chart-mark")) > 0 || len(of(elements, "chart-band")) > 0 || strings.Contains(text, "500") {
		t.Error("something outside of the axis is drawn")
	}
}

func TestTimesAreTheZonesOwn(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 3, 29, 0, 0, 0, 0, berlin) // clocks go from 02:00 to 03:00
	c := chart.Chart{From: from, To: from.Add(8 * time.Hour), Width: 1200}
	_, text := parsed(t, drawn(t, c))
	for _, want := range []string{"29 Mar\n", "01:00\n", "03:00\n", "09:00\n", "29 Mar 2026, CET (UTC+01:00), then CEST (UTC+02:00)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the axis has no %q", strings.TrimSpace(want))
		}
	}
	if strings.Contains(text, "02:00\n") {
		t.Error("the axis has an hour that this day did not have")
	}
}

func TestInlineNeedsNothingThatAPolicyRefuses(t *testing.T) {
	svg := inlined(t, badRelease())
	for _, refused := range []string{"<style", "style=", "<?xml", "chart-paper", `width="720"`} {
		if strings.Contains(svg, refused) {
			t.Errorf("an inline chart has %q", refused)
		}
	}
	if !strings.HasPrefix(svg, "<svg ") || !strings.Contains(svg, `fill="currentColor"`) {
		t.Error("an inline chart begins with svg and takes the page's colour")
	}
}

func TestSizesAreBounded(t *testing.T) {
	for wanted, width := range map[int]string{0: "720", -3: "720", 10: "240", 360: "360", 1 << 40: "4000"} {
		elements, _ := parsed(t, drawn(t, chart.Chart{Width: wanted, Height: wanted}))
		if got := elements[0].attributes["width"]; got != width {
			t.Errorf("width %d is drawn %s wide, want %s", wanted, got, width)
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		unit chart.Unit
		v    float64
		want string
	}{
		{chart.Ratio, 0.081, "8.1%"},
		{chart.Ratio, 0.0812345, "8.12%"},
		{chart.Ratio, 1, "100%"},
		{chart.Ratio, 0, "0%"},
		{chart.Percent, 12.5, "12.5%"},
		{chart.Seconds, 0.512, "512 ms"},
		{chart.Seconds, 1, "1 s"},
		{chart.Seconds, 0.00002, "20 µs"},
		{chart.Seconds, 150, "2.5 min"},
		{chart.Milliseconds, 750, "750 ms"},
		{chart.Milliseconds, 2500, "2.5 s"},
		{chart.Bytes, 3 << 20, "3 MiB"},
		{chart.Bytes, 512, "512 B"},
		{chart.PerSecond, 12, "12 /s"},
		{chart.PerSecond, 2500, "2.5k /s"},
		{chart.Plain, 1234, "1234"},
		{chart.Plain, 2500, "2.5k"},
		{chart.Plain, -0.25, "-0.25"},
		{"furlongs", 3, "3"},
		{chart.Plain, math.NaN(), "NaN"},
		{chart.Plain, 1e300, "1e+291G"},
		{chart.Plain, 1e-9, "1e-09"},
	}
	for _, test := range tests {
		if got := test.unit.Format(test.v); got != test.want {
			t.Errorf("%s %v is %q, want %q", test.unit, test.v, got, test.want)
		}
	}
}

// refusing is a writer that takes nothing.
type refusing struct{}

var errRefused = errors.New("no room")

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

func TestTheWritersErrorIsTold(t *testing.T) {
	if err := badRelease().WriteSVG(refusing{}); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want the writer's", err)
	}
}

func TestSameBytesForTheSameChart(t *testing.T) {
	for _, e := range examples(t) {
		if diff := cmp.Diff(drawn(t, e.chart), drawn(t, e.chart)); diff != "" {
			t.Errorf("%s: two drawings differ:\n%s", e.name, diff)
		}
	}
}

func FuzzChart(f *testing.F) {
	f.Add("checkout: errors", "ratio", int64(0), int64(1200), 0.01, 0.08, -1.0, 720, 5)
	f.Add(hostile, hostile, int64(-1<<62), int64(1<<62), math.NaN(), math.Inf(1), math.MaxFloat64, -1, 60)
	f.Add("", "bytes", int64(1e9), int64(5), 5e-324, -5e-324, 0.0, 1<<30, 0)
	f.Fuzz(func(t *testing.T, text, unit string, from, seconds int64, threshold, a, b float64, width, n int) {
		n = max(0, min(n, 200))
		start := time.Unix(from, 0).UTC()
		c := chart.Chart{
			Title: text, Note: text, Unit: chart.Unit(unit), From: start, To: time.Unix(from+seconds, 0).UTC(),
			Threshold: &chart.Threshold{Value: threshold, Label: text}, Width: width, Height: width,
		}
		for i := range n {
			at := start.Add(time.Duration(i) * time.Duration(seconds%1_000_000) * time.Second / time.Duration(n))
			c.Points = append(c.Points, chart.Point{T: at, V: a + float64(i)*b, Known: i%5 != 3, Partly: i%7 == 0})
			c.Marks = append(c.Marks, chart.Mark{At: at, Kind: chart.MarkKind(i % 9), Label: text})
			c.Bands = append(c.Bands, chart.Band{From: at, To: at.Add(time.Minute), Kind: chart.BandKind(i % 5), Label: text})
		}
		sound(t, drawn(t, c), true)
		sound(t, inlined(t, c), false)
	})
}

func BenchmarkMonth(b *testing.B) {
	c := month(b)
	for b.Loop() {
		_ = drawn(b, c)
	}
	b.ReportMetric(float64(len(c.Points)), "points")
}

func ExampleUnit_Format() {
	fmt.Println(chart.Ratio.Format(0.081), chart.Seconds.Format(0.512))
	// Output: 8.1% 512 ms
}
