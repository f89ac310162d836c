package scenario

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
)

// The formats of what Run writes.
const (
	FormatTable = "table"
	FormatJSON  = "json"
)

// Options says what to run and where to write. Out must not be nil.
type Options struct {
	Out io.Writer
	// Run picks the cases whose names it matches; nil picks all.
	Run *regexp.Regexp
	// Verbose names every case and prints its timeline.
	Verbose bool
	// Format is FormatTable, also where it is empty, or FormatJSON.
	Format string
	// JUnit, where it is not nil, is given the outcome as JUnit's XML, too.
	JUnit io.Writer
	// Clock measures how long cases take, for JUnit alone; nil measures nothing.
	Clock clock.Clock
	// Update writes the timelines of cases that are recorded and differ, instead
	// of letting them fail. A case that fails otherwise is not written.
	Update bool
}

// Result counts cases. A file that cannot be read counts as one that failed.
type Result struct {
	Passed, Failed int
}

// OK tells whether nothing failed.
func (r Result) OK() bool { return r.Failed == 0 }

// Run plays the cases of some test files, one after the other, and writes what
// came of them. Its error is the context's or a writer's; a case that fails and
// a file with mistakes are in the Result.
func Run(ctx context.Context, paths []string, o Options) (Result, error) {
	var total Result
	outputs, err := o.outputs()
	if err != nil {
		return total, err
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		f := o.file(ctx, path)
		one := f.result()
		total.Passed += one.Passed
		total.Failed += one.Failed
		for _, out := range outputs {
			if err := out.file(f); err != nil {
				return total, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return total, err
	}
	for _, out := range outputs {
		if err := out.end(total); err != nil {
			return total, err
		}
	}
	return total, nil
}

// file plays the cases of one file, until the context ends.
func (o Options) file(ctx context.Context, path string) fileOutcome {
	outcome := fileOutcome{path: path}
	f, err := Load(path)
	if err != nil {
		outcome.err = err
		return outcome
	}
	for _, c := range f.Cases {
		if o.Run != nil && !o.Run.MatchString(c.Name) {
			continue
		}
		if ctx.Err() != nil {
			return outcome
		}
		outcome.cases = append(outcome.cases, o.one(f, c))
	}
	return outcome
}

// one plays one case, compares it with what is recorded and, where that is
// wanted, records it anew.
func (o Options) one(f *File, c *Case) caseOutcome {
	var began time.Time
	if o.Clock != nil {
		began = o.Clock.Now()
	}
	outcome := caseOutcome{Verdict: f.verdict(played(c))}
	outcome.Journal = nil // nobody writes it, and a thousand cases are many
	if o.Clock != nil {
		outcome.took = o.Clock.Since(began)
	}
	if c.recorded == nil {
		return outcome
	}
	different := c.recorded.difference(f.Path, outcome.Timeline)
	if different == "" {
		return outcome
	}
	if !o.Update || len(outcome.Failures) > 0 {
		outcome.Failures = append(outcome.Failures, different)
		return outcome
	}
	var err error
	if outcome.wrote, err = c.recorded.write(f.Path, outcome.Timeline); err != nil {
		outcome.Failures = append(outcome.Failures, fmt.Sprintf("%s:%d: recorded: %v", f.Path, c.recorded.line, err))
	}
	return outcome
}

// Verdict is what came of one case.
type Verdict struct {
	// Case is the case's name, Line where it begins in its file.
	Case string
	Line int
	// Failures are the expectations and standing checks that failed, each with
	// its place, what was expected, what was there and the timeline around it.
	Failures []string
	// Violations are the standing checks that failed. They are among the Failures too.
	Violations []Violation
	// Timeline is everything that happened, a line each.
	Timeline []string
	// Journal is the journal of this world, one entry of JSON each.
	Journal [][]byte
	// Tally counts what happened.
	Tally Tally
}

// Play plays one case, and compares it with what is recorded of it.
func (f *File) Play(c *Case) Verdict {
	v := f.verdict(played(c))
	if c.recorded != nil {
		if different := c.recorded.difference(f.Path, v.Timeline); different != "" {
			v.Failures = append(v.Failures, different)
		}
	}
	return v
}

// played is the world of a case when it is over.
func played(c *Case) *world {
	w := newWorld(c)
	w.play()
	return w
}

func (f *File) verdict(w *world) Verdict {
	w.tally.Length = min(w.now, w.c.Until)
	v := Verdict{Case: w.c.Name, Line: w.c.Line, Journal: w.journal.lines, Tally: w.tally}
	for _, n := range w.record.notes {
		v.Timeline = append(v.Timeline, n.String())
	}
	v.Violations = w.violations
	for _, violation := range w.violations {
		v.Failures = append(v.Failures, fmt.Sprintf("%s:%d: a check that every case is held to: %s", f.Path, w.c.Line, violation))
	}
	shown := ""
	for _, failed := range w.record.judge(w.c) {
		text := fmt.Sprintf("%s:%d: %s\n  there was: %s\n", f.Path, failed.line, failed.want, failed.there)
		timeline := strings.Join(w.record.around(failed.at, failed.service), "\n")
		if timeline == shown {
			text += "  timeline: the same"
		} else {
			text += "  timeline:\n" + indent(timeline)
		}
		shown = timeline
		v.Failures = append(v.Failures, text)
	}
	return v
}

// String is the line of the timeline.
func (n note) String() string {
	line := fmt.Sprintf("%-9s %-10s %-12s %s", offset(n.at), n.service, n.kind, n.text)
	return strings.TrimRight(line, " ")
}

// The timeline that a failure shows ends a little after the time it is about,
// and has at most so many lines.
const (
	showAfter = 2 * time.Minute
	showLines = 40
)

// around is the timeline that led to a time, of one service or of all.
func (r *record) around(t time.Duration, service string) []string {
	var lines []string
	for _, n := range r.notes {
		if n.at <= t+showAfter && (service == "" || n.service == "" || n.service == service) {
			lines = append(lines, n.String())
		}
	}
	switch cut := len(lines) - showLines; {
	case len(lines) == 0:
		return []string{"(nothing happened)"}
	case cut > 0:
		lines = append([]string{fmt.Sprintf("(%d earlier lines left out)", cut)}, lines[cut:]...)
	}
	return lines
}
