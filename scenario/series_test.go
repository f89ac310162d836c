package scenario_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/rollbackd/rollbackd/scenario"
)

func TestSeriesNotation(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	tests := []struct {
		text   string
		values []float64
		there  string // x present, _ absent
	}{
		{"1 2 3", []float64{1, 2, 3, 0}, "xxx_"},
		{"0.05x2", []float64{0.05, 0.05, 0.05, 0}, "xxx_"},
		{"0+10x2", []float64{0, 10, 20, 0}, "xxx_"},
		{"10-2x2", []float64{10, 8, 6, 0}, "xxx_"},
		{"-1x1", []float64{-1, -1, 0}, "xx_"},
		{"_ _ 1", []float64{0, 0, 1, 0}, "__x_"},
		{"_x3 1", []float64{0, 0, 0, 1, 0}, "___x_"},
		{"1 stale 2", []float64{1, 0, 2, 0}, "x_x_"},
		{"NaN +Inf -Inf Inf", []float64{nan, inf, -inf, inf, 0}, "xxxx_"},
		{"1x0 2", []float64{1, 2, 0}, "xx_"},
		{"_x0 2", []float64{2, 0}, "x_"},
		{"1e-3x1 .5 5.", []float64{0.001, 0.001, 0.5, 5, 0}, "xxxx_"},
		{"", []float64{0, 0}, "__"},
		{"  7   ", []float64{7, 0}, "x_"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			values, there, err := scenario.SeriesAt(tt.text, len(tt.values))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.values, values, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.there, marks(there)); diff != "" {
				t.Errorf("presence (-want +got):\n%s", diff)
			}
		})
	}
}

func marks(there []bool) string {
	var b strings.Builder
	for _, t := range there {
		if t {
			b.WriteByte('x')
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

func TestSeriesNotationErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"0.05y3", `"0.05y3" is not a value`},
		{"1 two 3", `"two" is not a value`},
		{"0+1", `"0+1" says how much to add but not how often (write 0+1x10)`},
		{"1x99999999999", "x99999999999 is more than the 1000000000 values"},
		{"_x99999999999999999999", "is more than the 1000000000 values"},
		{"1e999", `"1e999" is too large for a number`},
		{"Stale", `"Stale" is not a value`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			if _, _, err := scenario.SeriesAt(tt.text, 1); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestSeriesLikePromtool holds the notation against Prometheus's own parser.
func TestSeriesLikePromtool(t *testing.T) {
	texts := []string{
		"1 2 3", "0.05x40", "0+10x5", "10-2x3", "_ _ 1", "_x4 2", "1 stale 2", "NaN Inf -Inf", "-1x2 _ 3", "1+0.5x8", "-2-2x3 7",
		"0.001x7 0.05x72", "1e3x2", "0x3",
	}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) { likePromtool(t, text) })
	}
}

func likePromtool(t *testing.T, text string) {
	t.Helper()
	_, want, err := parser.NewParser(parser.Options{}).ParseSeriesDesc("m " + text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := scenario.SeriesLength(text)
	if err != nil {
		t.Fatal(err)
	}
	if n != len(want) {
		t.Fatalf("%d samples, promtool has %d", n, len(want))
	}
	values, there, err := scenario.SeriesAt(text, n)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		gone := w.Omitted || value.IsStaleNaN(w.Value)
		if there[i] == gone {
			t.Errorf("sample %d: present %v, promtool says %v", i, there[i], !gone)
		}
		if !gone && !cmp.Equal(w.Value, values[i], cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateNaNs()) {
			t.Errorf("sample %d: %v, promtool says %v", i, values[i], w.Value)
		}
	}
}

func TestASeriesHoldsBetweenItsValues(t *testing.T) {
	f := parse(t, `
[[case]]
name     = "x"
interval = "1m"
values   = { "error_rate checkout" = "0.001x1 0.05x9" }
events   = [{ at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } }]
expect   = [
  { at = "1m45s", service = "checkout", trigger = { name = "errors", state = "inactive" } },
  { at = "2m", service = "checkout", trigger = { name = "errors", state = "pending" } },
  { at = "4m", service = "checkout", trigger = { name = "errors", state = "firing" } },
]
`)
	for _, c := range f.Cases {
		if v := f.Play(c); len(v.Failures) > 0 {
			t.Error(strings.Join(v.Failures, "\n"))
		}
	}
}
