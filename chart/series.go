package chart

import (
	"cmp"
	"slices"
	"time"
)

// series is what is drawn of the points: polylines of what is known, and the
// gaps between them.
type series struct {
	lines [][]Point
	gaps  []stretch
	// exact is true where an unknown point alone makes a gap, and false where
	// points are closer than pixels.
	exact bool
	// holes are where single points are unknown among known ones that are drawn
	// closer than a pixel: too short for a gap, and not to be hidden either.
	holes []stretch
	// known and unknown count points; low and high are the known ones' bounds.
	known, unknown int
	low, high      Point
}

// stretch is a part of the time axis.
type stretch struct{ from, to time.Time }

// orderedPoints are the points within a scale, in order. A value that is not
// finite is unknown.
func orderedPoints(points []Point, within timeScale) []Point {
	var kept []Point
	for _, p := range points {
		if within.holds(p.T) {
			p.Known = p.Known && finite(p.V)
			p.V = clamped(p.V)
			kept = append(kept, p)
		}
	}
	slices.SortStableFunc(kept, func(a, b Point) int { return a.T.Compare(b.T) })
	return kept
}

// usualStep is the median distance of points that differ in time.
func usualStep(points []Point) time.Duration {
	var steps []time.Duration
	for i := 1; i < len(points); i++ {
		if step := points[i].T.Sub(points[i-1].T); step > 0 {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[(len(steps)-1)/2]
}

// newSeries splits ordered points into lines and gaps, and reduces the lines to
// what a plot of so many pixel columns can show.
func newSeries(points []Point, scale timeScale, step time.Duration, columns int) series {
	var s series
	if step <= 0 {
		step = usualStep(points)
	}
	s.count(points)
	reach := step + step/2
	if step == 0 { // one point, or none: nothing is known of the rest
		reach = 0
	}
	pixel := scale.to.Sub(scale.from) / time.Duration(columns)
	if s.exact = pixel <= reach; s.exact {
		s.split(points, scale, reach)
	} else {
		s.split(points, scale, 2*pixel)
		s.holes = holes(points, reach, 2*pixel)
	}
	s.holes = append(s.holes, partly(points, step)...)
	slices.SortStableFunc(s.holes, func(a, b stretch) int { return a.from.Compare(b.from) })
	for i, line := range s.lines {
		s.lines[i] = reduced(line, scale, columns)
	}
	return s
}

func (s *series) count(points []Point) {
	for _, p := range points {
		switch {
		case !p.Known:
			s.unknown++
			continue
		case s.known == 0:
			s.low, s.high = p, p
		case p.V < s.low.V:
			s.low = p
		case p.V > s.high.V:
			s.high = p
		}
		s.known++
	}
}

// split makes a line of known points that are not further apart than reach, and
// a gap of what lies between two lines and at either end.
func (s *series) split(points []Point, scale timeScale, reach time.Duration) {
	var line []Point
	last, parted := scale.from, false
	end := func(at time.Time) {
		s.gaps = append(s.gaps, stretch{last, at})
		if line != nil {
			s.lines = append(s.lines, line)
		}
		line = nil
	}
	for _, p := range points {
		if !p.Known {
			parted = s.exact
			continue
		}
		if p.T.After(last) && (parted || p.T.Sub(last) > reach) {
			end(p.T)
		}
		line = append(line, p)
		last, parted = p.T, false
	}
	if scale.to.After(last) && (parted || scale.to.Sub(last) > reach) {
		end(scale.to)
	} else if line != nil {
		s.lines = append(s.lines, line)
	}
}

// holes are the distances of known points that are longer than reach and too
// short for a gap.
func holes(points []Point, reach, gap time.Duration) []stretch {
	var all []stretch
	var last *Point
	for i, p := range points {
		if !p.Known {
			continue
		}
		if last != nil {
			if d := p.T.Sub(last.T); d > reach && d <= gap {
				all = append(all, stretch{last.T, p.T})
			}
		}
		last = &points[i]
	}
	return all
}

// partly are the stretches for which a known point stands that was not known
// all through; those that touch are one.
func partly(points []Point, step time.Duration) []stretch {
	var all []stretch
	for _, p := range points {
		switch n := len(all); {
		case !p.Known || !p.Partly:
		case n > 0 && !p.T.After(all[n-1].to):
			all[n-1].to = p.T.Add(step)
		default:
			all = append(all, stretch{p.T, p.T.Add(step)})
		}
	}
	return all
}

// reduced keeps, of the points in each pixel column, the first, the lowest, the
// highest and the last: the drawing is the same, however many there are.
func reduced(line []Point, scale timeScale, columns int) []Point {
	if len(line) <= 2*columns {
		return line
	}
	var out []Point
	column := func(p Point) int { return int(scale.part(p.T) * float64(columns)) }
	for i := 0; i < len(line); {
		j := i + 1
		for j < len(line) && column(line[j]) == column(line[i]) {
			j++
		}
		out = append(out, extremes(line[i:j])...)
		i = j
	}
	return out
}

// extremes are the first, lowest, highest and last of some points, in order.
func extremes(points []Point) []Point {
	byValue := func(a, b int) int { return cmp.Compare(points[a].V, points[b].V) }
	all := make([]int, len(points))
	for i := range all {
		all[i] = i
	}
	chosen := []int{0, slices.MinFunc(all, byValue), slices.MaxFunc(all, byValue), len(points) - 1}
	slices.Sort(chosen)
	chosen = slices.Compact(chosen)
	out := make([]Point, len(chosen))
	for i, index := range chosen {
		out[i] = points[index]
	}
	return out
}
