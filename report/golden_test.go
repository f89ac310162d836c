package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

// update writes what is recorded under testdata anew: go test ./report -update.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the files under testdata anew")
	flag.Parse()
	os.Exit(m.Run())
}

func options() report.Options {
	return report.Options{Now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), ExternalURL: "https://rollbackd.example.com/"}
}

// written is what an ask gives of an incident.
func written(tb testing.TB, inc *incident.Incident, a report.Ask) string {
	tb.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, inc, a, options()); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// asks are all that can be asked for, by the ending of their files.
func asks() map[string]report.Ask {
	all := map[string]report.Ask{
		"md": {Format: report.Markdown}, "html": {Format: report.HTML}, "json": {Format: report.JSON},
		"metrics.json": {Format: report.Metrics}, "failures.json": {Format: report.Failures},
	}
	for _, a := range report.Audiences() {
		all[string(a)+".txt"] = report.Ask{For: a}
	}
	return all
}

// seen adds to a world what its simulation does not have: an output, and an impact.
func seen(e *incident.Entry) {
	if e.Captured != nil {
		e.Captured.Result.Output = "Jan 05 10:02:14 checkout[814]: listening on :8080\nJan 05 10:02:31 checkout[814]: order 4711: nil pointer dereference\n"
	}
	if e.Step != nil && e.Step.Result != nil && e.Step.Result.State == incident.StepFailed {
		e.Step.Result.Output = "migrate: connecting to db1\nmigrate: table orders is locked by pid 991\n"
	}
}

func measured(inc *incident.Incident) *incident.Incident {
	requests, failed, down := 18250.0, 1311.0, 270.0
	inc.Impact = &incident.Impact{
		From: inc.Triggers[0].Since, To: inc.ClosedAt, Requests: &requests, FailedRequests: &failed, DowntimeSeconds: &down,
		Problem: "affected: no query is configured",
	}
	return inc
}

// TestWorldsAreWrittenAsRecorded holds every form of three real incidents to what
// is recorded of it, byte for byte.
func TestWorldsAreWrittenAsRecorded(t *testing.T) {
	for _, world := range worlds() {
		inc := played(t, world, seen)
		if world == "verified" {
			inc = measured(inc)
		}
		for ending, ask := range asks() {
			path := filepath.Join("testdata", world+"."+ending)
			got := written(t, inc, ask)
			if again := written(t, inc, ask); again != got {
				t.Errorf("%s: the same incident gives other bytes the second time:\n%s", path, cmp.Diff(got, again))
			}
			if updating() {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-recorded +now):\n%s", path, diff)
			}
		}
	}
}
