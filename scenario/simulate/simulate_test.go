package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
	"github.com/rollbackd/rollbackd/scenario/simulate"
)

// TestNothingIsFoundInRandomWorlds is a small hunt; `rollbackd simulate` makes
// larger ones. It also shows that these worlds are not boring ones: every way for
// a rollback to end, crashes, and most guards are in them.
func TestNothingIsFoundInRandomWorlds(t *testing.T) {
	runs := 400
	if testing.Short() {
		runs = 60
	}
	r, err := simulate.Run(t.Context(), simulate.Options{Seed: 1, Runs: runs, Workers: 2, OnDisk: 25})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Errorf("seed %d: %s\n%s", f.Seed, strings.Join(f.Failures, "\n"), f.World.Text())
	}
	if testing.Short() || len(r.Findings) > 0 {
		return
	}
	if r.Worlds != runs || r.Kills == 0 || len(r.Runs) < 4 || len(r.Outcomes) < 4 || len(r.Guards) < 12 {
		t.Errorf("%d worlds, %d crashes, runs %v, outcomes %v, guards %v: want something of everything", r.Worlds, r.Kills, r.Runs, r.Outcomes, r.Guards)
	}
}

// TestASeedIsAWorld: the same seed is the same file and the same journal, whoever
// plays it and however many are played at a time.
func TestASeedIsAWorld(t *testing.T) {
	if diff := cmp.Diff(simulate.Generate(7).Text(), simulate.Generate(7).Text()); diff != "" {
		t.Errorf("two worlds of a seed differ:\n%s", diff)
	}
	if simulate.Generate(7).Text() == simulate.Generate(8).Text() {
		t.Error("two seeds are the same world")
	}
	var tallies []map[string]int
	for _, workers := range []int{1, 3} {
		r, err := simulate.Run(t.Context(), simulate.Options{Seed: 100, Runs: 12, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		tally := map[string]int{"crashes": r.Kills, "worlds": r.Worlds}
		for kind, n := range r.Entries {
			tally[string(kind)] = n
		}
		tallies = append(tallies, tally)
	}
	if !maps.Equal(tallies[0], tallies[1]) {
		t.Errorf("one worker: %v\nthree: %v", tallies[0], tallies[1])
	}
}

// TestEveryWorldIsATestFile: what is generated can be read as TOML and as a test
// file, whatever the seed.
func TestEveryWorldIsATestFile(t *testing.T) {
	for seed := range uint64(300) {
		text := simulate.Generate(seed).Text()
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if _, err := scenario.Parse("world.toml", text); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
	}
}

// TestTheRealPartsChangeNothing: with its journal in a real file, and requests that
// the daemon's own runner carries out, a world goes the same way; only the words in
// which the runner says how a step ended are its own.
func TestTheRealPartsChangeNothing(t *testing.T) {
	for seed := range uint64(12) {
		w := simulate.Generate(seed)
		memory, err := w.Play()
		if err != nil {
			t.Fatal(err)
		}
		disk, err := w.PlayOnDisk(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(course(t, memory), course(t, disk)); diff != "" {
			t.Errorf("seed %d (-memory +disk):\n%s", seed, diff)
		}
	}
}

// course is what happened in a world, without the words.
func course(t *testing.T, v scenario.Verdict) []string {
	t.Helper()
	var lines []string
	for _, line := range v.Journal {
		var e incident.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%s %s %s", e.At, e.Kind, e.Service)
		if e.Step != nil && e.Step.Result != nil {
			what += fmt.Sprintf(" %s %s", e.Step.Ref.Name, e.Step.Result.State)
		}
		lines = append(lines, what)
	}
	return lines
}

// TestAnInterruptedWorldIsNoFinding: a hunt that is ended in the middle of a world
// with real parts says so, and finds nothing in that.
func TestAnInterruptedWorldIsNoFinding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := simulate.Generate(1).PlayOnDisk(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	r, err := simulate.Run(ctx, simulate.Options{Seed: 1, Runs: 4, OnDisk: 1})
	if !errors.Is(err, context.Canceled) || len(r.Findings) > 0 {
		t.Errorf("error %v and %d findings, want the context's error and none", err, len(r.Findings))
	}
}

// TestShrinkLeavesWhatMatters: a world that is kept for one thing is left with
// little else, and with a file that can still be played.
func TestShrinkLeavesWhatMatters(t *testing.T) {
	seed := withPardon(t)
	keeps := func(w simulate.World) bool {
		v, err := w.Play()
		return err == nil && v.Tally.Entries["pardon"] > 0
	}
	big := simulate.Generate(seed)
	small := simulate.Shrink(big, keeps, simulate.DefaultPlays)
	if !keeps(small) {
		t.Fatalf("the small world does not do what it is kept for:\n%s", small.Text())
	}
	if n := strings.Count(small.Text(), "at = "); n != 1 {
		t.Errorf("%d events are left, want the pardon alone:\n%s", n, small.Text())
	}
	if strings.Contains(small.Text(), "[case.values]") {
		t.Errorf("series are left that nobody looks at:\n%s", small.Text())
	}
	again := simulate.Shrink(simulate.Generate(seed), keeps, simulate.DefaultPlays)
	if diff := cmp.Diff(small.Text(), again.Text()); diff != "" {
		t.Errorf("shrinking twice gives two worlds:\n%s", diff)
	}
}

// withPardon is the first seed in whose world something is pardoned.
func withPardon(t *testing.T) uint64 {
	t.Helper()
	for seed := range uint64(200) {
		v, err := simulate.Generate(seed).Play()
		if err == nil && v.Tally.Entries["pardon"] > 0 {
			return seed
		}
	}
	t.Fatal("nothing is pardoned in 200 worlds")
	return 0
}

// TestShrinkKeepsWhatCannotBeSmaller: with no plays left the world stays as it is.
func TestShrinkKeepsWhatCannotBeSmaller(t *testing.T) {
	w := simulate.Generate(3)
	same := simulate.Shrink(w, func(simulate.World) bool { return true }, 0)
	if diff := cmp.Diff(w.Text(), same.Text()); diff != "" {
		t.Errorf("without a play the world changed:\n%s", diff)
	}
}

func BenchmarkWorld(b *testing.B) {
	seed, hours := uint64(0), 0.0
	for b.Loop() {
		v, err := simulate.Generate(seed % 500).Play()
		if err != nil {
			b.Fatal(err)
		}
		seed, hours = seed+1, hours+v.Tally.Length.Hours()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "worlds/s")
	b.ReportMetric(hours/b.Elapsed().Seconds(), "simulated-hours/s")
}
