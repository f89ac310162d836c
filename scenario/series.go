package scenario

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sampleKind tells a value from the two ways of having none.
type sampleKind int

const (
	absent sampleKind = iota // no series at this time: a gap, or past its end
	present
	stale // no series, and Prometheus has marked its end
)

// sample is one value of a series at one time.
type sample struct {
	kind  sampleKind
	value float64
}

// run is a stretch of a series: count samples, the i-th being first + i*step.
// Stretches are kept as such, so that "0x100000000" costs nothing.
type run struct {
	kind  sampleKind
	count int
	first float64
	step  float64
}

// series is what a metric's query gives for one service, one sample an
// interval. Its zero value is absent for ever.
type series struct {
	interval time.Duration
	runs     []run
}

// maxRun bounds the samples of one stretch, so that lengths can be added up
// without overflow. At one sample a second it is 30 years.
const maxRun = 1_000_000_000

// number is a number as it may stand first in a stretch.
const number = `[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[iI]nf|[nN]a[nN])`

var (
	stretch    = regexp.MustCompile(`^(` + number + `)(?:([+-](?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+)))?(?:x([0-9]+))?$`)
	gapStretch = regexp.MustCompile(`^_(?:x([0-9]+))?$`)
)

// parseSeries reads promtool's notation: "1 2 3", "0.05x40" (41 values),
// "0+10x5", "10-2x3", "_", "_x3", "stale", "NaN", "+Inf". The error joins those of
// all words.
func parseSeries(text string, interval time.Duration) (series, error) {
	s := series{interval: interval}
	var errs []error
	for word := range strings.FieldsSeq(text) {
		r, err := parseRun(word)
		if err != nil {
			errs = append(errs, err)
		} else if r.count > 0 {
			s.runs = append(s.runs, r)
		}
	}
	if len(errs) > 0 {
		return series{}, errors.Join(errs...)
	}
	return s, nil
}

func parseRun(word string) (run, error) {
	if word == "stale" {
		return run{kind: stale, count: 1}, nil
	}
	if m := gapStretch.FindStringSubmatch(word); m != nil {
		n, err := times(m[1], 1)
		return run{kind: absent, count: n}, err
	}
	m := stretch.FindStringSubmatch(word)
	if m == nil {
		return run{}, fmt.Errorf("%q is not a value (write numbers as promtool does: 1, 0.05x40, 0+10x5, _, _x3, stale, NaN, +Inf)", word)
	}
	if m[2] != "" && m[3] == "" {
		return run{}, fmt.Errorf("%q says how much to add but not how often (write %sx10)", word, word)
	}
	first, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return run{}, fmt.Errorf("%q is too large for a number", word)
	}
	step := 0.0
	if m[2] != "" {
		if step, err = strconv.ParseFloat(m[2], 64); err != nil {
			return run{}, fmt.Errorf("%q is too large for a number", word)
		}
	}
	more, err := times(m[3], 0)
	return run{kind: present, count: more + 1, first: first, step: step}, err
}

// times reads the count after an x; without one it is otherwise.
func times(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > maxRun {
		return 0, fmt.Errorf("x%s is more than the %d values a stretch may have", text, maxRun)
	}
	return n, nil
}

// at is the sample that holds at a time since the series' beginning: between
// two values the last one holds, and after its end a series is absent.
func (s series) at(since time.Duration) sample {
	if since < 0 || s.interval <= 0 {
		return sample{}
	}
	index := int(since / s.interval)
	for _, r := range s.runs {
		if index < r.count {
			return r.at(index)
		}
		index -= r.count
	}
	return sample{}
}

func (r run) at(i int) sample {
	if r.kind != present {
		return sample{kind: r.kind}
	}
	value := r.first
	if i > 0 && r.step != 0 {
		value += float64(i) * r.step
	}
	return sample{kind: present, value: value}
}

// length is how long the series lasts.
func (s series) length() time.Duration {
	var n int
	for _, r := range s.runs {
		n += r.count
	}
	if s.interval > 0 && n > int(math.MaxInt64/int64(s.interval)) {
		return math.MaxInt64
	}
	return time.Duration(n) * s.interval
}

// placed is a series from a time on. A step's `then` places a new one over it.
type placed struct {
	from time.Duration
	series
}

// history is all that a series was, in the order of from.
type history []placed

// at is the sample that holds at a time since the start of the case.
func (h history) at(since time.Duration) sample {
	for _, p := range slices.Backward(h) {
		if p.from <= since {
			return p.at(since - p.from)
		}
	}
	return sample{}
}
