package trigger

import (
	"fmt"
	"math"
	"strings"
)

func findMetric(metric string, units map[string]Unit) (problem, hint string) {
	if _, ok := units[metric]; ok {
		return "", ""
	}
	names := sortedKeys(units)
	if near := Nearest(metric, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 && len(names) <= 10 {
		hint = "the metrics are " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("unknown metric %q", metric), hint
}

// settle converts a quantity to the metric's unit and refuses one that does
// not fit it, or that its values can never pass.
func settle(c *Condition, q quantity, units map[string]Unit) (problem, hint string) {
	unit := units[c.Metric]
	v, ok := q.in(unit)
	if !ok {
		return fmt.Sprintf("metric %q is %s, but %q is %s", c.Metric, unitIs(unit), q.text, quantityIs(q.unit)), "expected " + unitWants(unit)
	}
	if math.IsInf(v, 0) {
		return fmt.Sprintf("%q is too large", q.text), ""
	}
	if unit == NoUnit {
		unit = q.unit
	}
	low, high := unit.bounds()
	if !unit.Check(v) || c.Op == Greater && v >= high || c.Op == Less && v <= low {
		return fmt.Sprintf("\"%s %s\" makes no difference: metric %q is %s, and its values are %s",
			c.Op, q.text, c.Metric, unitIs(unit), unit.rangeText()), ""
	}
	c.Threshold = v
	return "", ""
}

// unitIs completes "the metric is ...".
func unitIs(u Unit) string {
	switch u {
	case NoUnit:
		return "a plain number"
	case Ratio:
		return "a ratio"
	case Percent:
		return "a percent"
	case Seconds, Milliseconds, Bytes:
		return "in " + string(u)
	case Count:
		return "a count"
	case PerSecond:
		return "a rate per second"
	}
	return string(u)
}

// quantityIs completes "the quantity is ...".
func quantityIs(u Unit) string {
	switch u {
	case Seconds, Milliseconds:
		return "a time"
	case Bytes:
		return "a size"
	case NoUnit, Ratio, Percent, Count, PerSecond:
		return unitIs(u)
	}
	return string(u)
}

// unitWants completes "expected ...".
func unitWants(u Unit) string {
	switch u {
	case Ratio, Percent:
		return "a quantity such as 1% or a plain number"
	case Seconds, Milliseconds:
		return "a time such as 500ms or a plain number of " + string(u)
	case Bytes:
		return "a size such as 64MiB or a plain number of bytes"
	case PerSecond:
		return "a rate such as 10/min or a plain number per second"
	case NoUnit, Count:
		return "a plain number"
	}
	return "a plain number"
}
