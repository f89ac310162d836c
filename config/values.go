package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// parseDuration reads a duration as Prometheus writes it.
func parseDuration(text string) (time.Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration (want a number and ms, s, m, h, d, w or y, for example \"5m\" or \"1h30m\")", text)
	}
	return time.Duration(d), nil
}

// stepDuration writes a duration for a step's JSON. Whoever carries steps out
// reads Go's form of it, which has no days: one unit up to hours is the same there
// and in Prometheus's form.
func stepDuration(d time.Duration) string {
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

// durationText writes a duration so that parseDuration reads it back.
func durationText(d time.Duration) string { return model.Duration(d).String() }

// sizeUnits are the endings of a size, the larger first.
func sizeUnits() []struct {
	name  string
	bytes int64
} {
	return []struct {
		name  string
		bytes int64
	}{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"KB", 1e3},
		{"B", 1},
	}
}

// parseSize reads "64MiB": a whole number and a unit.
func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits() {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size (want a whole number and B, KiB, MiB or GiB, for example \"64MiB\")", text)
}

// sizeText writes a size so that parseSize reads it back.
func sizeText(n int64) string {
	for _, u := range sizeUnits() {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// parseShare reads "30%" as 0.3; above zero, at most 1.
func parseShare(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v > 0 && v <= 100) {
		return 0, fmt.Errorf("%q is not a share (want a percentage above 0%%, for example \"50%%\")", text)
	}
	return v / 100, nil
}

// shareText writes a share so that parseShare reads it back.
func shareText(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e8)/1e6, 'f', -1, 64) + "%"
}

// budget is "2 in 6h".
type budget struct {
	count  int
	within time.Duration
}

func (b budget) String() string { return fmt.Sprintf("%d in %s", b.count, durationText(b.within)) }

func parseBudget(text string) (budget, error) {
	wrong := fmt.Errorf("%q is not a budget (want a number, \"in\" and a duration, for example \"2 in 6h\")", text)
	m := regexp.MustCompile(`^(\d+)\s+in\s+(\S+)$`).FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return budget{}, wrong
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 {
		return budget{}, wrong
	}
	d, err := parseDuration(m[2])
	if err != nil {
		return budget{}, err
	}
	if d <= 0 {
		return budget{}, wrong
	}
	return budget{count: n, within: d}, nil
}

// fieldValue reads a string with a parser of its own: a share, a budget.
func fieldValue[T any](t *table, key, name string, parse func(string) (T, error), otherwise T) T {
	text, ok := value[string](t, key, name)
	t.otherwise(key, otherwise)
	if !ok {
		return otherwise
	}
	v, err := parse(text)
	if err != nil {
		t.errorf(t.key(key), "%v", err)
		return otherwise
	}
	return v
}
