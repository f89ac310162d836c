package scenario_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/scenario"
)

// golden compares with a file of testdata, or writes it when UPDATE is set.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := scenario.Load("testdata/bad/mistakes.toml")
	if err == nil {
		t.Fatal("no error")
	}
	golden(t, "testdata/bad/mistakes.golden", err.Error()+"\n")
}

func TestWrongExpectationsSayWhatWasThere(t *testing.T) {
	var out bytes.Buffer
	r, err := scenario.Run(t.Context(), []string{"testdata/bad/expectations.toml"}, scenario.Options{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Passed != 0 {
		t.Errorf("%+v: a wrong expectation came true", r)
	}
	// Of the timeline only the triggers: the other lines are the brain's words.
	var kept []string
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[0], "+") || fields[2] == "trigger" {
			kept = append(kept, line)
		}
	}
	golden(t, "testdata/bad/expectations.golden", strings.Join(kept, ""))
}

func TestWrongFiles(t *testing.T) {
	const one = "[[case]]\nname = \"x\"\nexpect = [{ end = true, rollbacks = 0 }]\n"
	tests := []struct{ name, text, want string }{
		{"not TOML", "config = ", "inline.toml:1: "},
		{"nothing", "", "needs exactly one of config, inline; found none of them"},
		{"no case", "config = \"config/base.toml\"\n", "inline.toml: there is no [[case]]"},
		{"two configurations", "config = \"config/base.toml\"\n[inline.prometheus]\n" + one, "found config and inline"},
		{"no such configuration", "config = \"config/none.toml\"\n" + one, "inline.toml:1: config: "},
		{
			"a mistake inside [inline]", "[inline.prometheus]\nurl = \"http://127.0.0.1:1\"\npol_interval = \"15s\"\n" + one,
			`inline.toml:3: inline.prometheus.pol_interval: unknown key "pol_interval"`,
		},
		{
			"an overlay with a mistake", "config = \"config/base.toml\"\n" + one + "config = { guards = { max_concurent = 1 } }\n",
			"inline.toml:5: case[0].config: guards.max_concurent: unknown key",
		},
		{"a case that expects nothing", "config = \"config/base.toml\"\n[[case]]\nname = \"x\"\n", "the case expects nothing"},
		{"a case of the wrong type", "config = \"config/base.toml\"\ncase = 3\n", "case: expected an array of tables ([[case]]), found 3"},
		{
			"a health event without its distance", "config = \"config/base.toml\"\n" + one +
				"[[case.events]]\nat = \"1s\"\nhealth = { service = \"checkout\", instance = \"a\", status = \"fail\", repeat = 3 }\n",
			"every is missing: how far apart are the 3 checks?",
		},
		{
			"a verb that is an event", "config = \"config/base.toml\"\n" + one +
				"[[case.events]]\nat = \"1s\"\ncommand = { verb = \"deployed\", service = \"checkout\" }\n",
			`"deployed" is written as an event of its own`,
		},
		{
			"an event after the end", "config = \"config/base.toml\"\n" + one +
				"until = \"15m\"\n[[case.events]]\nat = \"20m\"\ndeployed = { service = \"checkout\", version = \"v3\" }\n",
			`inline.toml:6: the event is for 20m, after the case has ended (until = "15m")`,
		},
		{
			"a fault that begins after the end", "config = \"config/base.toml\"\n" + one +
				"until = \"15m\"\n[[case.faults]]\nfrom = \"16m\"\nnats = \"down\"\n",
			`inline.toml:6: the fault is for 16m, after the case has ended (until = "15m")`,
		},
		{
			"a fault that begins after the last value", "config = \"config/base.toml\"\n" + one +
				"values = { \"error_rate checkout\" = \"0.001x3\" }\n[[case.faults]]\nfrom = \"2m\"\nnats = \"down\"\n",
			"inline.toml:6: the fault is for 2m, after the case has ended (without until, at its last value, event or expectation)",
		},
		{
			"a fault of no kind", "config = \"config/base.toml\"\n" + one + "[[case.faults]]\nfrom = \"0s\"\n",
			"needs exactly one of prometheus, nats, journal, receiver.NAME; found none of them",
		},
		{
			"several values that are none", "config = \"config/base.toml\"\n" + one + "values = { \"error_rate checkout\" = \"0.001x3 abc 1+2 0.05x-3\" }\n",
			`"abc" is not a value (write numbers as promtool does: 1, 0.05x40, 0+10x5, _, _x3, stale, NaN, +Inf)` + "\n" +
				`testdata/inline.toml:5: case[0].values."error_rate checkout": "1+2" says how much to add but not how often (write 1+2x10)` + "\n" +
				`testdata/inline.toml:5: case[0].values."error_rate checkout": "0.05x-3" is not a value`,
		},
		{
			"more at least than at most", "config = \"config/base.toml\"\n[[case]]\nname = \"x\"\nexpect = [{ end = true, notifications = { min = 3, max = 1 } }]\n",
			"notifications: min (3) is more than max (1): no number is both",
		},
		{
			"a good configuration that is to be refused", "config = \"config/base.toml\"\n" + one +
				"events = [{ at = \"0s\", refused = true, reload = { guards = { max_concurrent = 1 } } }]\n",
			"reload: refused = true, and the configuration has no mistake: it would be taken",
		},
		{
			"a word that goes with a reload", "config = \"config/base.toml\"\n" + one + "events = [{ at = \"0s\", refused = true, restart = {} }]\n",
			"refused: unknown key",
		},
		{"a guard of a later version", "config = \"config/base.toml\"\n[[case]]\nname = \"x\"\n" +
			"expect = [{ end = true, incident = { held_by = \"not_leader\" } }]\n", `held_by: "not_leader": not implemented in this version`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := scenario.Parse("testdata/inline.toml", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error:\n%v\nwant it to say: %s", err, tt.want)
			}
		})
	}
}

