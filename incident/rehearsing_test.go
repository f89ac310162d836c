package incident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// rehearsing asks what a rollback of the shop would go by.
func rehearsing(t *testing.T, w *world, ask incident.RehearsalAsk) *incident.Rehearsing {
	t.Helper()
	if ask.Service == "" {
		ask.Service = "shop"
	}
	what, err := w.brain.Rehearsing(ask, w.now)
	if err != nil {
		t.Fatal(err)
	}
	return what
}

// It is the plan that a person's rollback would run, with the same values, and
// nothing comes of asking.
func TestARehearsalGoesByWhatARollbackWouldDo(t *testing.T) {
	w := rehearsable(t)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	before, _ := w.brain.Snapshot()
	entries := len(w.journal)
	what := rehearsing(t, w, incident.RehearsalAsk{Actor: "ann"})
	after, _ := w.brain.Snapshot()
	if d := cmp.Diff(string(before), string(after)); d != "" || len(w.journal) != entries || len(w.started) > 0 {
		t.Errorf("asking changed something (%d entries, %d steps):\n%s", len(w.journal)-entries, len(w.started), d)
	}
	if r := w.command("rollback", "shop"); r.Err != "" {
		t.Fatal(r.Err)
	}
	run := w.incident("shop").Rollback
	if what.Run.From != run.From || what.Run.To != run.To {
		t.Errorf("rehearsed %s → %s, rolled back %s → %s", what.Run.From, what.Run.To, run.From, run.To)
	}
	type step struct {
		Name, Do, Target, Host string
		Timeout                time.Duration
	}
	steps := func(starts ...incident.Start) (list []step) {
		for _, s := range starts {
			if s.Ref.Section != incident.SectionPrepare {
				list = append(list, step{s.Ref.Name, string(s.Do), s.Values["target_version"], s.Values["vars.host"], s.Timeout})
			}
		}
		return list
	}
	var asked []incident.Start
	for _, s := range what.Steps() {
		asked = append(asked, s.Start)
	}
	if d := cmp.Diff(steps(w.started...), steps(asked...)); d != "" {
		t.Errorf("steps (-rolled back +rehearsed):\n%s", d)
	}
}

func TestARehearsalSaysWhyThereIsNoWayBack(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world)
		ask    incident.RehearsalAsk
		guard  incident.Guard
		says   string
	}{
		"nothing is known":       {func(*world) {}, incident.RehearsalAsk{}, incident.GuardNoTarget, "no version to go back to"},
		"to the running version": {func(w *world) { w.deploy("shop", "v2", "v1") }, incident.RehearsalAsk{To: "v2"}, incident.GuardNoTarget, "v2 is the running version"},
		"to a quarantined one": {func(w *world) {
			w.deploy("shop", "v2", "v1")
			w.command("rollback", "shop")
			w.run(20 * time.Minute)
		}, incident.RehearsalAsk{To: "v2"}, incident.GuardQuarantined, "v2 is quarantined"},
	} {
		t.Run(name, func(t *testing.T) {
			w := rehearsable(t)
			w.set(0.001, "shop")
			w.run(time.Minute)
			c.before(w)
			what := rehearsing(t, w, c.ask)
			if what.Refused == nil || what.Refused.Guard != c.guard || !strings.Contains(what.Refused.Reason, c.says) {
				t.Errorf("refused: %+v; want %s, saying %q", what.Refused, c.guard, c.says)
			}
		})
	}
	w := rehearsable(t)
	for says, ask := range map[string]incident.RehearsalAsk{
		`service "nosuch" is not configured`:                         {Service: "nosuch"},
		`service "shop" has no rollback plan "nosuch" (it has undo)`: {Service: "shop", Plan: "nosuch"},
		`no step of plan undo is in scope "cache" (it has restart)`:  {Service: "shop", Scope: "cache"},
	} {
		var unknown *incident.NotKnownError
		if _, err := w.brain.Rehearsing(ask, w.now); !errors.As(err, &unknown) || err.Error() != says {
			t.Errorf("%+v: %v, want that it is not known: %s", ask, err, says)
		}
	}
}

func TestWhatHoldsARollbackIsToldApartFromWhatIsWrongWithIt(t *testing.T) {
	w := rehearsable(t)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.command("lock", "shop")
	what := rehearsing(t, w, incident.RehearsalAsk{})
	if what.Refused != nil || len(what.Person) != 1 || what.Person[0].Guard != incident.GuardLocked {
		t.Errorf("refused %+v, held for a person by %+v; want the lock alone, which comes and goes", what.Refused, what.Person)
	}
	if what.Automatic.HeldBy != incident.GuardLocked {
		t.Errorf("an automatic one is held by %q, want locked", what.Automatic.HeldBy)
	}
}

