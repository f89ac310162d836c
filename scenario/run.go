package scenario

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Options says what to run and where to write. Out must not be nil.
type Options struct {
	Out io.Writer
	// Run picks the cases whose names it matches; nil picks all.
	Run *regexp.Regexp
	// Verbose names every case and prints its timeline.
	Verbose bool
}

// Result counts cases. A file that cannot be read counts as one that failed.
type Result struct {
	Passed, Failed int
}

// OK tells whether nothing failed.
func (r Result) OK() bool { return r.Failed == 0 }

// Run plays the cases of some test files, one after the other, and writes what
// came of them. Its error is the context's or the writer's; a case that fails
// and a file with mistakes are in the Result.
func Run(ctx context.Context, paths []string, o Options) (Result, error) {
	p := &printer{out: o.Out}
	var total Result
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		f, err := Load(path)
		if err != nil {
			p.printf("FAIL  %s\n%s\n", path, indent(err.Error()))
			total.Failed++
			continue
		}
		one := p.file(ctx, f, o)
		total.Passed += one.Passed
		total.Failed += one.Failed
	}
	p.printf("%d passed, %d failed\n", total.Passed, total.Failed)
	if err := ctx.Err(); err != nil {
		return total, err
	}
	return total, p.err
}

// Verdict is what came of one case.
type Verdict struct {
	// Case is the case's name, Line where it begins in its file.
	Case string
	Line int
	// Failures are the expectations and standing checks that failed, each with
	// its place, what was expected, what was there and the timeline around it.
	Failures []string
	// Timeline is everything that happened, a line each.
	Timeline []string
	// Journal is the journal of this world, one entry of JSON each.
	Journal [][]byte
}

// Play plays one case.
func (f *File) Play(c *Case) Verdict {
	w := newWorld(c)
	w.play()
	return f.verdict(w)
}

func (f *File) verdict(w *world) Verdict {
	v := Verdict{Case: w.c.Name, Line: w.c.Line, Journal: w.journal.lines}
	for _, n := range w.record.notes {
		v.Timeline = append(v.Timeline, n.String())
	}
	for _, text := range w.faults {
		v.Failures = append(v.Failures, fmt.Sprintf("%s:%d: a check that every case is held to: %s", f.Path, w.c.Line, text))
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

// printer writes and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

// file plays the cases of one file and writes what came of them.
func (p *printer) file(ctx context.Context, f *File, o Options) Result {
	var r Result
	for _, c := range f.Cases {
		if o.Run != nil && !o.Run.MatchString(c.Name) {
			continue
		}
		if ctx.Err() != nil {
			return r
		}
		v := f.Play(c)
		if len(v.Failures) > 0 {
			r.Failed++
			p.printf("--- FAIL  %s\n%s\n", c.Name, indent(strings.Join(v.Failures, "\n")))
		} else {
			r.Passed++
		}
		if o.Verbose && len(v.Failures) == 0 {
			p.printf("--- ok    %s\n", c.Name)
		}
		if o.Verbose {
			p.printf("%s\n", indent(strings.Join(v.Timeline, "\n")))
		}
	}
	switch {
	case r.Failed > 0:
		p.printf("FAIL  %s  (%d passed, %d failed)\n", f.Path, r.Passed, r.Failed)
	case r.Passed > 0:
		p.printf("ok    %s  (%s)\n", f.Path, count(r.Passed, "case"))
	default:
		p.printf("ok    %s  (no case to run)\n", f.Path)
	}
	return r
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
