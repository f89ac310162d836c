package trigger

import (
	"fmt"
	"math"
	"strings"
)

// Unit is what a metric's values are measured in. The zero value is NoUnit.
type Unit string

// The units of the [metrics] table.
const (
	NoUnit       Unit = ""             // a plain number without a range
	Ratio        Unit = "ratio"        // 0 to 1
	Percent      Unit = "percent"      // 0 to 100
	Seconds      Unit = "seconds"      // 0 and up
	Milliseconds Unit = "milliseconds" // 0 and up
	Bytes        Unit = "bytes"        // 0 and up
	Count        Unit = "count"        // 0 and up
	PerSecond    Unit = "per_second"   // 0 and up
)

// slack is how far beyond its bounds a ratio or percent may lie and still be
// taken for the bound: dividing one rate by an equal one does not always give
// exactly 1.
const slack = 1e-9

// Units are the units a configuration can write, NoUnit left out.
func Units() []Unit {
	return []Unit{Ratio, Percent, Seconds, Milliseconds, Bytes, Count, PerSecond}
}

// ParseUnit reads the word used in the [metrics] table. NoUnit has no word: a
// metric without a unit leaves the key out.
func ParseUnit(word string) (Unit, error) {
	var words []string
	for _, u := range Units() {
		if string(u) == word {
			return u, nil
		}
		words = append(words, string(u))
	}
	if near := Nearest(word, words); near != "" {
		return NoUnit, fmt.Errorf("unknown unit %q (did you mean %q?)", word, near)
	}
	return NoUnit, fmt.Errorf("unknown unit %q (want one of %s)", word, strings.Join(words, ", "))
}

// Check tells whether v can be a value of this unit: finite, within 0 to 1 for
// a ratio and 0 to 100 for a percent (give or take a rounding error), not
// negative for the others, anything finite for NoUnit.
func (u Unit) Check(v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	low, high := u.bounds()
	if !math.IsInf(high, 1) {
		return v >= low-slack && v <= high+slack
	}
	return v >= low
}

// bounds are the least and the greatest value of the unit.
func (u Unit) bounds() (low, high float64) {
	switch u {
	case NoUnit:
		return math.Inf(-1), math.Inf(1)
	case Ratio:
		return 0, 1
	case Percent:
		return 0, 100
	case Seconds, Milliseconds, Bytes, Count, PerSecond:
		return 0, math.Inf(1)
	}
	return math.Inf(-1), math.Inf(1)
}

// rangeText says the bounds in words, for errors.
func (u Unit) rangeText() string {
	switch u {
	case Ratio:
		return "0 to 1 (0% to 100%)"
	case Percent:
		return "0 to 100 (0% to 100%)"
	case Seconds, Milliseconds, Bytes, Count, PerSecond:
		return "0 and up"
	case NoUnit:
		return "any finite number"
	}
	return "any finite number"
}

// NewReading makes a reading of a raw value: unknown with reason "nan",
// "infinite" or "unit_mismatch" where it is not a value of the unit, else known.
// A value that misses its bound by a rounding error becomes the bound.
func NewReading(v float64, u Unit) Reading {
	switch {
	case math.IsNaN(v):
		return UnknownBecause("nan")
	case math.IsInf(v, 0):
		return UnknownBecause("infinite")
	case !u.Check(v):
		return UnknownBecause("unit_mismatch")
	}
	low, high := u.bounds()
	return KnownValue(math.Min(math.Max(v, low), high))
}
