package scenario_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/scenario"
)

// outsideConfig is a configuration for test files in a folder of a test's own.
const outsideConfig = `
[prometheus]
url = "http://127.0.0.1:9090"
[metrics]
error_rate = { query = "error_rate", unit = "ratio" }
[services.checkout.triggers]
errors = { when = "error_rate > 1% for 2m", severity = "low", warm_up = "0s" }
`

// files writes files into a folder of the test's own, and gives the folder.
func files(tb testing.TB, texts map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// mixed is a folder with a file that passes in part and one with a mistake.
func mixed(tb testing.TB) []string {
	tb.Helper()
	dir := files(tb, map[string]string{
		"rollbackd.toml": outsideConfig,
		"a_test.toml": `config = "rollbackd.toml"
[[case]]
name   = "it <fires> & 'tells'"
values = { "error_rate checkout" = "0.05x20" }
expect = [{ end = true, service = "checkout", trigger = { name = "errors", state = "firing" } }]
[[case]]
name   = "it does not fire"
values = { "error_rate checkout" = "0.05x20" }
expect = [{ end = true, service = "checkout", trigger = { name = "errors", state = "inactive" } }]
`,
		"b_test.toml": "config = \"nosuch.toml\"\n",
	})
	return []string{filepath.Join(dir, "a_test.toml"), filepath.Join(dir, "b_test.toml")}
}

func TestJSONTellsEverything(t *testing.T) {
	var out bytes.Buffer
	paths := mixed(t)
	r, err := scenario.Run(t.Context(), paths, scenario.Options{Out: &out, Format: scenario.FormatJSON})
	if err != nil || r != (scenario.Result{Passed: 1, Failed: 2}) {
		t.Fatalf("result %+v, error %v", r, err)
	}
	type one struct {
		Name     string
		Line     int
		Passed   bool
		Failures []string
	}
	var got struct {
		Passed, Failed int
		Files          []struct {
			File, Error string
			Cases       []one
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Passed != 1 || got.Failed != 2 || len(got.Files) != 2 || got.Files[0].File != paths[0] || !strings.Contains(got.Files[1].Error, "nosuch.toml") {
		t.Errorf("document %+v", got)
	}
	cases := got.Files[0].Cases
	if len(cases) != 2 || len(cases[1].Failures) != 1 || !strings.Contains(cases[1].Failures[0], "there was: checkout: trigger errors firing") {
		t.Fatalf("cases %+v, want the second with one failure", cases)
	}
	cases[1].Failures = nil
	want := []one{{"it <fires> & 'tells'", 2, true, []string{}}, {"it does not fire", 6, false, nil}}
	if diff := cmp.Diff(want, cases); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestJSONOfTheCorpusIsTheSameBytes(t *testing.T) {
	var outputs [2]bytes.Buffer
	for i := range outputs {
		o := scenario.Options{Out: &outputs[i], Format: scenario.FormatJSON, Clock: clock.New(), JUnit: &bytes.Buffer{}}
		if _, err := scenario.Run(t.Context(), []string{"testdata/windows-for.toml", "testdata/runs.toml"}, o); err != nil {
			t.Fatal(err)
		}
	}
	if outputs[0].String() != outputs[1].String() {
		t.Error("two runs wrote different documents")
	}
}

// slowClock is a wall on which each look takes a second.
type slowClock struct {
	clock.Clock
	now time.Time
}

func (c *slowClock) Now() time.Time {
	c.now = c.now.Add(time.Second)
	return c.now
}

func (c *slowClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func TestJUnit(t *testing.T) {
	var out, report bytes.Buffer
	paths := mixed(t)
	o := scenario.Options{Out: &out, JUnit: &report, Clock: &slowClock{}}
	if _, err := scenario.Run(t.Context(), paths, o); err != nil {
		t.Fatal(err)
	}
	type problem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var got struct {
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Errors   int     `xml:"errors,attr"`
		Time     float64 `xml:"time,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string   `xml:"name,attr"`
				Time    float64  `xml:"time,attr"`
				Failure *problem `xml:"failure"`
				Error   *problem `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(report.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	counts := []any{got.Tests, got.Failures, got.Errors, got.Time, len(got.Suites)}
	if diff := cmp.Diff([]any{3, 1, 1, 2.0, 2}, counts); diff != "" {
		t.Fatalf("tests, failures, errors, time, suites (-want +got):\n%s", diff)
	}
	first, second, unread := got.Suites[0].Cases[0], got.Suites[0].Cases[1], got.Suites[1].Cases[0]
	if first.Name != "it <fires> & 'tells'" || first.Failure != nil || first.Time != 1 {
		t.Errorf("the first case is %+v", first)
	}
	if second.Failure == nil || !strings.Contains(second.Failure.Text, "timeline:") || strings.Contains(second.Failure.Message, "\n") {
		t.Errorf("the second case is %+v, want a failure with its timeline", second)
	}
	if unread.Error == nil || !strings.Contains(unread.Error.Text, "nosuch.toml") {
		t.Errorf("the file with a mistake is %+v", unread.Error)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	_, err := scenario.Run(t.Context(), nil, scenario.Options{Out: &bytes.Buffer{}, Format: "yaml"})
	if err == nil || !strings.Contains(err.Error(), `unknown format "yaml"`) {
		t.Errorf("error %v", err)
	}
}

// full is a writer that takes nothing.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAWritersErrorEndsTheRun(t *testing.T) {
	paths := mixed(t)
	for _, o := range []scenario.Options{
		{Out: full{}}, {Out: full{}, Format: scenario.FormatJSON}, {Out: &bytes.Buffer{}, JUnit: full{}},
	} {
		if _, err := scenario.Run(t.Context(), paths, o); !errors.Is(err, errFull) {
			t.Errorf("%+v: error %v, want the writer's", o, err)
		}
	}
}

func TestLineDiff(t *testing.T) {
	numbered := func(from, to int) string {
		var b strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, "line %d\n", i)
		}
		return b.String()
	}
	tests := []struct{ name, old, present, want string }{
		{"one line changed", "a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c"},
		{"one put in", "a\nc\n", "a\nb\nc\n", "  a\n+ b\n  c"},
		{"one taken out", "a\nb\nc\n", "a\nc\n", "  a\n- b\n  c"},
		{"all new", "", "a\nb\n", "+ a\n+ b"},
		{"all gone", "a\n", "", "- a"},
		{"far apart", numbered(1, 9) + "x\n", "y\n" + numbered(1, 9), "+ y\n  line 1\n  line 2\n  (5 lines the same)\n  line 8\n  line 9\n- x"},
		{"at the end", numbered(1, 6) + "x\n", numbered(1, 6) + "y\n", "  (4 lines the same)\n  line 5\n  line 6\n- x\n+ y"},
		{"moved", "a\nb\nc\nd\n", "a\nc\nb\nd\n", "  a\n- b\n  c\n+ b\n  d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, scenario.LineDiff(test.old, test.present)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzLineDiff holds a difference to the truth: without the lines put in it is
// in the old text, without those taken out in the new one.
func FuzzLineDiff(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nc\nd\n")
	f.Add("", "\n\n")
	f.Add("a\na\nb\na\n", "a\nb\na\na\n")
	f.Fuzz(func(t *testing.T, old, present string) {
		if strings.Contains(old+present, "the same)") || len(old)+len(present) > 2000 {
			return // not to be told from what is left out
		}
		old, present = strings.TrimSuffix(old, "\n")+"\n", strings.TrimSuffix(present, "\n")+"\n"
		diff := scenario.LineDiff(old, present)
		if (diff == "") != (old == present) && !strings.Contains(diff, "the same)") {
			t.Fatalf("%q to %q: difference %q", old, present, diff)
		}
		for _, side := range []struct{ text, without string }{{old, "+ "}, {present, "- "}} {
			rest := side.text
			for line := range strings.SplitSeq(diff, "\n") {
				if diff == "" || strings.HasPrefix(line, side.without) || strings.HasSuffix(line, "the same)") {
					continue
				}
				at := strings.Index("\n"+rest, "\n"+line[2:]+"\n")
				if at < 0 {
					t.Fatalf("%q to %q: %q is not there in its order:\n%s", old, present, line[2:], diff)
				}
				rest = rest[at+len(line[2:])+1:]
			}
		}
	})
}

func TestAHugeDifferenceIsStillShown(t *testing.T) {
	old, present := strings.Repeat("a\n", 3000), strings.Repeat("b\n", 3000)
	diff := scenario.LineDiff(old, present)
	if strings.Count(diff, "- a") != 3000 || strings.Count(diff, "+ b") != 3000 {
		t.Error("lines are missing")
	}
}
