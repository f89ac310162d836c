package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// asking is a world in which a critical breach asks for approval.
func asking(t *testing.T, change func(*incident.Plan, *incident.Options)) *world {
	t.Helper()
	w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
		o.Matrix = evaluator.Matrix{"1": {trigger.Critical: {Directness: evaluator.Approve}}}
		o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
		if change != nil {
			change(p, o)
		}
	})
	broken(t, w, "shop")
	w.run(15 * time.Second)
	return w
}

func (w *world) say(c incident.Command) incident.Reply {
	w.t.Helper()
	c.ID, c.Service = "c", "shop"
	if c.Reason == "" {
		c.Reason = "because"
	}
	before := len(w.replies)
	w.give(c)
	if len(w.replies) != before+1 {
		w.t.Fatalf("%s got %d replies, want 1", c.Verb, len(w.replies)-before)
	}
	return w.replies[before]
}

func levels(w *world) []int {
	var told []int
	for _, m := range w.told {
		if m.Event == "approval_needed" || m.Event == "escalation" || m.Event == "overdue" || m.Event == "failed" || m.Event == "held" {
			told = append(told, m.Level)
		}
	}
	return told
}

func TestEscalationGoesOnUntilSomebodyAcknowledges(t *testing.T) {
	w := asking(t, nil)
	w.run(4 * time.Hour)
	if d := cmp.Diff([]int{0, 1, 2, 3}, levels(w)); d != "" {
		t.Errorf("levels told (-want +got):\n%s", d)
	}
	if n := len(w.told); n > 6 {
		t.Errorf("%d messages in four hours, want at most 6", n)
	}
	w = asking(t, nil)
	w.run(6 * time.Minute)
	w.command("ack", "shop")
	w.run(time.Hour)
	if d := cmp.Diff([]int{0, 1}, levels(w)); d != "" {
		t.Errorf("levels told after an acknowledgement (-want +got):\n%s", d)
	}
	if inc := w.incident("shop"); inc.State != incident.AwaitingApproval {
		t.Errorf("state %s: an acknowledgement stops the escalation only", inc.State)
	}
}

// What failed after an acknowledgement is another matter than what was acknowledged.
func TestAFailureEscalatesThoughTheQuestionWasAcknowledged(t *testing.T) {
	w := asking(t, nil)
	w.command("ack", "shop")
	w.results["flip"] = failed()
	w.command("approve", "shop")
	w.run(20 * time.Minute)
	if d := cmp.Diff([]int{0, 0, 1, 2}, levels(w)); d != "" {
		t.Errorf("levels told (-want +got):\n%s", d)
	}
}

// Who was told that it waits is told what came of it.
func TestWhoWasWokenHearsTheEnd(t *testing.T) {
	w := asking(t, nil)
	w.run(16 * time.Minute)
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	last := w.told[len(w.told)-1]
	if last.Event != "closed" || last.Level != 2 {
		t.Errorf("the last message is %s at level %d, want closed at level 2", last.Event, last.Level)
	}
}

// A question climbs the ladder whatever its severity; what a guard holds only
// where it is critical and only a person can help.
func TestWhatClimbsTheLadder(t *testing.T) {
	for name, c := range map[string]struct {
		severity trigger.Severity
		deploy   bool
		want     []int
	}{
		"a medium question":             {trigger.Medium, true, []int{0, 1, 2, 3, 3}}, // the last at the deadline of an hour
		"a critical breach of nobody's": {trigger.Critical, false, []int{0, 1, 2, 3}},
		"a high breach of nobody's":     {trigger.High, false, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := plannedWorld(t, func(_ *incident.Plan, o *incident.Options) {
				o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
				o.Services["shop"].Triggers[0].Severity = c.severity
			})
			w.set(0.001, "shop")
			w.run(time.Minute)
			if c.deploy {
				w.deploy("shop", "v2", "v1")
			}
			w.set(0.08, "shop")
			w.run(70 * time.Minute)
			if d := cmp.Diff(c.want, levels(w)); d != "" {
				t.Errorf("levels told (-want +got):\n%s", d)
			}
		})
	}
}

