package scenario

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// fileOutcome is what came of one test file.
type fileOutcome struct {
	path string
	// err is set where the file could not be read; it then has no cases.
	err   error
	cases []caseOutcome
}

// caseOutcome is what came of one case.
type caseOutcome struct {
	Verdict
	// wrote is the file that its timeline was written to; empty for none.
	wrote string
	// took is the time that playing took, by the wall; 0 without a clock.
	took time.Duration
}

func (c caseOutcome) passed() bool { return len(c.Failures) == 0 }

// result counts the cases of a file.
func (f fileOutcome) result() Result {
	if f.err != nil {
		return Result{Failed: 1}
	}
	var r Result
	for _, c := range f.cases {
		if c.passed() {
			r.Passed++
		} else {
			r.Failed++
		}
	}
	return r
}

// output is one way of writing what came of test files: each file when it is
// over, and in the end the rest. Both give the writer's error.
type output interface {
	file(f fileOutcome) error
	end(total Result) error
}

// outputs are those that the options ask for.
func (o Options) outputs() ([]output, error) {
	var all []output
	switch o.Format {
	case "", FormatTable:
		all = append(all, &tableOutput{printer: &printer{out: o.Out}, verbose: o.Verbose})
	case FormatJSON:
		all = append(all, &jsonOutput{out: o.Out, verbose: o.Verbose})
	default:
		return nil, fmt.Errorf("unknown format %q (write %s or %s)", o.Format, FormatTable, FormatJSON)
	}
	if o.JUnit != nil {
		all = append(all, &junitOutput{out: o.JUnit})
	}
	return all, nil
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

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
