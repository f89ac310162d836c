package scenario_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/scenario"
)

// corpus is every test file of the corpus, hazards included.
func corpus(tb testing.TB) []string {
	tb.Helper()
	var paths []string
	for _, pattern := range []string{"testdata/*.toml", "testdata/hazards/*.toml", "testdata/regressions/*.toml", "testdata/crash/*.toml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

func indexed(i int) string { return fmt.Sprintf("[%d]", i) }

// parse reads cases for the small configuration of the corpus.
func parse(tb testing.TB, cases string) *scenario.File {
	tb.Helper()
	f, err := scenario.Parse("testdata/inline.toml", "config = \"config/base.toml\"\n"+cases)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func load(tb testing.TB, path string) *scenario.File {
	tb.Helper()
	f, err := scenario.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func TestCorpus(t *testing.T) {
	for _, path := range corpus(t) {
		f := load(t, path)
		for _, c := range f.Cases {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".toml")+"/"+c.Name, func(t *testing.T) {
				if v := f.Play(c); len(v.Failures) > 0 {
					t.Error(strings.Join(v.Failures, "\n"))
				}
			})
		}
	}
}

// TestCorpusIsLarge: cases are added, and not lost. That each hazard has its sides
// is TestEveryHazardHasItsSides.
func TestCorpusIsLarge(t *testing.T) {
	cases := 0
	for _, path := range corpus(t) {
		cases += len(load(t, path).Cases)
	}
	if cases < 400 {
		t.Errorf("%d cases, want at least 400", cases)
	}
}

// TestSameBytesOutForSameBytesIn plays the whole corpus twice.
func TestSameBytesOutForSameBytesIn(t *testing.T) {
	var outputs [2]bytes.Buffer
	for i := range outputs {
		if _, err := scenario.Run(t.Context(), corpus(t), scenario.Options{Out: &outputs[i], Verbose: true}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(outputs[0].String(), outputs[1].String()); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

// TestSameJournalForSameBytesIn goes deeper than the printed timeline: every
// byte of every entry.
func TestSameJournalForSameBytesIn(t *testing.T) {
	for _, path := range corpus(t) {
		a, b := load(t, path), load(t, path)
		for i := range a.Cases {
			one, two := a.Play(a.Cases[i]), b.Play(b.Cases[i])
			if !slices.EqualFunc(one.Journal, two.Journal, bytes.Equal) {
				t.Errorf("%s: %s: two runs wrote different journals", path, one.Case)
			}
			if len(one.Journal) == 0 {
				t.Errorf("%s: %s: nothing was journalled", path, one.Case)
			}
		}
	}
}

func TestRunPicksCasesByName(t *testing.T) {
	var out bytes.Buffer
	r, err := scenario.Run(t.Context(), []string{"testdata/windows-for.toml"},
		scenario.Options{Out: &out, Run: regexp.MustCompile("^exactly the threshold")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scenario.Result{Passed: 2}, r); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	want := "ok    testdata/windows-for.toml  (2 cases)\n2 passed, 0 failed\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := scenario.Run(ctx, corpus(t), scenario.Options{Out: &bytes.Buffer{}})
	if err == nil || r.Passed != 0 {
		t.Errorf("result %+v, error %v; want none passed and the context's error", r, err)
	}
}

// BenchmarkHour plays an hour of one service on a 15 s grid, with a rollback in it.
func BenchmarkHour(b *testing.B) {
	f := parse(b, `
[[case]]
name   = "an hour"
until  = "1h"
values = { "error_rate checkout" = "0.001x39 0.05x200" }
steps  = { undo = { takes = "5s", then = { "error_rate checkout" = "0.001x300" } } }
events = [{ at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } }]
expect = [{ end = true, rollbacks = 1 }]
`)
	for b.Loop() {
		if v := f.Play(f.Cases[0]); len(v.Failures) > 0 {
			b.Fatal(v.Failures)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hours/s")
}
