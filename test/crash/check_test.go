package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// check holds everything that a place has in the end against what must be true
// whenever a crash came. It returns the journal's entries.
func check(t *testing.T, dir string) []incident.Entry {
	t.Helper()
	j, err := journal.OpenReadOnly(t.Context(), filepath.Join(dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if err := j.Verify(t.Context()); err != nil {
		t.Errorf("the journal's chain: %v", err)
	}
	c, report := config.Load(filepath.Join(dir, configFile))
	if c == nil {
		t.Fatal(report.Err())
	}
	o := c.BrainOptions()
	checkReplay(t, j, o, dir)
	entries := decode(t, j)
	checkSteps(t, dir, *o.Services[service].Plan)
	checkRest(t, dir, entries)
	checkVersion(t, dir, *o.Services[service].Plan, entries)
	return entries
}

// checkReplay replays the journal twice, and compares both memories with the one
// that the last life had.
func checkReplay(t *testing.T, j *journal.Journal, o incident.Options, dir string) {
	t.Helper()
	for range 2 {
		b := incident.New(o)
		if _, err := replay(context.WithoutCancel(t.Context()), j, b); err != nil {
			t.Fatal(err)
		}
		snapshot, err := b.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if live := read(dir, snapshotFile); !bytes.Equal(snapshot, []byte(live)) {
			t.Errorf("a replay remembers\n%s\nthe daemon remembered\n%s", snapshot, live)
		}
	}
}

func decode(t *testing.T, j *journal.Journal) []incident.Entry {
	t.Helper()
	var entries []incident.Entry
	err := j.Replay(t.Context(), func(_ uint64, raw []byte) error {
		var e incident.Entry
		err := json.Unmarshal(raw, &e)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// checkSteps holds what the steps did against what the plan allows them.
func checkSteps(t *testing.T, dir string, p incident.Plan) {
	t.Helper()
	log := lines(dir, stepsFile)
	for _, s := range slices.Concat(p.Steps, p.Finally, p.Forward) {
		for _, name := range names(s) {
			checkStep(t, log, name, s)
		}
	}
	changed := slices.ContainsFunc(slices.Concat(p.Steps, p.Forward), func(s incident.PlanStep) bool {
		return slices.ContainsFunc(names(s), func(name string) bool { return slices.Contains(log, "begin "+name) })
	})
	if !changed {
		return
	}
	for _, s := range p.Finally {
		// One that a crash met between its intent and its start may not have run, and
		// may not be run again; another failed. Then a person must know.
		if !slices.Contains(log, "end "+s.Name) && !toldOfTrouble(dir, "") {
			t.Errorf("a step changed something, %q in finally did not end well, and nobody was told: %q", s.Name, lines(dir, toldFile))
		}
	}
}

// names are what a step is called in the log: one name for each of its units.
func names(s incident.PlanStep) []string {
	if len(s.Each) == 0 {
		return []string{s.Name}
	}
	var all []string
	for _, unit := range s.Each {
		all = append(all, s.Name+" "+unit)
	}
	return all
}

// checkStep checks that a step that is not idempotent ran again only where it
// said that nothing was changed, or its probe said that it was not done.
func checkStep(t *testing.T, log []string, name string, s incident.PlanStep) {
	t.Helper()
	if s.Idempotent {
		return
	}
	ran, mayRun := 0, true
	for _, line := range log {
		what, subject, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(subject+" ", name+" ") {
			continue
		}
		switch {
		case what == "begin" && !mayRun:
			t.Errorf("step %q ran a second time, and nothing had said that it may", name)
			return
		case what == "begin":
			ran, mayRun = ran+1, false
		case what == "again":
			mayRun = true
		case what == "probe":
			mayRun = strings.HasSuffix(subject, " no")
		}
	}
}

// checkRest checks how it ended: there was one rollback, and its incident is
// closed, or waits for a person who knows.
func checkRest(t *testing.T, dir string, entries []incident.Entry) {
	t.Helper()
	planned := 0
	byIncident := map[string][]incident.Entry{}
	for _, e := range entries {
		if e.Kind == incident.KindPlanned {
			planned++
		}
		if e.Incident != "" {
			byIncident[e.Incident] = append(byIncident[e.Incident], e)
		}
	}
	if planned != 1 {
		t.Errorf("%d rollbacks were planned, want 1", planned)
	}
	for id, its := range byIncident {
		i := incident.Fold(its)
		switch i.State {
		case incident.Closed:
		case incident.Held, incident.AwaitingApproval:
			checkTold(t, dir, i)
		default:
			t.Errorf("incident %s is %s in the end, want it closed, or waiting for a person", id, i.State)
		}
	}
}

// checkVersion checks that what is said to be rolled back is. A plan that may
// end before its switch says less.
func checkVersion(t *testing.T, dir string, p incident.Plan, entries []incident.Entry) {
	t.Helper()
	if slices.ContainsFunc(p.Steps, func(s incident.PlanStep) bool { return s.Enough > 0 }) {
		return
	}
	said := slices.ContainsFunc(entries, func(e incident.Entry) bool { return e.Closed != nil && e.Closed.Outcome == incident.RolledBack })
	to, err := filepath.EvalSymlinks(filepath.Join(dir, "current"))
	if err != nil {
		t.Fatal(err)
	}
	if said && filepath.Base(to) != "v1" {
		t.Errorf("the incident says rolled back, and current is %s", to)
	}
}

// checkTold checks that the person for whom an incident waits was told so.
func checkTold(t *testing.T, dir string, i *incident.Incident) {
	t.Helper()
	if !toldOfTrouble(dir, i.ID) {
		t.Errorf("incident %s is %s by %s, and nobody was told: %q", i.ID, i.State, i.Decision.HeldBy, lines(dir, toldFile))
	}
}

// toldOfTrouble tells whether a person was told of an incident, or of any where
// it is empty, that something is left to do.
func toldOfTrouble(dir, id string) bool {
	return slices.ContainsFunc(lines(dir, toldFile), func(line string) bool {
		columns := strings.Split(line, "\t")
		if len(columns) != 3 || id != "" && columns[2] != id {
			return false
		}
		switch incident.Headline(columns[1]) {
		case incident.HeldHeadline, incident.FailedHead, incident.WaitingForYou:
			return true
		case incident.Acting, incident.RecoveredHead:
		}
		return false
	})
}
