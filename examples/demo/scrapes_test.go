package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func at(second float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(second * float64(time.Second)))
}

// each is a counter that grows by so much a second, from one second to another.
func each(from, to int, growth float64) map[float64]float64 {
	values := map[float64]float64{}
	for second := from; second <= to; second++ {
		values[float64(second)] = growth * float64(second)
	}
	return values
}

func TestRates(t *testing.T) {
	tests := []struct {
		name   string
		values map[float64]float64 // counter by second
		at     float64
		want   float64
		none   bool
	}{
		// A hundred a second since long before; the window holds samples 41 to 50.
		{name: "steady", values: each(30, 50, 100), at: 50, want: 100},
		{name: "asked between two samples", values: each(30, 50, 100), at: 50.5, want: 100},
		{name: "one sample has no rate", values: map[float64]float64{1: 10}, at: 2, none: true},
		{name: "just begun at zero: two seconds of ten", values: map[float64]float64{20: 0, 21: 10, 22: 20}, at: 22, want: 2},
		{name: "just begun at ten: half a second before it counts", values: map[float64]float64{20: 1000, 21: 1010, 22: 1020}, at: 22, want: 2.5},
		{name: "ended: half a second after it counts", values: map[float64]float64{11: 0, 12: 10}, at: 20, want: 1.5},
		{name: "the window is open at its beginning", values: map[float64]float64{0: 0, 1: 1000, 2: 1010}, at: 10, want: 2.5},
		{name: "samples after the time asked for do not count", values: map[float64]float64{0: 0, 1: 5, 2: 1000}, at: 1, want: 0.5},
		{name: "a restart counts from zero", values: map[float64]float64{1: 100, 2: 110, 3: 4}, at: 3, want: 1.75},
		{name: "all too old", values: map[float64]float64{1: 1, 2: 2}, at: 20, none: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s scrapes
			for second := range 60 {
				if value, there := tt.values[float64(second)]; there {
					s.add(scrape{at: at(float64(second)), values: map[string]float64{"x": value}})
				}
			}
			got, there := s.rates(at(tt.at))["x"]
			if there == tt.none || math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("rate = %v (there: %v), want %v (there: %v)", got, there, tt.want, !tt.none)
			}
		})
	}
}

func TestScrapesForget(t *testing.T) {
	var s scrapes
	for second := range 3 * int(kept/time.Second) {
		s.add(scrape{at: at(float64(second))})
	}
	if got, want := len(s.list), int(kept/time.Second); got != want {
		t.Errorf("%d scrapes are remembered, want %d", got, want)
	}
}

func TestParseScrape(t *testing.T) {
	text := "# HELP x y\n# TYPE x counter\nx{a=\"b c\",le=\"+Inf\"} 3\n\ny 0.25\n"
	got, err := parseScrape(at(0), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.values) != 2 || got.values[`x{a="b c",le="+Inf"}`] != 3 || got.values["y"] != 0.25 {
		t.Errorf("values = %v", got.values)
	}
	for _, bad := range []string{"nonsense", "x many", "x 1 2 3x"} {
		if _, err := parseScrape(at(0), strings.NewReader(bad)); err == nil {
			t.Errorf("parseScrape(%q) has no error", bad)
		}
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name    string
		q       float64
		buckets []bucket
		want    float64
		none    bool
	}{
		{name: "within the first bucket", q: 0.5, buckets: []bucket{{0.1, 10}, {1, 10}, {inf, 10}}, want: 0.05},
		{name: "within a later bucket", q: 0.9, buckets: []bucket{{0.1, 8}, {0.2, 10}, {inf, 10}}, want: 0.15},
		{name: "above all bounds", q: 0.99, buckets: []bucket{{0.1, 5}, {inf, 10}}, want: 0.1},
		{name: "nothing counted", q: 0.99, buckets: []bucket{{0.1, 0}, {inf, 0}}, none: true},
		{name: "no buckets", q: 0.99, none: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, there := quantile(tt.q, tt.buckets)
			if there == tt.none || math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("quantile = %v (there: %v), want %v (there: %v)", got, there, tt.want, !tt.none)
			}
		})
	}
}
