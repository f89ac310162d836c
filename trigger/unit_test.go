package trigger_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func TestNewReading(t *testing.T) {
	tests := []struct {
		name  string
		value float64
		unit  trigger.Unit
		want  trigger.Reading
	}{
		{"nan", math.NaN(), trigger.NoUnit, trigger.UnknownBecause("nan")},
		{"infinite", math.Inf(1), trigger.NoUnit, trigger.UnknownBecause("infinite")},
		{"minus infinite", math.Inf(-1), trigger.Seconds, trigger.UnknownBecause("infinite")},
		{"a ratio of three", 3, trigger.Ratio, trigger.UnknownBecause("unit_mismatch")},
		{"a ratio a little over one", 1 + 1e-10, trigger.Ratio, trigger.KnownValue(1)},
		{"a ratio a little under zero", -1e-10, trigger.Ratio, trigger.KnownValue(0)},
		{"a ratio too far over one", 1 + 1e-8, trigger.Ratio, trigger.UnknownBecause("unit_mismatch")},
		{"a percent", 99.5, trigger.Percent, trigger.KnownValue(99.5)},
		{"a percent over a hundred", 101, trigger.Percent, trigger.UnknownBecause("unit_mismatch")},
		{"negative seconds", -0.001, trigger.Seconds, trigger.UnknownBecause("unit_mismatch")},
		{"a negative count", -1, trigger.Count, trigger.UnknownBecause("unit_mismatch")},
		{"bytes", 1e12, trigger.Bytes, trigger.KnownValue(1e12)},
		{"a negative plain number", -7, trigger.NoUnit, trigger.KnownValue(-7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := trigger.NewReading(tt.value, tt.unit)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("NewReading (-want +got):\n%s", diff)
			}
			if known := got.Presence == trigger.Known; known != tt.unit.Check(tt.value) {
				t.Errorf("Check(%v) = %v, but the reading is %v", tt.value, !known, got.Presence)
			}
		})
	}
}

func TestParseUnit(t *testing.T) {
	for _, u := range trigger.Units() {
		if got, err := trigger.ParseUnit(string(u)); err != nil || got != u {
			t.Errorf("ParseUnit(%q) = %q, %v", u, got, err)
		}
	}
	for word, want := range map[string]string{"second": `did you mean "seconds"?`, "": "want one of ratio", "parsecs": "want one of ratio"} {
		if _, err := trigger.ParseUnit(word); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseUnit(%q): %v, want %q", word, err, want)
		}
	}
}
