package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// longestLine bounds one line of output; a test that writes a longer one fails
// the run rather than being cut.
const longestLine = 16 << 20

// count is what a run came to; subtests count as tests.
type count struct {
	passed          int
	failed, skipped []string
	// why holds, for a failed test, the first lines that it wrote itself.
	why map[string][]string
}

// longestWhy bounds the lines a failed test is given in the closing lines. The
// whole output stands further up, where a long log may have pushed it out of sight.
const longestWhy = 5

// wrote matches a line that a test wrote with Error, Fatal or Log.
var wrote = regexp.MustCompile(`^\s+\w+\.go:\d+: `)

// read counts events until the stream ends. Meanwhile it writes what a person
// wants to see: a line for each package, and what a failed test had to say.
func (c *count) read(events io.Reader, out io.Writer) error {
	said := map[string][]string{}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // the go command speaks plainly when it cannot start
			continue
		}
		name := e.Package + "." + e.Test
		switch {
		case e.Action == "build-output":
			fmt.Fprint(out, e.Output)
		case e.Action == "output" && e.Test == "":
			fmt.Fprint(out, packageLine(e.Output))
		case e.Action == "output":
			said[name] = append(said[name], e.Output)
		case e.Action == "fail" && e.Test == "":
			c.failed = append(c.failed, e.Package)
		case e.Test != "":
			c.end(e.Action, name, said[name], out)
			if e.Action != "run" {
				delete(said, name)
			}
		}
	}
	return lines.Err()
}

// end counts one test that ended.
func (c *count) end(action, name string, said []string, out io.Writer) {
	switch action {
	case "pass":
		c.passed++
	case "skip":
		c.skipped = append(c.skipped, name+reason(said))
	case "fail":
		c.failed = append(c.failed, name)
		c.explain(name, said)
		for _, line := range said {
			if !strings.HasPrefix(line, "=== ") {
				fmt.Fprint(out, line)
			}
		}
	}
}

// explain keeps the first lines that a failed test wrote.
func (c *count) explain(name string, said []string) {
	for _, line := range said {
		if wrote.MatchString(line) && len(c.why[name]) < longestWhy {
			if c.why == nil {
				c.why = map[string][]string{}
			}
			c.why[name] = append(c.why[name], line)
		}
	}
}

// packageLine is a package's own output without what says nothing.
func packageLine(line string) string {
	if line == "PASS\n" || strings.Contains(line, "[no test files]") {
		return ""
	}
	return line
}

// reason is what a skipped test gave as its reason, in brackets.
func reason(said []string) string {
	for _, line := range slices.Backward(said) {
		text := strings.TrimSpace(line)
		if text != "" && !strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "===") {
			return " (" + text + ")"
		}
	}
	return ""
}

// print writes the closing lines.
func (c *count) print(out io.Writer) {
	fmt.Fprintln(out)
	for _, name := range c.skipped {
		fmt.Fprintln(out, "skipped:", name)
	}
	for _, name := range c.failed {
		fmt.Fprintln(out, "failed: ", name)
		for _, line := range c.why[name] {
			fmt.Fprint(out, line)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped (subtests count as tests, a failed package as one)\n",
		c.passed, len(c.failed), len(c.skipped))
}