// Of two kinds of event that one is said to be of, the second is not another mistake.
func TestTwoKindsOfEventAreOneMistake(t *testing.T) {
	_, err := scenario.Parse("testdata/inline.toml", `config = "config/base.toml"
[[case]]
name = "x"
expect = [{ end = true, rollbacks = 0 }]
[[case.events]]
at = "0s"
restart = { down = "1s" }
signal = { service = "checkout", name = "flag_failed" }
`)
	const want = "testdata/inline.toml:5: case[0].events[0]: needs exactly one of deployed, deploying, running, health, signal, command, " +
		"rehearsed, restart, reload, clock, suspend; found signal and restart"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestABrokenFileDoesNotStopTheOthers(t *testing.T) {
	var out bytes.Buffer
	r, err := scenario.Run(t.Context(), []string{"testdata/none.toml", "testdata/windows-samples.toml"}, scenario.Options{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scenario.Result{Passed: 4, Failed: 1}, r); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(out.String(), "FAIL  testdata/none.toml\n") {
		t.Errorf("output: %s", out.String())
	}
}

func TestWarningsOfTheConfigurationFailNothing(t *testing.T) {
	// The ratio's numerator is filtered and has no `or`: a warning.
	f, err := scenario.Parse("x.toml", `
[inline.prometheus]
url = "http://127.0.0.1:1"
[inline.nats]
url = "nats://127.0.0.1:1"
[inline.metrics]
error_rate = 'sum by (service) (rate(x{code="500"}[1m])) / sum by (service) (rate(x[1m]))'
[inline.services.checkout.triggers]
errors = { when = "error_rate > 1% for 30s", severity = "low" }
[[case]]
name   = "warned, and fine"
values = { "error_rate checkout" = "0.001x8" }
expect = [{ end = true, rollbacks = 0 }]
`)
	if err != nil {
		t.Fatal(err)
	}
	if v := f.Play(f.Cases[0]); len(v.Failures) > 0 {
		t.Error(v.Failures)
	}
}

func FuzzFile(f *testing.F) {
	paths, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	// Few and small: a large seed makes every try slow.
	for _, path := range append(paths, "testdata/windows-samples.toml", "testdata/reload.toml", "testdata/world.toml") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := scenario.Parse("testdata/fuzz.toml", text)
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "testdata/fuzz.toml"):
			t.Errorf("an error without its place: %v", err)
		case err == nil && len(file.Cases) == 0:
			t.Error("a file without cases was taken")
		}
		scenario.LinesOf(text)
	})
}
