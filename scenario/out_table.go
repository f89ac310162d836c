package scenario

import "strings"

// tableOutput writes for people: what failed, and a line for each file.
type tableOutput struct {
	*printer
	verbose bool
}

func (t *tableOutput) file(f fileOutcome) error {
	if f.err != nil {
		t.printf("FAIL  %s\n%s\n", f.path, indent(f.err.Error()))
		return t.err
	}
	for _, c := range f.cases {
		t.one(c)
	}
	switch r := f.result(); {
	case r.Failed > 0:
		t.printf("FAIL  %s  (%d passed, %d failed)\n", f.path, r.Passed, r.Failed)
	case r.Passed > 0:
		t.printf("ok    %s  (%s)\n", f.path, count(r.Passed, "case"))
	default:
		t.printf("ok    %s  (no case to run)\n", f.path)
	}
	return t.err
}

func (t *tableOutput) one(c caseOutcome) {
	if !c.passed() {
		t.printf("--- FAIL  %s\n%s\n", c.Case, indent(strings.Join(c.Failures, "\n")))
	} else if t.verbose {
		t.printf("--- ok    %s\n", c.Case)
	}
	if c.wrote != "" {
		t.printf("wrote %s\n", c.wrote)
	}
	if t.verbose {
		t.printf("%s\n", indent(strings.Join(c.Timeline, "\n")))
	}
}

func (t *tableOutput) end(total Result) error {
	t.printf("%d passed, %d failed\n", total.Passed, total.Failed)
	return t.err
}
