package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestWindows(t *testing.T) {
	o := mustRead(t, "testdata/good/full.toml").BrainOptions()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := []incident.Window{
		{
			Name: "night", Days: []time.Weekday{time.Friday, time.Saturday}, From: 22 * time.Hour, To: 6*time.Hour + 30*time.Minute,
			Location: berlin, Services: []string{"checkout"}, Cap: evaluator.Approve,
		},
		{Name: "freeze", From: 18 * time.Hour, To: 18 * time.Hour, Location: time.UTC, Cap: evaluator.NoResponse},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, o.Windows, sameZone); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c, _ := must(t, "[decide]\ncountdown = \"90s\"\n[[windows]]\nname = \"all\"\nresponse = \"countdown\"\n")
	whole := []incident.Window{{Name: "all", To: 24 * time.Hour, Location: time.UTC, Cap: evaluator.Countdown, Wait: 90 * time.Second}}
	if diff := cmp.Diff(whole, c.BrainOptions().Windows, sameZone); diff != "" {
		t.Errorf("a window without times (-want +got):\n%s", diff)
	}
}

// The zones are in the binary: nothing on this machine is needed for them.
func TestZonesWithoutZoneFiles(t *testing.T) {
	t.Setenv("ZONEINFO", "/no/such/file")
	c, _ := must(t, "[[windows]]\nname = \"w\"\ntz = \"America/St_Johns\"\nresponse = \"notify\"\n")
	_, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, c.Windows[0].Location).Zone()
	if offset != -(3*3600 + 1800) {
		t.Errorf("offset %d", offset)
	}
}

func TestGroups(t *testing.T) {
	o := mustRead(t, "testdata/good/full.toml").BrainOptions()
	type summary struct {
		Services []string
		Plan     string
		Settle   time.Duration
		Steps    int
	}
	got := map[string]summary{}
	for name, g := range o.Groups {
		if g.Name != name {
			t.Errorf("group %q is called %q", name, g.Name)
		}
		got[name] = summary{g.Services, g.Plan.Name, g.Plan.Verify.Settle, len(g.Plan.Steps)}
	}
	want := map[string]summary{
		// 15m is the longest range that a member's triggers or the plan's own
		// verification read.
		"front": {[]string{"cart", "checkout"}, "whole", 15*time.Minute + 20*time.Second, 1},
		"back":  {[]string{"api", "worker"}, "back", 20 * time.Second, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"search"}, o.Services["checkout"].DependsOn); diff != "" {
		t.Error(diff)
	}
}

