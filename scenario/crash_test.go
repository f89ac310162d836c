package scenario_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/scenario"
)

// What the crash test must at least be made of.
const (
	wantPlans  = 20
	wantPoints = 1000
)

// TestKilledAfterEveryEntryOfEveryPlan kills the daemon once after each entry of
// the journal of each plan of testdata/crash, and lets it start again, at once or
// after a while. Whatever the moment: no step that is not idempotent ran twice
// unless its probe justified it, every incident is closed or waits for a person
// who was told, and a replay gives the same memory byte for byte.
func TestKilledAfterEveryEntryOfEveryPlan(t *testing.T) {
	paths, err := filepath.Glob("testdata/crash/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	plans, points := 0, 0
	t.Run("plans", func(t *testing.T) {
		for _, path := range paths {
			f := load(t, path)
			for _, c := range f.Cases {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".toml")+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					n := crashEverywhere(t, f, c)
					mu.Lock()
					defer mu.Unlock()
					plans, points = plans+1, points+n
				})
			}
		}
	})
	t.Logf("%d plans, %d points", plans, points)
	if plans < wantPlans || points < wantPoints {
		t.Errorf("%d plans and %d points, want at least %d and %d", plans, points, wantPlans, wantPoints)
	}
}

// crashEverywhere plays one case once for each entry of its journal, and returns
// how many there are.
func crashEverywhere(t *testing.T, f *scenario.File, c *scenario.Case) int {
	t.Helper()
	calm := f.PlayCrashed(c, 0, 0)
	for _, failure := range calm.Failures {
		t.Errorf("not killed at all: %s", failure)
	}
	for after := 1; after <= len(calm.Journal); after++ {
		for _, down := range []time.Duration{0, 50 * time.Second} {
			for _, failure := range standing(f.PlayCrashed(c, after, down)) {
				t.Errorf("killed after entry %d of %d for %s: %s", after, len(calm.Journal), down, failure)
			}
		}
	}
	return len(calm.Journal)
}

// standing are the failures of what holds in every case, whatever it expects.
func standing(v scenario.Verdict) []string {
	var failures []string
	for _, failure := range v.Failures {
		if strings.Contains(failure, "a check that every case is held to") {
			failures = append(failures, failure)
		}
	}
	return failures
}

// TestKilledAfterEveryEntryOfTheCorpus kills the daemon once after each entry of each
// journal of the corpus's runs and lets it start again, at once or after a
// while. Whatever the moment, what every case is held to holds: a replay gives
// the same memory, no step runs without a durable intent or a second time
// without being idempotent, a deployment is rolled back automatically only once,
// nothing starts under a brake or after its run was to stop, and of what waits
// for a person somebody was told.
func TestKilledAfterEveryEntryOfTheCorpus(t *testing.T) {
	files := []string{
		"testdata/runs.toml", "testdata/people.toml", "testdata/guards-several.toml", "testdata/sources.toml", "testdata/restart.toml",
		"testdata/hazards/H23-triggers-together.toml", "testdata/hazards/H25-crashes.toml",
	}
	played := 0
	for _, path := range files {
		f := load(t, path)
		for _, c := range f.Cases {
			played += killEverywhere(t, f, c)
		}
	}
	if played < 1000 {
		t.Errorf("only %d crashes were played", played)
	}
}

// killEverywhere plays one case once for each entry of its journal.
func killEverywhere(t *testing.T, f *scenario.File, c *scenario.Case) int {
	t.Helper()
	calm := f.Play(c)
	for after := 1; after <= len(calm.Journal); after++ {
		down := time.Duration(after%2) * 50 * time.Second
		for _, failure := range standing(f.PlayKilled(c, after, down)) {
			t.Errorf("%s: %s: killed after entry %d for %s: %s", f.Path, c.Name, after, down, failure)
		}
	}
	return len(calm.Journal)
}