func TestApprovalsByRoleCountEachPersonOnce(t *testing.T) {
	two := func(_ *incident.Plan, o *incident.Options) {
		o.Decide.Approvals = map[string]int{"ops-lead": 1, "tech-lead": 1}
	}
	both := []string{"approver", "ops-lead", "tech-lead"}
	for name, c := range map[string]struct {
		said []incident.Command
		acts bool
	}{
		"one of each":                 {[]incident.Command{{Actor: "olga", Roles: []string{"ops-lead"}}, {Actor: "tom", Roles: []string{"tech-lead"}}}, true},
		"one person with both":        {[]incident.Command{{Actor: "bea", Roles: both}}, false},
		"one person with both, twice": {[]incident.Command{{Actor: "bea", Roles: both}, {Actor: "bea", Roles: both}}, false},
		"both first, then tech":       {[]incident.Command{{Actor: "bea", Roles: both}, {Actor: "tom", Roles: []string{"tech-lead"}}}, true},
		"both first, then ops":        {[]incident.Command{{Actor: "bea", Roles: both}, {Actor: "olga", Roles: []string{"ops-lead"}}}, true},
		"two of one role":             {[]incident.Command{{Actor: "olga", Roles: []string{"ops-lead"}}, {Actor: "otto", Roles: []string{"ops-lead"}}}, false},
		"nobody with a role":          {[]incident.Command{{Actor: "ann"}, {Actor: "ben"}}, false},
		"broken glass":                {[]incident.Command{{Actor: "root", BreakGlass: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := asking(t, two)
			for _, said := range c.said {
				said.Verb = "approve"
				w.say(said)
			}
			if acts := len(w.steps()) > 0; acts != c.acts {
				t.Errorf("it acts: %t, want %t", acts, c.acts)
			}
		})
	}
}

func TestBrokenGlassTellsEverybody(t *testing.T) {
	w := asking(t, nil)
	w.say(incident.Command{Verb: "approve", Actor: "root", BreakGlass: true})
	n := 0
	for _, m := range w.told {
		if m.Event == "break_glass" && (!strings.Contains(m.Text, "and then it is rolled back") || !strings.Contains(m.Text, "rollbackd abort ")) {
			t.Errorf("%q, want what happens next, and how to stop it", m.Text)
		}
		if m.Event == "break_glass" && m.Everybody {
			n++
		}
	}
	if n != 1 {
		t.Errorf("everybody was told %d times, want once", n)
	}
}

func TestAnApprovalIsForThePlanAsItWasShown(t *testing.T) {
	w := asking(t, func(_ *incident.Plan, o *incident.Options) { o.Decide.Approvals = map[string]int{"any": 2} })
	shown := w.incident("shop").Decision.PlanHash
	if r := w.say(incident.Command{Verb: "approve", Actor: "ann", PlanHash: shown}); r.Err != "" {
		t.Fatalf("an approval of the plan as shown is refused: %s", r.Err)
	}
	if r := w.say(incident.Command{Verb: "approve", Actor: "ben", PlanHash: "another"}); !strings.Contains(r.Err, "plan has changed") {
		t.Errorf("an approval of another plan: %q", r.Err)
	}
	o := w.opts
	s := o.Services["shop"]
	p := *s.Plan
	p.Steps = p.Steps[:1]
	s.Plan = &p
	o.Services = map[string]incident.ServiceOptions{"shop": s}
	w.opts = o
	w.give(incident.Reloaded{Options: o})
	w.say(incident.Command{Verb: "approve", Actor: "ben"})
	if n := len(w.steps()); n > 0 {
		t.Fatal("ann's approval of the old plan counted for the new one")
	}
	if inc := w.incident("shop"); inc.Decision.PlanHash == shown {
		t.Error("the plan is shown by the old hash")
	}
	w.say(incident.Command{Verb: "approve", Actor: "ann"})
	if n := len(w.steps()); n == 0 {
		t.Error("two approvals of the new plan did not act")
	}
}

func TestNobodyApprovesWhatTheyAskedFor(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{
			step("data ok?", looks, func(s *incident.PlanStep) { s.Approval, s.Do = &incident.StepApproval{Text: "is the data right?"}, nil }), step("flip"),
		}
	})
	w.deploy("shop", "v2", "v1")
	w.say(incident.Command{Verb: "rollback", Actor: "alice"})
	if r := w.say(incident.Command{Verb: "approve", Actor: "alice"}); !strings.Contains(r.Err, "nobody approves what they asked for") {
		t.Errorf("alice approves her own request: %q", r.Err)
	}
	expectSteps(t, w)
	w.say(incident.Command{Verb: "approve", Actor: "ben"})
	expectSteps(t, w, "flip")
}

