package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Around a difference so many equal lines are shown; and beyond so many pairs of
// lines only the stretch that differs is.
const (
	diffContext = 2
	diffPairs   = 4_000_000
)

// lineDiff shows how a text became another, line by line: those taken out with a
// minus, those put in with a plus.
func lineDiff(old, present string) string {
	a, b := splitLines(old), splitLines(present)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var d differ
	for _, line := range a[:start] {
		d.add(' ', line)
	}
	d.between(a[start:len(a)-end], b[start:len(b)-end])
	for _, line := range a[len(a)-end:] {
		d.add(' ', line)
	}
	return d.String()
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// differ collects the lines of a difference.
type differ struct {
	marks []byte
	lines []string
}

func (d *differ) add(mark byte, line string) {
	d.marks, d.lines = append(d.marks, mark), append(d.lines, line)
}

// between compares what is left of two texts by their longest common lines.
func (d *differ) between(a, b []string) {
	if len(a)*len(b) > diffPairs {
		for _, line := range a {
			d.add('-', line)
		}
		for _, line := range b {
			d.add('+', line)
		}
		return
	}
	common := commonLengths(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			d.add(' ', a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			d.add('-', a[i])
			i++
		default:
			d.add('+', b[j])
			j++
		}
	}
}

// commonLengths are, for each pair of places, how many lines the rests from there
// on have in common.
func commonLengths(a, b []string) [][]int32 {
	lengths := make([][]int32, len(a)+1)
	for i := range lengths {
		lengths[i] = make([]int32, len(b)+1)
	}
	for i, from := range slices.Backward(a) {
		for j, to := range slices.Backward(b) {
			if from == to {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	return lengths
}

// String shows the lines that differ with some around them.
func (d *differ) String() string {
	near := make([]bool, len(d.lines))
	for i, mark := range d.marks {
		if mark == ' ' {
			continue
		}
		for k := max(0, i-diffContext); k <= min(len(near)-1, i+diffContext); k++ {
			near[k] = true
		}
	}
	var out []string
	skipped := 0
	for i, line := range d.lines {
		if !near[i] {
			skipped++
			continue
		}
		out = skip(out, skipped)
		skipped = 0
		out = append(out, string(d.marks[i])+" "+line)
	}
	return strings.Join(skip(out, skipped), "\n")
}

func skip(out []string, lines int) []string {
	if lines == 0 {
		return out
	}
	return append(out, fmt.Sprintf("  (%s the same)", count(lines, "line")))
}
