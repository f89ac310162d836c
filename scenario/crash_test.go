package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/scenario"
)

// TestKilledAfterEveryEntry kills the daemon once after each entry of each
// journal of the corpus's runs and lets it start again, at once or after a
// while. Whatever the moment, what every case is held to holds: a replay gives
// the same memory, no step runs without a durable intent or a second time
// without being idempotent, a deployment is rolled back automatically only once,
// nothing starts under a brake or after its run was to stop, and of what waits
// for a person somebody was told.
func TestKilledAfterEveryEntry(t *testing.T) {
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
		for _, failure := range f.PlayKilled(c, after, down).Failures {
			if strings.Contains(failure, "a check that every case is held to") {
				t.Errorf("%s: %s: killed after entry %d for %s: %s", f.Path, c.Name, after, down, failure)
			}
		}
	}
	return len(calm.Journal)
}
