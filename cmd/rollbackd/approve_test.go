package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// asking is an incident that waits for two people.
func asking() *incident.Incident {
	return &incident.Incident{
		ID: "inc-1", Service: "checkout", State: incident.AwaitingApproval, Deployment: &incident.Deployment{Version: "v2"},
		Decision: incident.Decision{Target: "v1", PlanHash: "3f9a1c"},
		Needs:    []incident.Need{{Role: "any", Count: 1}, {Role: "ops-lead", Count: 1}},
	}
}

func TestApprove(t *testing.T) {
	held := asking()
	held.State, held.Needs = incident.Held, nil
	held.Decision.Holds = []incident.Hold{{Guard: incident.GuardCooldown}, {Guard: incident.GuardBudget}}
	group := asking()
	group.Decision.Scope, group.Needs = "application", nil
	group.Members = []incident.Member{{Service: "checkout", From: "v2", To: "v1"}, {Service: "cart", From: "c2", To: "c1"}}
	step := running()
	step.Rollback.Plan.Steps = []incident.PlanStep{{Name: "drain"}, {Name: "restart", Approval: &incident.StepApproval{Text: "is the queue empty?"}}}
	step.Rollback.Steps[1].Index, step.Rollback.Steps[2].Index = 0, 1
	step.Rollback.Steps[2].Unit = "web1"
	step.Decision.PlanHash = "77aa01"
	tests := []struct {
		name string
		i    *incident.Incident
		args []string
		want string
		body map[string]any
	}{
		{
			"people are asked: the plan that was shown", asking(), nil,
			"inc-1: approved rollback of checkout v2 → v1 · plan 3f9a1c\n  still needed: 1 of any role, 1 of ops-lead\n",
			map[string]any{"reason": "x", "plan": "3f9a1c"},
		},
		{
			"another plan was shown", asking(),
			[]string{"--plan", "000000"},
			"inc-1: approved rollback of checkout v2 → v1 · plan 3f9a1c\n  still needed: 1 of any role, 1 of ops-lead\n",
			map[string]any{"reason": "x", "plan": "000000"},
		},
		{
			"held: the plan as it stands", held,
			[]string{"--break-glass"},
			"inc-1: approved rollback of checkout v2 → v1 · plan 3f9a1c\n  overriding cooldown, budget\n",
			map[string]any{"reason": "x", "break_glass": true},
		},
		{
			"a group, and a scope", group, nil,
			"inc-1: approved rollback of checkout v2 → v1 · and of cart c2 → c1 · scope application · plan 3f9a1c\n",
			map[string]any{"reason": "x", "plan": "3f9a1c"},
		},
		{
			"a step: that one", step, nil,
			"inc-1: approved step restart [web1]: is the queue empty? · plan 77aa01\n",
			map[string]any{"reason": "x", "plan": "77aa01"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listenTo(t, map[string]any{
				"/api/v1/incidents/checkout": tt.i, "/api/v1/incidents/inc-1": tt.i, "/api/v1/incidents/inc-1/approve": web.Done{Incident: "inc-1"},
			})
			code, out, said := command(t, l.URL, append([]string{"approve", "checkout", "--reason", "x"}, tt.args...)...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			if diff := cmp.Diff(tt.want, out); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			posts := l.posted()
			if len(posts) != 1 {
				t.Fatalf("got %+v, want one command", posts)
			}
			if diff := cmp.Diff(tt.body, posts[0].body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShowHasWhatPeopleAndUnitsDid shows an incident with everything in it.
func TestShowHasWhatPeopleAndUnitsDid(t *testing.T) {
	i := running()
	i.Group, i.Members = "shop", []incident.Member{{Service: "checkout", From: "v2", To: "v1"}, {Service: "cart", From: "c2", To: "c1"}}
	i.EscalationLevel, i.AckedBy = 2, "dave"
	i.Needs = []incident.Need{{Role: "ops-lead", Count: 1}}
	i.Decision.Scope, i.Decision.PlanHash = "application", "3f9a1c"
	i.Approvals = []incident.Approval{{By: "ann", At: three(), Roles: []string{"approver"}, PlanHash: "3f9a1c", Reason: "seen it"}}
	i.Captures = []incident.StateBefore{
		{Name: "journalctl", State: incident.StepDone, Output: "first\x1b[31m\nsecond\n"}, {Name: "heap", State: incident.StepFailed, Error: "no such file"},
	}
	i.Rollback.Scope, i.Rollback.Waiting = "application", "v2 is still rolling out"
	i.Rollback.Steps[2].Unit = "web1"
	i.Rollback.Steps[2].Approvals = []incident.Approval{{By: "root", At: three(), BreakGlass: true}}
	a := &app{clock: &stopped{Clock: clock.New(), at: three().Add(12 * time.Second)}}
	page := a.incidentPage(i).String()
	for _, want := range []string{
		"  acked by  dave\n  group     shop\n",
		"  scope     application\n  plan      3f9a1c\n",
		"  escalation    level 2 was told, acked by dave\n  still needed  1 of ops-lead\n",
		"  approved by ann (approver) at 2026-03-01 03:00:00 UTC for plan 3f9a1c: seen it\n",
		"members\n  MEMBER    FROM  TO\n  checkout  v2    v1\n  cart      c2    c1\n",
		"  scope  application\n  waits  v2 is still rolling out\n",
		"  STEP             UNIT  PART ",
		"  restart          web1  steps ",
		"  undrain          -     steps ",
		"  restart [web1]: approved by root, breaking the glass, at 2026-03-01 03:00:00 UTC\n",
		"captured before anything was changed\n  journalctl · done\n    | first [31m\n    | second\n  heap · failed · no such file\n",
	} {
		if !bytes.Contains([]byte(page), []byte(want)) {
			t.Errorf("the page lacks %q\n%s", want, page)
		}
	}
}

func TestAListSaysWhoIsWaitedFor(t *testing.T) {
	held := asking()
	held.EscalationLevel, held.Decision.HeldBy = 1, incident.GuardCooldown
	closed := asking()
	closed.State, closed.Outcome, closed.EscalationLevel, closed.Needs = incident.Closed, incident.Recovered, 3, nil
	rows := incidentRows([]*incident.Incident{asking(), held, closed})
	for n, want := range []string{"waits for 1 of any role, 1 of ops-lead", "held by cooldown, waits for 1 of any role, 1 of ops-lead, level 1 was told", "recovered"} {
		if got := rows[n+1][6]; got != want {
			t.Errorf("row %d: got %q, want %q", n, got, want)
		}
	}
}

// TestWhySaysHowFarARollbackIs: with what it waits for.
func TestWhySaysHowFarARollbackIs(t *testing.T) {
	i := running()
	i.Needs = []incident.Need{{Role: "any", Count: 1}}
	i.Rollback.Steps[2].Unit = "web1"
	a := &app{clock: &stopped{Clock: clock.New(), at: three().Add(12 * time.Second)}}
	w := whyView{}
	w.Incident = i
	page := a.whyPage(w).String()
	const want = "  rollback  running · restart [web1] (2/3) · needs 1 of any role · 12s of 15m\n"
	if !bytes.Contains([]byte(page), []byte(want)) {
		t.Errorf("the page lacks %q\n%s", want, page)
	}
}
