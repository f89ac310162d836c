package config_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

func TestPartsOfAPlan(t *testing.T) {
	o := mustRead(t, "testdata/good/full.toml").BrainOptions()
	plan := o.Services["checkout"].Plan
	want := &incident.Plan{
		Capture: []incident.PlanStep{
			{Name: "log", Timeout: 5 * time.Second, OnFailure: "continue", Do: json.RawMessage(`{"kind":"exec","argv":["/bin/true","${service}"]}`)},
			{Name: "capture 2", Timeout: 20 * time.Second, OnFailure: "continue", Do: json.RawMessage(`{"kind":"http","method":"GET","url":"https://lb/state"}`)},
		},
		Reversible: &incident.PlanStep{
			Name: "reversible", Timeout: 10 * time.Second, OnFailure: "stop", Do: json.RawMessage(`{"kind":"exec","argv":["/bin/true","${target_version}"]}`),
		},
		Forward: []incident.PlanStep{
			{
				Name: "flag off", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true,
				Do: json.RawMessage(`{"kind":"http","method":"POST","url":"https://flags/checkout/off"}`),
			},
		},
		StopDeploy: &incident.PlanStep{
			Name: "stop_deploy", Timeout: time.Minute, OnFailure: "stop", Changes: true, Do: json.RawMessage(`{"kind":"exec","argv":["/bin/true","stop"]}`),
		},
		UsesTarget: true,
	}
	got := &incident.Plan{Capture: plan.Capture, Reversible: plan.Reversible, Forward: plan.Forward, StopDeploy: plan.StopDeploy, UsesTarget: plan.UsesTarget}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if o.Services["search"].Plan.Reversible != nil || o.Services["search"].Plan.StopDeploy != nil {
		t.Error("a plan that says nothing of it has a point of no return, or stops deployments")
	}
}

// Whoever carries steps out reads each of them, its if, its probe and its units.
func TestStepsAreUnderstood(t *testing.T) {
	o := mustRead(t, "testdata/good/full.toml").BrainOptions()
	values := map[string]string{"vars.zone": "eu-1", "vars.limit": "2.5", "versions.checkout.target": "v1", "versions.cart.running": "v2", "versions.api.running": "v3"}
	for _, name := range config.Placeholders() {
		values[name] = "1"
	}
	seen := 0
	for _, plan := range []*incident.Plan{o.Services["checkout"].Plan, o.Services["checkout"].TriggerPlans["lag"], o.Groups["back"].Plan} {
		steps := append([]incident.PlanStep{}, plan.Capture...)
		for _, part := range [][]incident.PlanStep{plan.Checks, plan.Steps, plan.Forward, plan.Finally} {
			steps = append(steps, part...)
		}
		for _, one := range []*incident.PlanStep{plan.Reversible, plan.StopDeploy} {
			if one != nil {
				steps = append(steps, *one)
			}
		}
		for _, s := range steps {
			for _, do := range []json.RawMessage{s.Do, s.Probe, s.If} {
				if do == nil {
					continue
				}
				seen++
				step, err := action.Decode(do)
				if err == nil {
					_, err = action.Expand(step, values)
				}
				if err != nil {
					t.Errorf("%s: %s: %v", s.Name, do, err)
				}
			}
		}
	}
	if seen < 18 {
		t.Errorf("only %d actions were looked at", seen)
	}
}

// A unit that could not stand in a step is refused by the same rule as later on.
func TestUnitsFitTheRuleOfSteps(t *testing.T) {
	for _, value := range []string{
		"web1", "10.0.0.1:8080", "a/b@c+d", "-a", "", "a b", "a..b", "a\nb", "é", "$x", "a*", "a;b", string(make([]byte, 200)), "0", "A_", ".a",
	} {
		if got, want := config.FitsStep(value), value != "" && action.CheckValue(value) == nil; got != want {
			t.Errorf("%q fits: %t, and a step takes it: %t", value, got, want)
		}
	}
}

// Go's durations know no days, Prometheus's no fractions.
func TestDurationsOfSteps(t *testing.T) {
	for text, want := range map[string]string{"1d": "24h", "1h30m": "90m", "90s": "90s", "2m": "2m", "1500ms": "1500ms", "1w": "168h"} {
		c, _ := must(t, "[services.a.rollback]\nsteps = [{ exec = [\"/bin/true\"] }, { wait = \""+text+"\" }]\n")
		step, err := action.Decode(c.BrainOptions().Services["a"].Plan.Steps[1].Do)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := config.StepDuration(step.For); got != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
}

func TestUsesTarget(t *testing.T) {
	const second = `[[services.a.rollback.steps]]
exec = ["/bin/true"]
`
	tests := []struct {
		name, step string
		want       bool
	}{
		{"not at all", `exec = ["/bin/true"]`, false},
		{"in the step", `exec = ["/bin/true", "${target_version}"]`, true},
		{"in its probe", "exec = [\"/bin/true\"]\nprobe = { exec = [\"/bin/true\", \"${target_version}\"] }", true},
		{"in a query, which brings nobody there", `query = 'up{v="${target_version}"}'`, false},
		{"another version", `exec = ["/bin/true", "${running_version}"]`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := must(t, "[prometheus]\nurl = \"http://p\"\n[services.a.deployment]\nsymlink = \"/srv/a\"\n"+second+"[[services.a.rollback.steps]]\n"+test.step+"\n")
			plan := c.BrainOptions().Services["a"].Plan
			if plan.Steps[0].UsesTarget || plan.Steps[1].UsesTarget != test.want || plan.UsesTarget != test.want {
				t.Errorf("steps %t and %t, plan %t; want %t of the second", plan.Steps[0].UsesTarget, plan.Steps[1].UsesTarget, plan.UsesTarget, test.want)
			}
		})
	}
}

// Each trigger has the plan and the scope that it asks for; the others have the
// service's.
func TestPlansOfTriggers(t *testing.T) {
	checkout := mustRead(t, "testdata/good/full.toml").BrainOptions().Services["checkout"]
	if len(checkout.TriggerPlans) != 1 || checkout.TriggerPlans["lag"].Name != "whole" || checkout.Plan.Name != "shop" {
		t.Errorf("plans of triggers: %v", checkout.TriggerPlans)
	}
	if diff := cmp.Diff(map[string]string{"lag": "database"}, checkout.Scopes); diff != "" {
		t.Error(diff)
	}
	// 15m of the metric that verifies it, and two polls; the service's own plan
	// writes its settle.
	if got := checkout.TriggerPlans["lag"].Verify; got.Settle != 15*time.Minute+20*time.Second || len(got.When) != 1 {
		t.Errorf("verify of the trigger's plan: %+v", got)
	}
	if checkout.Plan.Verify.Settle != 2*time.Minute {
		t.Errorf("verify of the service's plan: %+v", checkout.Plan.Verify)
	}
}