func TestAnApprovalStepWaitsForPeople(t *testing.T) {
	build := func(p *incident.Plan, o *incident.Options) {
		o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute}
		p.Timeout = 10 * time.Minute
		p.Steps = []incident.PlanStep{
			step("flip"),
			step("data ok?", looks, func(s *incident.PlanStep) {
				s.Approval, s.Timeout = &incident.StepApproval{Needs: map[string]int{"dba": 1}}, time.Hour
			}),
			step("migrate"),
		}
		p.Finally = []incident.PlanStep{step("maintenance off")}
	}
	begin := func(t *testing.T) *world {
		t.Helper()
		w := plannedWorld(t, build)
		broken(t, w, "shop")
		w.run(15 * time.Second)
		expectSteps(t, w, "flip")
		return w
	}
	t.Run("approved late", func(t *testing.T) {
		w := begin(t)
		w.run(40 * time.Minute)
		w.say(incident.Command{Verb: "approve", Actor: "olga", Roles: []string{"ops-lead"}})
		expectSteps(t, w, "flip")
		w.say(incident.Command{Verb: "approve", Actor: "dora", Roles: []string{"dba"}})
		expectSteps(t, w, "flip", "migrate", "maintenance off")
		if d := cmp.Diff([]int{0, 1}, levels(w)); d != "" {
			t.Errorf("levels told while waiting (-want +got):\n%s", d)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		w := begin(t)
		w.run(61 * time.Minute)
		expectSteps(t, w, "flip", "maintenance off")
		expectRun(t, w, incident.RunPartial, incident.GuardBlocked)
	})
	t.Run("aborted", func(t *testing.T) {
		w := begin(t)
		w.command("abort", "shop")
		expectSteps(t, w, "flip", "maintenance off")
		expectRun(t, w, incident.RunPartial, incident.GuardAborted)
	})
	t.Run("over a restart", func(t *testing.T) {
		w := begin(t)
		w.say(incident.Command{Verb: "approve", Actor: "olga"})
		w.restart(time.Minute)
		expectSteps(t, w, "flip")
		w.say(incident.Command{Verb: "approve", Actor: "dora", Roles: []string{"dba"}})
		expectSteps(t, w, "flip", "migrate", "maintenance off")
	})
}

// A yes that names what was shown is none for what has come in its place: here the
// question whether to roll back at all, then one step, then the next.
func TestAYesToAStepIsForWhatWasShown(t *testing.T) {
	question := func(name string) incident.PlanStep {
		return step(name, looks, func(s *incident.PlanStep) { s.Approval = &incident.StepApproval{Needs: map[string]int{"any": 1}} })
	}
	w := asking(t, func(p *incident.Plan, _ *incident.Options) {
		p.Steps = []incident.PlanStep{question("writes stopped?"), step("flip"), question("drop the table?"), step("drop")}
	})
	shown := func() string { return w.incident("shop").Public().Decision.PlanHash }
	yes := func(plan string) string {
		return w.say(incident.Command{Verb: "approve", Actor: "ann", PlanHash: plan}).Err
	}
	rollback := shown()
	if err := yes(rollback); err != "" {
		t.Fatalf("a yes to the rollback as shown is refused: %s", err)
	}
	first := shown()
	err := yes(rollback)
	for _, part := range []string{rollback, first, "writes stopped?", "rollbackd show"} {
		if !strings.Contains(err, part) {
			t.Errorf("a yes to the rollback, said to its first step, gets %q; want %q in it", err, part)
		}
	}
	expectSteps(t, w)
	if err := yes(first); err != "" {
		t.Fatalf("a yes to the step as shown is refused: %s", err)
	}
	expectSteps(t, w, "flip")
	if err := yes(first); !strings.Contains(err, "drop the table?") {
		t.Errorf("a yes to the first step, said to the second, gets %q", err)
	}
	expectSteps(t, w, "flip")
	second := shown()
	w.restart(time.Minute)
	if got := shown(); got != second {
		t.Errorf("after a restart the step is shown as %s, want %s as before", got, second)
	}
	if err := yes(""); err != "" {
		t.Fatalf("a yes that does not say what was shown is refused: %s", err)
	}
	expectSteps(t, w, "flip", "drop")
	if got := shown(); got != rollback {
		t.Errorf("with nobody waited for %s is shown, want the plan's %s", got, rollback)
	}
}

func TestSilenceIsAYesOnlyWhereItWasAnnounced(t *testing.T) {
	announced := func(_ *incident.Plan, o *incident.Options) {
		o.Decide.OnDeadline = map[trigger.Severity]bool{trigger.Critical: true}
	}
	w := asking(t, announced)
	if text := w.told[len(w.told)-1].Text; !strings.Contains(text, "If you do nothing: it is rolled back at") {
		t.Errorf("people were not told that silence is a yes:\n%s", text)
	}
	w.run(4 * time.Minute)
	expectSteps(t, w)
	w.run(time.Minute)
	expectSteps(t, w, "flip", "restart")

	w = asking(t, nil)
	w.run(time.Hour)
	expectSteps(t, w)

	// What a cap lowered to a question never acts by itself: its reason stands.
	w = plannedWorld(t, func(p *incident.Plan, o *incident.Options) { announced(p, o) })
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.give(incident.Deployed{Service: "shop", Version: "v2", Previous: "v1", At: w.now, Source: "nats", NoAutoRollback: true})
	w.run(time.Minute)
	w.set(0.08, "shop")
	w.run(time.Hour)
	expectSteps(t, w)
}