// A group without a plan has the one that its members name, and the metrics that
// verify it are asked for each of them.
func TestGroupOfOnePlan(t *testing.T) {
	c, _ := must(t, watched+`[plans.p]
verify = { within = "30m", when = ["errors < 1%"] }
steps  = [{ exec = ["/bin/true", "${versions.a.running}", "${versions.b.running}", "${vars.zone}"] }]
[services.a]
plan = "p"
vars = { zone = "x", own = "1" }
[services.b]
plan = "p"
vars = { zone = "x", own = "2" }
[groups.both]
services = ["b", "a"]
`)
	g := c.BrainOptions().Groups["both"]
	if g.Plan == nil || g.Plan.Name != "p" || len(g.Plan.Verify.When) != 1 || g.Plan.Verify.Settle != 90*time.Second {
		t.Errorf("plan of the group: %+v", g.Plan)
	}
	for _, name := range []string{"a", "b"} {
		if metrics := c.Services[name].Metrics(); len(metrics) != 1 || metrics[0].Name != "errors" {
			t.Errorf("%s reads %v", name, metrics)
		}
	}
	text, err := c.Effective("a")
	if err != nil || !strings.Contains(string(text), "[groups.both]\nplan = \"p\"\nservices = [\"b\", \"a\"]\n") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestPeople(t *testing.T) {
	c := mustRead(t, "testdata/good/full.toml")
	wantDecide := incident.Decide{
		Within: map[trigger.Severity]time.Duration{
			trigger.Critical: 2 * time.Minute, trigger.High: 15 * time.Minute, trigger.Medium: time.Hour, trigger.Low: 2 * time.Hour,
		},
		OnDeadline:    map[trigger.Severity]bool{trigger.Critical: true},
		Approvals:     map[string]int{"any": 2, "ops-lead": 1},
		EscalateAfter: []time.Duration{0, 10 * time.Minute}, ApprovalExpires: 5 * time.Minute,
	}
	if diff := cmp.Diff(wantDecide, c.BrainOptions().Decide); diff != "" {
		t.Errorf("decide (-want +got):\n%s", diff)
	}
	if !c.BrainOptions().Guards.HoldWhen || c.Guards.HoldWhen != "maintenance_active > 0" {
		t.Errorf("hold_when: %+v", c.Guards)
	}
	wantRoles := map[string][]string{"viewer": {"bob"}, "operator": {"carol"}, "approver": {"alice", "dave"}, "ops-lead": {"alice"}}
	if diff := cmp.Diff(wantRoles, c.Web.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(c.Web.ConfigFile, "/testdata/good/web.yml") {
		t.Errorf("config_file %q", c.Web.ConfigFile)
	}
	if c, _ := must(t, "[decide]\napprovals = { any = 0, lead = 1 }\n[web.roles]\nlead = [\"a\"]\napprover = [\"a\"]\n"); !cmp.Equal(c.Decide.Approvals, map[string]int{"lead": 1}) {
		t.Errorf("a role that nobody is asked of is asked: %v", c.Decide.Approvals)
	}
}

func TestWants(t *testing.T) {
	all, picky := config.Receiver{}, config.Receiver{Severities: []trigger.Severity{trigger.Critical}, Events: []string{"held"}, Escalation: 2}
	tests := []struct {
		name      string
		receiver  config.Receiver
		severity  trigger.Severity
		event     string
		level     int
		everybody bool
		want      bool
	}{
		{"asks for nothing", all, trigger.Low, "acting", 0, false, true},
		{"all that it asks for", picky, trigger.Critical, "held", 2, false, true},
		{"at a later level", picky, trigger.Critical, "held", 3, false, true},
		{"too early", picky, trigger.Critical, "held", 1, false, false},
		{"another severity", picky, trigger.High, "held", 2, false, false},
		{"another event", picky, trigger.Critical, "acting", 2, false, false},
		{"about the daemon, which has no severity", picky, 0, "held", 2, false, true},
		{"everybody", picky, trigger.Low, "acting", 0, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.receiver.Wants(test.severity, test.event, test.level, test.everybody); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

// What is written twice, once in each of two files, is one name too many; groups
// may be spread over files as services are.
func TestGroupsInTwoFiles(t *testing.T) {
	t.Chdir(folder(t, map[string]string{
		"a.toml": "[services.a]\n[services.b]\n[groups.g]\nservices = [\"a\", \"b\"]\nrollback = { steps = [{ exec = [\"/bin/true\"] }] }\n",
		"b.toml": "[services.c]\n[services.d]\n[groups.h]\nservices = [\"c\", \"d\"]\nrollback = { steps = [{ exec = [\"/bin/true\"] }] }\n",
	}))
	c, report := config.Load(".")
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 2 {
		t.Errorf("groups %v", c.Groups)
	}
}

// The effective configuration is read again as the same.
func TestEffectiveOfEverything(t *testing.T) {
	c := mustRead(t, "testdata/good/full.toml")
	text, err := c.Effective("")
	if err != nil {
		t.Fatal(err)
	}
	again, report := config.Parse("again.toml", text)
	if err := report.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	// Printed, the default of min_samples is written out.
	options := []cmp.Option{sameZone, cmpopts.IgnoreFields(incident.Options{}, "Hash"), cmpopts.IgnoreFields(trigger.Spec{}, "MinSamples"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(c.BrainOptions(), again.BrainOptions(), options...); diff != "" {
		t.Errorf("the brain is told something else (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(c.Web, again.Web, cmpopts.IgnoreUnexported(config.Web{})); diff != "" {
		t.Error(diff)
	}
}
