package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// What went wrong is told as that, whatever else holds; and where nothing was
// changed the last word does not read as if something had moved.
func TestARollbackThatEndsBadlyUnderAPause(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
		p.Checks = []incident.PlanStep{step("release is there", looks)}
		p.Steps = []incident.PlanStep{step("flip")}
		o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute}
	})
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.results["release is there"] = failed()
	w.command("pause", "shop")
	if r := w.say(incident.Command{Verb: "rollback", Actor: "ann", To: "v1"}); r.Err != "" {
		t.Fatalf("refused: %s", r.Err)
	}
	inc := expectRun(t, w, incident.RunBlocked, incident.GuardPaused)
	m := w.told[len(w.told)-1]
	for _, part := range []string{"FAILED shop v2 → v1 (blocked)", `"release is there" failed`, "never by itself"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("told\n%s\nwant %q in it", m.Text, part)
		}
	}
	if !strings.Contains(inc.Decision.Reason, "the rollback ended blocked") || strings.Contains(inc.Decision.ReleasesWhen, "it ends at") {
		t.Errorf("held because %q, until %q", inc.Decision.Reason, inc.Decision.ReleasesWhen)
	}
	told := len(w.told)
	w.run(15 * time.Second)
	w.command("resume", "shop")
	w.run(15 * time.Second)
	if len(w.told) != told {
		t.Errorf("with the pause over people are told %s", w.told[told].FirstLine)
	}
	w.run(10 * time.Minute)
	last := w.told[len(w.told)-1]
	if inc := w.incident("shop"); inc.Outcome != incident.Recovered || last.FirstLine != "RECOVERED shop (recovered) LIVE" {
		t.Errorf("closed as %q, told %q", inc.Outcome, last.FirstLine)
	}
}

// An abort has nothing to stop where nothing runs, is asked or counted down: it
// would only take the place of the true reason.
func TestAnAbortOfWhatIsHeldIsRefused(t *testing.T) {
	w := plannedWorld(t, func(p *incident.Plan, _ *incident.Options) {
		p.Checks = []incident.PlanStep{step("release is there", looks)}
		p.Steps = []incident.PlanStep{step("flip")}
	})
	w.results["release is there"] = failed()
	broken(t, w, "shop")
	w.run(15 * time.Second)
	inc := expectRun(t, w, incident.RunBlocked, incident.GuardBlocked)
	reason := inc.Decision.Reason
	r := w.command("abort", "shop")
	if !strings.Contains(r.Err, "close") || !strings.Contains(r.Err, "veto") {
		t.Errorf("the answer is %+v", r)
	}
	if inc := w.incident("shop"); inc.Decision.HeldBy != incident.GuardBlocked || inc.Decision.Reason != reason {
		t.Errorf("held by %q: %s", inc.Decision.HeldBy, inc.Decision.Reason)
	}
}

// A budget may hold for hours: a critical breach that it holds is told of again.
func TestABudgetEscalates(t *testing.T) {
	o := options("shop")
	o.Guards.PerServiceCount = 1
	o.Decide.EscalateAfter = []time.Duration{0, 5 * time.Minute, 15 * time.Minute}
	w := newWorld(t, o)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	w.deploy("shop", "v3", "")
	w.set(0.2, "shop")
	w.run(20 * time.Minute)
	inc := w.incident("shop")
	if inc.Decision.HeldBy != incident.GuardBudget || inc.EscalationLevel != 2 {
		t.Errorf("held by %q, told level %d; want budget and 2", inc.Decision.HeldBy, inc.EscalationLevel)
	}
}