// staged is a world with a service like the shop beside it to rehearse in.
func staged(t *testing.T) *world {
	t.Helper()
	o := options("shop", "staging")
	o.Guards.RehearsedWithin = time.Hour
	stagingPlan := *o.Services["staging"].Plan
	stagingPlan.Name = "its own"
	for name, host := range map[string]string{"shop": "web1", "staging": "test1"} {
		s := o.Services[name]
		s.Vars = map[string]string{"host": host}
		o.Services[name] = s
	}
	s := o.Services["staging"]
	s.Plan = &stagingPlan
	o.Services["staging"] = s
	w := newWorld(t, o)
	w.set(0.001, "shop", "staging")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.deploy("staging", "s2", "s1")
	w.run(time.Minute)
	return w
}

func (w *world) rehearseIn(c incident.Command) incident.Reply {
	w.t.Helper()
	c.ID, c.Verb, c.Actor, c.Reason = "c", "rollback", "ann", "a drill"
	before := len(w.replies)
	w.give(c)
	if len(w.replies) != before+1 {
		w.t.Fatalf("%d replies, want 1", len(w.replies)-before)
	}
	return w.replies[before]
}

func TestRehearsingInAnotherService(t *testing.T) {
	w := staged(t)
	if r := w.rehearseIn(incident.Command{Service: "staging", Rehearses: "shop"}); r.Err != "" {
		t.Fatal(r.Err)
	}
	w.run(5 * time.Minute)
	inc := w.incident("staging")
	if inc.State != incident.Closed || inc.Outcome != incident.RolledBack || inc.Rollback.State != incident.RunCompleted {
		t.Fatalf("%s, %s: %+v", inc.State, inc.Outcome, inc.Timeline)
	}
	if inc.Rollback.Plan.Name != "undo" || inc.Rollback.From != "s2" || inc.Rollback.To != "s1" || inc.Rollback.Values["vars.host"] != "test1" {
		t.Errorf("plan %s, %s → %s, host %s; want the shop's plan on staging's versions and variables",
			inc.Rollback.Plan.Name, inc.Rollback.From, inc.Rollback.To, inc.Rollback.Values["vars.host"])
	}
	for _, m := range w.told {
		if !strings.Contains(m.FirstLine, " staging s2 → s1 ") || !strings.HasSuffix(m.FirstLine, " (rehearsal for shop) LIVE") {
			t.Errorf("people are told %q; want whose rehearsal it is", m.FirstLine)
		}
	}
	if len(w.told) == 0 {
		t.Error("nobody was told")
	}
	// It is on record for the shop, and counts as a rehearsal and as a measured run.
	v, _ := w.brain.Service("shop", w.now)
	got := v.Rehearsal
	if got == nil || !got.OK || got.In != "staging" || got.Stale != "" || got.TookSeconds != inc.Rollback.DurationSeconds || got.By != "ann" {
		t.Fatalf("on record for the shop: %+v; the run took %v s", got, inc.Rollback.DurationSeconds)
	}
	if own, _ := w.brain.Service("staging", w.now); own.Rehearsal != nil {
		t.Errorf("staging's own plan was not rehearsed: %+v", own.Rehearsal)
	}
	measured := rehearsing(t, w, incident.RehearsalAsk{Service: "shop"}).Measured
	if len(measured) != 1 || measured[0].In != "staging" || measured[0].Seconds != got.TookSeconds {
		t.Errorf("measured: %+v", measured)
	}
	// The version that was left is not a bad one: one may go back to it.
	for _, version := range w.brain.Versions("staging", w.now) {
		if version.Standing == "quarantined" {
			t.Errorf("%s is quarantined: %s", version.Version, version.Why)
		}
	}
	if r := w.rehearseIn(incident.Command{Service: "staging", Rehearses: "shop", To: "s2"}); r.Err != "" {
		t.Errorf("back to s2: %s", r.Err)
	}
}

