package incident_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// rehearsable is a world in which a plan must have been rehearsed within an hour,
// and in which the plan uses one of two variables.
func rehearsable(t *testing.T) *world {
	t.Helper()
	return plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
		o.Guards.RehearsedWithin = time.Hour
		p.Steps = slices.Clone(p.Steps)
		p.Steps[0].Do = json.RawMessage(`{"kind":"exec","argv":["flip","${vars.host}"]}`)
		p.Steps[1].Only = []string{"restart"}
		s := o.Services["shop"]
		s.Vars = map[string]string{"host": "web1", "limit": "5"}
		o.Services["shop"] = s
	})
}

// rehearse puts a rehearsal of the plan as it stands on record.
func (w *world) rehearse(service, scope string, problems int) incident.Reply {
	w.t.Helper()
	what, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: service, Scope: scope, Actor: "ann"}, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	before := len(w.replies)
	report := &incident.RehearsalReport{Plan: what.Run.Plan.Name, PlanHash: what.PlanHash, Scope: scope, OK: true}
	for range problems {
		report.Add(incident.RehearsalLine{About: "checks", Name: "backup", Found: incident.FindingProblem, Why: "exit status 1"})
	}
	r := report.Rehearsal()
	w.give(incident.Command{ID: "r", Verb: "rehearsed", Service: service, Actor: "ann", Rehearsal: &r})
	return w.replies[before]
}

// reload puts changed options of the shop into force.
func (w *world) reload(change func(*incident.ServiceOptions)) {
	s := w.opts.Services["shop"]
	change(&s)
	services := maps.Clone(w.opts.Services)
	services["shop"] = s
	w.opts.Services = services
	w.give(incident.Reloaded{Options: w.opts})
}

// otherPlan lets the shop's plan do something else.
func otherPlan(s *incident.ServiceOptions) {
	p := *s.Plan
	p.Steps = slices.Clone(p.Steps)
	p.Steps[0].Do = json.RawMessage(`{"kind":"exec","argv":["flop"]}`)
	s.Plan = &p
}

func TestAPlanActsByItselfOnlyWhereItWasRehearsed(t *testing.T) {
	// A critical breach is decided on 4m15s after its world's beginning.
	const decided = 4*time.Minute + 15*time.Second
	for name, c := range map[string]struct {
		before func(w *world)
		acts   bool
		says   string
	}{
		"never":    {func(*world) {}, false, "was never rehearsed"},
		"just now": {func(w *world) { w.rehearse("shop", "", 0) }, true, ""},
		"just within": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.pass(time.Hour - decided)
		}, true, ""},
		"a moment too old": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.pass(time.Hour - decided + time.Minute)
		}, false, "was last rehearsed without a problem at"},
		"with a problem": {func(w *world) { w.rehearse("shop", "", 2) }, false, "found 2 problems: checks backup: exit status 1"},
		"with a problem after one without": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.pass(3 * time.Minute)
			w.rehearse("shop", "", 1)
		}, false, "the newest rehearsal of plan undo, "},
		"with a problem after one without, over a restart": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.rehearse("shop", "", 1)
			w.restart(time.Minute)
		}, false, "found 1 problem: checks backup: exit status 1, and rehearsed_within is 1h"},
		"without one after one with a problem": {func(w *world) {
			w.rehearse("shop", "", 1)
			w.rehearse("shop", "", 0)
		}, true, ""},
		"with a problem in another scope since": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.rehearse("shop", "restart", 1)
		}, true, ""},
		"with a problem before the plan changed": {func(w *world) {
			w.rehearse("shop", "", 1)
			w.reload(otherPlan)
			w.rehearse("shop", "", 0)
		}, true, ""},
		"in one scope only": {func(w *world) { w.rehearse("shop", "restart", 0) }, false, "was never rehearsed"},
		"the plan changed since": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.reload(otherPlan)
		}, false, "has changed since"},
		"a variable that it uses changed": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.reload(func(s *incident.ServiceOptions) { s.Vars = map[string]string{"host": "web2", "limit": "5"} })
		}, false, "has changed since"},
		"a variable that it does not use changed": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.reload(func(s *incident.ServiceOptions) { s.Vars = map[string]string{"host": "web1", "limit": "6"} })
		}, true, ""},
		"settle, which follows from the queries, changed": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.reload(func(s *incident.ServiceOptions) {
				p := *s.Plan
				p.Verify.Settle *= 2
				s.Plan = &p
			})
		}, true, ""},
		"a restart in between": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.restart(time.Minute)
		}, true, ""},
		"the clock set forward": {func(w *world) {
			w.rehearse("shop", "", 0)
			w.setClock(48 * time.Hour)
		}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := rehearsable(t)
			c.before(w)
			broken(t, w, "shop")
			w.run(15 * time.Second)
			inc := w.incident("shop")
			if acts := len(w.steps()) > 0; acts != c.acts {
				t.Fatalf("it acts: %t, want %t (%s: %s)", acts, c.acts, inc.State, inc.Decision.Reason)
			}
			if c.acts {
				return
			}
			if inc.State != incident.AwaitingApproval || inc.Decision.Shown() != incident.GuardRehearsal {
				t.Errorf("%s, shown as %q; want it to ask, because of %q", inc.State, inc.Decision.Shown(), incident.GuardRehearsal)
			}
			if !strings.Contains(inc.Decision.Reason, c.says) {
				t.Errorf("the reason is %q; want it to say %q", inc.Decision.Reason, c.says)
			}
		})
	}
}

