package chart

import (
	"math"
	"slices"
	"strconv"
)

// largest is the largest value that is drawn as it is. Larger ones are drawn
// there: a scale must be able to hold the distance of two values.
const largest = 1e300

// valueScale is the value axis: from lo to hi, with labelled ticks.
type valueScale struct {
	lo, hi float64
	ticks  []valueTick
}

type valueTick struct {
	value float64
	label string
}

// newValueScale makes an axis that holds some values and, where that does not
// flatten them, the threshold. It begins at zero where nothing is below.
func newValueScale(unit Unit, values []float64, threshold *Threshold) valueScale {
	lo, hi := 0.0, 0.0
	if len(values) > 0 {
		lo, hi = min(0, slices.Min(values)), max(0, slices.Max(values))
	}
	if threshold != nil && finite(threshold.Value) {
		level := clamped(threshold.Value)
		if reach := max(hi, -lo); reach == 0 || math.Abs(level) <= 20*reach {
			lo, hi = min(lo, level), max(hi, level)
		}
	}
	if hi-lo < 1e-290 { // nothing, or so little that steps of it cannot be told apart
		hi = lo + restingTop(unit)
	}
	if hi > 0 {
		hi += (hi - lo) * 0.06 // the peak does not touch the frame
	}
	s := valueScale{lo: lo, hi: hi}
	if lo < 0 {
		s.lo -= (hi - lo) * 0.06
	}
	s.ticks = valueTicks(unit, s.lo, s.hi)
	return s
}

// restingTop is where the axis of a series ends that is zero all the time.
func restingTop(unit Unit) float64 {
	if unit == Ratio {
		return 0.01
	}
	return 1
}

func clamped(v float64) float64 { return max(-largest, min(largest, v)) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// part is where a value lies between lo (0) and hi (1). Beyond them is at them.
func (s valueScale) part(v float64) float64 {
	return max(0, min(1, (clamped(v)-s.lo)/(s.hi-s.lo)))
}

// valueTicks are three to six round values.
func valueTicks(unit Unit, lo, hi float64) []valueTick {
	size := sizeFor(unit, max(math.Abs(lo), math.Abs(hi)))
	low, high := lo/size.factor, hi/size.factor
	step := roundStep((high - low) / 5.5)
	var ticks []valueTick
	for i := math.Ceil(low / step); len(ticks) < 12; i++ {
		v := i * step
		if v > high {
			break
		}
		ticks = append(ticks, valueTick{value: v * size.factor, label: decimal(v, step) + size.name})
	}
	return ticks
}

// roundStep is the first of 1, 2, 5, 10, 20 and so on that is not smaller.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}

// decimal writes a multiple of a step with as many digits as the step needs.
func decimal(v, step float64) string {
	if v == 0 {
		return "0"
	}
	if math.Abs(v) >= 1e7 || step < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// size is a unit in which values of some size are shown: kilo, milli.
type size struct {
	factor float64
	name   string
}

// sizes are those of a unit, from small to large. The first is for all that is
// smaller.
func sizes(unit Unit) []size {
	switch unit {
	case Ratio:
		return []size{{0.01, "%"}}
	case Percent:
		return []size{{1, "%"}}
	case Seconds:
		return []size{{1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}, {60, " min"}, {3600, " h"}}
	case Milliseconds:
		return []size{{1e-3, " µs"}, {1, " ms"}, {1e3, " s"}, {60e3, " min"}, {3600e3, " h"}}
	case Bytes:
		return []size{{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}}
	case PerSecond:
		return []size{{1, " /s"}, {1e3, "k /s"}, {1e6, "M /s"}, {1e9, "G /s"}}
	case Plain:
	}
	return []size{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}}
}

// sizeFor is the largest size of which a value is at least one and a half.
func sizeFor(unit Unit, magnitude float64) size {
	all := sizes(unit)
	chosen := all[0]
	for _, s := range all[1:] {
		if magnitude >= 1.5*s.factor || s.factor == 1 && magnitude >= 1 {
			chosen = s
		}
	}
	return chosen
}

// Format writes one value as a person says it: 8.1%, 512 ms, 3.2 MiB.
func (u Unit) Format(v float64) string {
	if !finite(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	s := sizeFor(u, math.Abs(v))
	scaled := v / s.factor
	text := strconv.FormatFloat(scaled, 'g', 3, 64)
	if magnitude := math.Abs(scaled); magnitude >= 0.001 && magnitude < 1e7 {
		digits := max(0, 2-int(math.Floor(math.Log10(magnitude))))
		text = trimZeros(strconv.FormatFloat(scaled, 'f', digits, 64))
	}
	return text + s.name
}

// trimZeros takes off the zeros that end a decimal fraction.
func trimZeros(text string) string {
	if !slices.Contains([]byte(text), '.') {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		return text[:len(text)-1]
	}
	return text
}