// However long the versions are, it says whose rehearsal it is and begins as ever.
func TestTheFirstLineOfARehearsalIsShort(t *testing.T) {
	w := staged(t)
	long := strings.Repeat("ü9", 60)
	w.deploy("staging", long, "s1")
	if r := w.rehearseIn(incident.Command{Service: "staging", Rehearses: "shop"}); r.Err != "" {
		t.Fatal(r.Err)
	}
	w.run(5 * time.Minute)
	for _, m := range w.told {
		begins := strings.HasPrefix(m.FirstLine, string(m.Headline)+" staging "+long[:30])
		if n := len([]rune(m.FirstLine)); n > 120 || !begins || !strings.Contains(m.FirstLine, "… → s1 ") || !strings.HasSuffix(m.FirstLine, " (rehearsal for shop) LIVE") {
			t.Errorf("%d characters: %q", n, m.FirstLine)
		}
	}
	if len(w.told) == 0 {
		t.Error("nobody was told")
	}
}

func TestARehearsalThatFailsIsOnRecordToo(t *testing.T) {
	w := staged(t)
	w.results["restart"] = failed()
	w.rehearseIn(incident.Command{Service: "staging", Rehearses: "shop"})
	v, _ := w.brain.Service("shop", w.now)
	if v.Rehearsal == nil || v.Rehearsal.OK || v.Rehearsal.State != incident.RunPartial || v.Rehearsal.Problems != 1 {
		t.Fatalf("on record: %+v, want one that ended partial", v.Rehearsal)
	}
	// Trying again is trying the same plan again.
	w.results["restart"] = nil
	w.give(incident.Command{ID: "c", Verb: "approve", Service: "staging", Actor: "bea", Reason: "mended"})
	w.set(0.08, "staging")
	w.run(6 * time.Minute)
	if inc := w.incident("staging"); inc.Rollback.Plan.Name != "undo" {
		t.Errorf("the next run is by plan %q", inc.Rollback.Plan.Name)
	}
}

func TestWhereNothingCanBeRehearsed(t *testing.T) {
	for name, c := range map[string]struct {
		command incident.Command
		code    string
		says    string
	}{
		"in itself":        {incident.Command{Service: "shop", Rehearses: "shop"}, "bad_request", "that is a rollback"},
		"of no service":    {incident.Command{Service: "staging", Rehearses: "nosuch"}, "not_found", `"nosuch" is not configured`},
		"in no service":    {incident.Command{Service: "nosuch", Rehearses: "shop"}, "not_found", `"nosuch" is not configured`},
		"in no scope":      {incident.Command{Service: "staging", Rehearses: "shop", Scope: "nosuch"}, "not_found", `scope "nosuch" (it has none)`},
		"by no plan":       {incident.Command{Service: "staging", Rehearses: "shop", Plan: "nosuch"}, "not_found", `no rollback plan "nosuch"`},
		"to the running":   {incident.Command{Service: "staging", Rehearses: "shop", To: "s2"}, "refused", "is the running version"},
		"in a locked one":  {incident.Command{Service: "staging", Rehearses: "shop", Reason: "lock"}, "refused", "locked"},
		"with an open one": {incident.Command{Service: "staging", Rehearses: "shop", Reason: "open"}, "refused", "has an open incident"},
	} {
		t.Run(name, func(t *testing.T) {
			w := staged(t)
			switch c.command.Reason {
			case "lock":
				w.command("lock", "staging")
			case "open":
				w.hang["flip"] = true
				w.command("rollback", "staging")
			}
			if r := w.rehearseIn(c.command); r.Code != c.code || !strings.Contains(r.Err, c.says) {
				t.Errorf("%s %q; want %s, saying %q", r.Code, r.Err, c.code, c.says)
			}
		})
	}
}

// Wherever the daemon is killed, the rehearsal is on record once when all is over.
func TestARehearsalInAnotherServiceIsRecordedOnceOverCrashes(t *testing.T) {
	whole := staged(t)
	from := len(whole.journal)
	whole.rehearseIn(incident.Command{Service: "staging", Rehearses: "shop"})
	whole.run(5 * time.Minute)
	for n := from + 2; n <= len(whole.journal); n++ {
		t.Run(fmt.Sprint(n-from), func(t *testing.T) {
			w := staged(t)
			w.journal, w.now = append([]incident.Entry(nil), whole.journal[:n]...), whole.journal[n-1].At
			w.restart(0)
			w.run(10 * time.Minute)
			count := 0
			for _, e := range w.journal {
				if e.Kind == incident.KindRehearsed && e.Service == "shop" {
					count++
				}
			}
			planned := w.incident("staging").Rollback != nil
			if planned && count != 1 || !planned && count != 0 {
				t.Errorf("killed after %q: %d records of it", w.journal[n-1].Text, count)
			}
		})
	}
}