func TestWithoutTheKeyNoRehearsalIsAskedFor(t *testing.T) {
	w := rehearsable(t)
	w.opts.Guards.RehearsedWithin = 0
	w.give(incident.Reloaded{Options: w.opts})
	broken(t, w, "shop")
	w.run(15 * time.Second)
	expectSteps(t, w, "flip", "restart")
}

func TestApprovingNamesTheMissingRehearsal(t *testing.T) {
	w := rehearsable(t)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if r := w.command("approve", "shop"); r.Err != "" {
		t.Fatal(r.Err)
	}
	expectSteps(t, w, "flip", "restart")
	if got := w.incident("shop").Decision.Overrides; !slices.Contains(got, incident.GuardRehearsal) {
		t.Errorf("overridden: %v; want rehearsal among them", got)
	}
}

func TestAPersonsOwnRollbackNeedsNoRehearsal(t *testing.T) {
	w := rehearsable(t)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	if r := w.command("rollback", "shop"); r.Err != "" {
		t.Fatal(r.Err)
	}
	expectSteps(t, w, "flip", "restart")
}

// A question that was asked stays asked: CONTRACT.md does not name the guard among
// those that let go by themselves. What newly fires is decided by what is known then.
func TestARehearsalWhileItWaitsCountsFromTheNextDecision(t *testing.T) {
	w := rehearsable(t)
	spec := w.opts.Services["shop"].Triggers[0]
	w.reload(func(s *incident.ServiceOptions) {
		late := spec
		late.Name, late.Expr.Hold.For = "errors for long", 4*time.Minute
		late.Expr.Text = "errors > 1% for 4m"
		s.Triggers = []trigger.Spec{spec, late}
	})
	broken(t, w, "shop")
	w.run(15 * time.Second)
	w.rehearse("shop", "", 0)
	w.run(time.Minute)
	if inc := w.incident("shop"); inc.State != incident.AwaitingApproval {
		t.Fatalf("%s: a rehearsal alone decides nothing", inc.State)
	}
	w.run(time.Minute)
	expectSteps(t, w, "flip", "restart")
}

// What was rehearsed when the countdown began may be another plan at its end.
func TestAPlanThatChangesDuringTheCountdownIsAskedAbout(t *testing.T) {
	w := rehearsable(t)
	w.opts.Matrix = evaluator.Matrix{"1": {trigger.Critical: {Directness: evaluator.Countdown, Wait: 2 * time.Minute}}}
	w.give(incident.Reloaded{Options: w.opts})
	w.rehearse("shop", "", 0)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.State != incident.CountingDown {
		t.Fatalf("%s, want a countdown", inc.State)
	}
	w.reload(otherPlan)
	w.run(3 * time.Minute)
	if inc := w.incident("shop"); inc.State != incident.AwaitingApproval || inc.Decision.Shown() != incident.GuardRehearsal {
		t.Errorf("%s by %q, want it to ask by rehearsal", inc.State, inc.Decision.Shown())
	}
	expectSteps(t, w)
}

func TestWhyAndTheServiceShowTheRehearsal(t *testing.T) {
	w := rehearsable(t)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	why, _ := w.brain.Why("shop", w.now)
	if why.Service.Rehearsal != nil || why.IfCritical.Shown() != incident.GuardRehearsal {
		t.Errorf("before: rehearsal %+v, a breach would be capped by %q", why.Service.Rehearsal, why.IfCritical.Shown())
	}
	w.rehearse("shop", "", 0)
	w.pass(30 * time.Minute)
	why, _ = w.brain.Why("shop", w.now)
	got := why.Service.Rehearsal
	if got == nil || got.AgeSeconds != 1800 || !got.OK || got.By != "ann" || got.Stale != "" || why.IfCritical.Shown() != "" {
		t.Errorf("after: rehearsal %+v, a breach would be capped by %q", got, why.IfCritical.Shown())
	}
	w.reload(otherPlan)
	if v, _ := w.brain.Service("shop", w.now); v.Rehearsal.Stale != "the plan has changed since" {
		t.Errorf("stale: %q", v.Rehearsal.Stale)
	}
}

func TestRehearsalsAreRemembered(t *testing.T) {
	w := rehearsable(t)
	for range 60 {
		w.rehearse("shop", "", 1)
	}
	w.rehearse("shop", "", 0)
	want, err := w.brain.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again := incident.New(w.opts)
	for _, e := range w.journal {
		again.Apply(e)
	}
	got, err := again.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("a replay remembers something else (-live +replayed):\n%s", d)
	}
	if n := strings.Count(string(got), `"plan_hash"`); n != 50 {
		t.Errorf("%d rehearsals are remembered, want the newest 50", n)
	}
	if last := w.journal[len(w.journal)-1]; last.Kind != incident.KindRehearsed || last.Text != "rehearsed by ann: plan undo: no problem" {
		t.Errorf("the record says %s %q", last.Kind, last.Text)
	}
}

func TestARehearsalOfNothingIsRefused(t *testing.T) {
	w := rehearsable(t)
	before := len(w.journal)
	for _, c := range []incident.Command{
		{Verb: "rehearsed", Service: "shop"},
		{Verb: "rehearsed", Service: "nosuch", Rehearsal: &incident.Rehearsal{}},
	} {
		w.give(c)
	}
	codes := []string{w.replies[0].Code, w.replies[1].Code}
	if d := cmp.Diff([]string{"bad_request", "not_found"}, codes); d != "" || len(w.journal) != before {
		t.Errorf("%d new entries, codes (-want +got):\n%s", len(w.journal)-before, d)
	}
}
