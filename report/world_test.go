package report_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
)

// worlds are the incidents under testdata.
func worlds() []string { return []string{"verified", "failed", "held"} }

// played is the first incident of a world under testdata: the real brain's, folded
// from what it wrote, in the form that everybody outside sees. change, where it is
// not nil, is given each entry before.
func played(tb testing.TB, world string, change func(*incident.Entry)) *incident.Incident {
	tb.Helper()
	f, err := scenario.Load(filepath.Join("testdata", world+".toml"))
	if err != nil {
		tb.Fatal(err)
	}
	verdict := f.Play(f.Cases[0])
	var entries []incident.Entry
	for _, line := range verdict.Journal {
		var e incident.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			tb.Fatal(err)
		}
		if e.Incident == "" || len(entries) > 0 && e.Incident != entries[0].Incident {
			continue
		}
		if change != nil {
			change(&e)
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 || len(verdict.Failures) > 0 {
		tb.Fatalf("%s: %d entries, failures %q", world, len(entries), verdict.Failures)
	}
	return incident.Fold(entries).Public()
}
