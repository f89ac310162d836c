package backtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/incident"
)

func known() []string { return []string{"cart", "checkout"} }

func TestDeploymentsOfAFile(t *testing.T) {
	got, err := backtest.ParseDeployments("d.toml", `
[[deployment]]
service = "checkout"
version = "v2"
previous = "v1"
at = 2026-01-05T13:00:00+01:00
by = "alice"
change = "c1"
no_auto_rollback = true
[[deployment]]
service = "cart"
version = "2026.1"
at = "2026-01-05T12:30:00Z"
`, known())
	if err != nil {
		t.Fatal(err)
	}
	half := midday().Add(30 * time.Minute)
	want := []incident.Deployed{
		{Service: "checkout", Version: "v2", Previous: "v1", At: midday(), StartedAt: midday(), By: "alice", Change: "c1", NoAutoRollback: true},
		{Service: "cart", Version: "2026.1", At: half, StartedAt: half},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
}

// Every mistake is reported, each at its line.
func TestMistakesInFiles(t *testing.T) {
	_, err := backtest.ParseDeployments("d.toml", `
[[deployment]]
service = "chekout"
version = "a b"
at = 2026-01-05T12:00:00
[[deployment]]
service = "cart"
verson = "v2"
previous = 7
at = "yesterday"
[[deployment]]
service = "cart"
version = "v2"
previous = "v2"
at = 2026-01-05T12:00:00Z
[other]
`, known())
	want := `d.toml:3: deployment[0].service: unknown service "chekout" (did you mean "checkout"?)
d.toml:4: deployment[0].version: "a b" is no version that can be used: want at most 128 printable ASCII characters without spaces, beginning with a letter or digit
d.toml:5: deployment[0].at: want a time with a zone as RFC 3339 has it, such as 2026-01-05T10:00:00Z
d.toml:6: deployment[1]: version is missing
d.toml:8: deployment[1].verson: unknown key "verson" (did you mean "version"?)
d.toml:9: deployment[1].previous: want a string
d.toml:10: deployment[1].at: want a time with a zone as RFC 3339 has it, such as 2026-01-05T10:00:00Z
d.toml:14: deployment[2].previous: is the version itself: want the one that ran before, or leave it out
d.toml:16: other: unknown key "other": this file holds [[deployment]] only`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	_, err = backtest.ParseLabels("l.toml", `
[[incident]]
service = "cart"
name = ""
from = 2026-01-05T12:00:00Z
to = 2026-01-05T12:00:00Z
bad_version = "v1"
deployment = false
`, known())
	want = `l.toml:4: incident[0].name: must not be empty
l.toml:6: incident[0].to: must be after from (2026-01-05 12:00:00Z)
l.toml:7: incident[0].bad_version: names a version to blame, but deployment = false says that no deployment caused it: keep one`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	for text, part := range map[string]string{"x = [": "l.toml:1: ", "": "l.toml: there is no [[incident]]", "incident = 1": "l.toml:1: incident: want [[incident]]"} {
		if _, err := backtest.ParseLabels("l.toml", text, known()); err == nil || !strings.HasPrefix(err.Error(), part) {
			t.Errorf("%q: error %v, want %q", text, err, part)
		}
	}
}

// Whatever is in a file, it is read or refused with a place, and never the end of us.
func FuzzLabels(f *testing.F) {
	f.Add("[[incident]]\nservice = \"cart\"\nname = \"x\"\nfrom = 2026-01-05T12:00:00Z\nto = 2026-01-05T13:00:00Z\n")
	f.Add("incident = [{service = 1}, {}]\n")
	f.Add("[[incident]]\n[incident.name]\n")
	f.Fuzz(func(t *testing.T, text string) {
		labels, err := backtest.ParseLabels("l.toml", text, known())
		if err != nil && !strings.HasPrefix(err.Error(), "l.toml:") {
			t.Errorf("error without a place: %v", err)
		}
		for _, l := range labels {
			if err == nil && (!l.From.Before(l.To) || l.Service == "" || l.Name == "") {
				t.Errorf("accepted %+v", l)
			}
		}
	})
}
