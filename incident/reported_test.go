package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// sourced is a world whose service has a version source, which showed v1, v2 and
// v3 in turn, each for longer than its blame window.
func sourced(t *testing.T, change ...func(*incident.Options)) *world {
	t.Helper()
	o := options("shop")
	s := o.Services["shop"]
	p := *s.Plan
	p.Steps = []incident.PlanStep{step("flip")}
	s.Plan, s.Deployment.HasSource, s.Deployment.FinishWithin = &p, true, 10*time.Minute
	o.Services["shop"] = s
	for _, f := range change {
		f(&o)
	}
	w := newWorld(t, o)
	w.set(0.001, "shop")
	for _, v := range []string{"v1", "v2", "v3"} {
		w.show(v)
		w.run(70 * time.Minute)
	}
	return w
}

// show is what the symlink of shop leads to from now on.
func (w *world) show(version string) {
	w.give(incident.VersionSeen{Service: "shop", Version: version, At: w.now, Source: "symlink"})
}

func (w *world) shop() incident.ServiceView {
	w.t.Helper()
	v, ok := w.brain.Service("shop", w.now)
	if !ok {
		w.t.Fatal("shop is not configured")
	}
	return v
}

// What somebody reports and the version source does not show does not run: no way
// back begins there, and none leads to what does.
func TestWhatIsReportedAloneDoesNotRun(t *testing.T) {
	wrong := func(t *testing.T) *world {
		t.Helper()
		w := sourced(t)
		w.deploy("shop", "v7", "v1")
		w.run(time.Minute)
		return w
	}
	t.Run("what is shown", func(t *testing.T) {
		w := wrong(t)
		v := w.shop()
		if v.Running != "v3" || v.Target != "v2" || v.Reported == nil || v.Reported.Version != "v7" || v.Deployment == nil || v.Deployment.Version != "v3" {
			t.Errorf("shop runs %q, would go to %q, reported %+v, deployment %+v; want v3, v2, v7 and v3's", v.Running, v.Target, v.Reported, v.Deployment)
		}
		for _, one := range w.brain.Versions("shop", w.now) {
			if one.Running != (one.Version == "v3") || one.Target != (one.Version == "v2") || one.Reported.IsZero() != (one.Version != "v7") {
				t.Errorf("versions has %+v", one)
			}
		}
		why, _ := w.brain.Why("shop", w.now)
		if d := why.IfCritical; d.HeldBy != incident.GuardNoDeployment || d.Target != "v2" || !strings.Contains(d.Reason, "v7 was reported") {
			t.Errorf("why foretells %s to %q held by %q: %s", d.State, d.Target, d.HeldBy, d.Reason)
		}
		if !strings.Contains(why.Now, "v3 runs; v7 was reported at 13:30:00 UTC, and the version source does not show it") {
			t.Errorf("why says %q", why.Now)
		}
	})
	t.Run("a person's rollback", func(t *testing.T) {
		w := wrong(t)
		if r := w.say(incident.Command{Service: "shop", Actor: "alice", Reason: "because", Verb: "rollback", To: "v3"}); r.Guard != incident.GuardNoTarget {
			t.Errorf("a rollback to v3, which runs, gets %+v", r)
		}
		r := w.say(incident.Command{Service: "shop", Actor: "alice", Reason: "because", Verb: "rollback"})
		if r.Guard != incident.GuardNoTarget || !strings.Contains(r.Err, "say --to v2 if that is so") || !strings.Contains(r.Err, "if v7 runs all the same, --to v3 --unseen") {
			t.Errorf("a rollback to nowhere in particular gets %+v, want the choice", r)
		}
		if r := w.say(incident.Command{Service: "shop", Actor: "alice", Reason: "because", Verb: "rollback", To: "v2"}); r.Err != "" {
			t.Fatalf("refused: %s", r.Err)
		}
		if run := w.incident("shop").Rollback; run.From != "v3" || run.To != "v2" {
			t.Errorf("it goes from %s to %s, want from v3 to v2", run.From, run.To)
		}
	})
	t.Run("a person who knows that the source does not look any more", func(t *testing.T) {
		w := wrong(t)
		if r := w.say(incident.Command{Service: "shop", Actor: "alice", Reason: "because", Verb: "rollback", To: "v3", Unseen: true}); r.Err != "" {
			t.Fatalf("refused: %s", r.Err)
		}
		if run := w.incident("shop").Rollback; run.From != "v7" || run.To != "v3" {
			t.Errorf("it goes from %s to %s, want from v7 to v3", run.From, run.To)
		}
	})
	t.Run("a rehearsal", func(t *testing.T) {
		w := wrong(t)
		r, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: "shop", Actor: "alice"}, w.now)
		if err != nil || r.Run.From != "v3" || r.Run.To != "v2" {
			t.Errorf("it would go from %s to %s (%v), want from v3 to v2", r.Run.From, r.Run.To, err)
		}
		if r, err := w.brain.Rehearsing(incident.RehearsalAsk{Service: "shop", Actor: "alice", To: "v3"}, w.now); err != nil || r.Refused == nil {
			t.Errorf("a rehearsal to v3, which runs, is not refused (%v)", err)
		}
	})
	t.Run("a breach", func(t *testing.T) {
		w := wrong(t)
		w.set(0.2, "shop")
		w.run(4 * time.Minute)
		inc := w.incident("shop")
		if inc.State != incident.Held || inc.Decision.HeldBy != incident.GuardNoDeployment || inc.Decision.Target != "v2" {
			t.Errorf("%s held by %q towards %q", inc.State, inc.Decision.HeldBy, inc.Decision.Target)
		}
		if first := w.told[len(w.told)-1].FirstLine; !strings.Contains(first, "v3 → v2") {
			t.Errorf("told: %s", first)
		}
		if r := w.command("approve", "shop"); r.Err != "" {
			t.Fatalf("refused: %s", r.Err)
		}
		w.run(30 * time.Second)
		if run := w.incident("shop").Rollback; run == nil || run.From != "v3" || run.To != "v2" {
			t.Errorf("it goes %+v, want from v3 to v2", run)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		w := wrong(t)
		w.restart(time.Minute)
		w.show("v3")
		if v := w.shop(); v.Running != "v3" || v.Reported == nil || v.Reported.Version != "v7" {
			t.Errorf("shop runs %q, reported %+v; want v3 and v7", v.Running, v.Reported)
		}
	})
	t.Run("after a rollback it ends no watching", func(t *testing.T) {
		w := sourced(t)
		w.show("v4")
		w.run(time.Minute)
		w.set(0.2, "shop")
		w.run(2*time.Minute + 15*time.Second)
		w.show("v3")
		w.set(0.001, "shop")
		w.run(10 * time.Minute)
		id := w.incident("shop").ID
		w.deploy("shop", "v7", "v1")
		w.run(time.Minute)
		w.set(0.2, "shop")
		w.run(3 * time.Minute)
		if inc := w.incident("shop"); inc.ID != id || !inc.Reopened() {
			t.Errorf("%s is %s: %s; want %s opened again", inc.ID, inc.State, inc.Decision.Reason, id)
		}
	})
	t.Run("it is taken back", func(t *testing.T) {
		w := wrong(t)
		w.deploy("shop", "v3", "")
		v := w.shop()
		if v.Running != "v3" || v.Reported != nil || !v.Deployment.StartedAt.Equal(start.Add(140*time.Minute)) || !v.Deployment.ShownAt.IsZero() {
			t.Errorf("shop runs %q, reported %+v, deployment %+v", v.Running, v.Reported, v.Deployment)
		}
	})
	t.Run("it is good for nothing", func(t *testing.T) {
		w := wrong(t)
		w.run(3 * time.Hour)
		w.deploy("shop", "v3", "")
		w.show("v7")
		w.run(time.Minute)
		w.show("v8")
		if v := w.shop(); v.Running != "v8" || v.Target != "v3" {
			t.Errorf("shop runs %q and would go back to %q, want from v8 to v3: v7 ran for a minute", v.Running, v.Target)
		}
	})
	t.Run("what was said of the version that runs", func(t *testing.T) {
		w := sourced(t, func(o *incident.Options) { *o = waitsFor(*o, "flag_failed", trigger.Medium, "shop") })
		w.says("shop", "flag_failed", "nats", trigger.Medium)
		w.run(time.Minute)
		w.deploy("shop", "v7", "v1")
		if n := len(w.shop().Signals); n != 1 {
			t.Errorf("%d signals stand, want that of v3", n)
		}
		w.run(time.Minute)
		w.show("v7")
		if n := len(w.shop().Signals); n != 0 {
			t.Errorf("%d signals stand, want none of v7", n)
		}
	})
	t.Run("the source shows it", func(t *testing.T) {
		w := wrong(t)
		w.show("v7")
		if v := w.shop(); v.Running != "v7" || v.Target != "v3" || v.Reported != nil {
			t.Errorf("shop runs %q, would go to %q, reported %+v", v.Running, v.Target, v.Reported)
		}
	})
}

// A report stands no countdown down either, until the source agrees.
func TestAReportAloneStandsNothingDown(t *testing.T) {
	w := sourced(t, func(o *incident.Options) {
		o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Countdown, Wait: 10 * time.Minute}
	})
	w.show("v4")
	w.run(time.Minute)
	w.set(0.2, "shop")
	w.run(2*time.Minute + 30*time.Second)
	inc := w.incident("shop")
	if inc.State != incident.CountingDown {
		t.Fatalf("%s: %s", inc.State, inc.Decision.Reason)
	}
	w.deploy("shop", "v7", "v1")
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.State == incident.Closed {
		t.Fatalf("closed as %s by a report alone", inc.Outcome)
	}
	w.show("v7")
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.State != incident.Closed || inc.Outcome != incident.FixedForward {
		t.Errorf("once the source shows it: %s %s", inc.State, inc.Outcome)
	}
}

// A known version that the source shows again is no deployment by itself. Reported
// while it runs it is one, once, from when it was shown.
func TestAReportOfAVersionThatRunsAgain(t *testing.T) {
	back := func(t *testing.T) *world {
		t.Helper()
		w := sourced(t)
		w.show("v2")
		w.run(90 * time.Minute)
		w.show("v3")
		w.run(30 * time.Second)
		return w
	}
	breaks := func(w *world) *incident.Incident {
		w.set(0.2, "shop")
		w.run(2*time.Minute + 45*time.Second)
		return w.incident("shop")
	}
	shown := start.Add(300 * time.Minute)
	t.Run("nobody reports it", func(t *testing.T) {
		inc := breaks(back(t))
		want := "v3 runs again since 15:00:00 UTC, seen by its symlink; a known version shown again is no deployment; report it with `rollbackd deployed`"
		if inc.Decision.HeldBy != incident.GuardNoDeployment || inc.Decision.Reason != want {
			t.Errorf("held by %q: %s", inc.Decision.HeldBy, inc.Decision.Reason)
		}
	})
	t.Run("it is reported", func(t *testing.T) {
		w := back(t)
		w.deploy("shop", "v3", "v1")
		d := w.shop().Deployment
		if !d.StartedAt.Equal(shown) || d.Previous != "v2" || !d.Seen || !d.ShownAt.IsZero() {
			t.Errorf("the deployment is %+v, want one since %s after v2", d, shown)
		}
		entries := len(w.journal)
		w.deploy("shop", "v3", "v1")
		if len(w.journal) != entries {
			t.Errorf("reported once more it is on record as %q", w.journal[entries].Text)
		}
		w.restart(time.Minute)
		w.show("v3")
		if inc := breaks(w); inc.Rollback == nil || inc.Rollback.From != "v3" || inc.Rollback.To != "v2" {
			t.Errorf("%s held by %q: %s", inc.State, inc.Decision.HeldBy, inc.Decision.Reason)
		}
	})
	t.Run("it says when it began", func(t *testing.T) {
		for _, tt := range []struct {
			began, want time.Time
		}{
			{shown.Add(-20 * time.Second), shown.Add(-20 * time.Second)},
			{shown.Add(-100 * time.Minute), shown}, // v2 was seen after that
			{shown.Add(time.Hour), shown},          // it lies ahead
		} {
			w := back(t)
			w.give(incident.Deployed{Service: "shop", Version: "v3", StartedAt: tt.began, At: w.now, Source: "api"})
			if d := w.shop().Deployment; !d.StartedAt.Equal(tt.want) {
				t.Errorf("said to have begun at %s it began at %s, want %s", tt.began, d.StartedAt, tt.want)
			}
		}
	})
	t.Run("what was said of it since stands", func(t *testing.T) {
		w := sourced(t, func(o *incident.Options) { *o = waitsFor(*o, "flag_failed", trigger.Medium, "shop") })
		w.show("v2")
		w.run(90 * time.Minute)
		w.show("v3")
		w.run(30 * time.Second)
		w.says("shop", "flag_failed", "nats", trigger.Medium)
		w.deploy("shop", "v3", "")
		if len(w.shop().Signals) != 1 {
			t.Errorf("signals %+v, want the one said of v3", w.shop().Signals)
		}
	})
	t.Run("it was rolled back", func(t *testing.T) {
		w := sourced(t)
		w.show("v4")
		w.run(time.Minute)
		breaks(w)
		w.show("v3")
		w.set(0.001, "shop")
		w.run(20 * time.Minute)
		if inc := w.incident("shop"); inc.Outcome != incident.RolledBack {
			t.Fatalf("%s %s", inc.State, inc.Outcome)
		}
		w.show("v4")
		w.deploy("shop", "v4", "")
		inc := breaks(w)
		if inc.Decision.HeldBy != incident.GuardQuarantined || !strings.Contains(inc.Decision.Reason, "and was deployed again") {
			t.Errorf("held by %q: %s", inc.Decision.HeldBy, inc.Decision.Reason)
		}
	})
}

// A version whose rollback failed on its way never left.
func TestWhatIsQuarantinedAndNeverLeft(t *testing.T) {
	w := sourced(t)
	w.show("v4")
	w.run(time.Minute)
	w.results["flip"] = failed()
	w.set(0.2, "shop")
	w.run(2*time.Minute + 45*time.Second)
	if inc := w.incident("shop"); inc.Rollback == nil || inc.Rollback.State != incident.RunPartial {
		t.Fatalf("%s: %s", inc.State, inc.Decision.Reason)
	}
	why, _ := w.brain.Why("shop", w.now)
	if want := "its rollback did not finish; v4 still runs"; why.IfCritical.HeldBy != incident.GuardQuarantined || !strings.Contains(why.IfCritical.Reason, want) {
		t.Errorf("held by %q: %s; want %q", why.IfCritical.HeldBy, why.IfCritical.Reason, want)
	}
}

// Versions says since when the source has shown each, whatever was deployed how.
func TestVersionsSayWhatTheSourceShows(t *testing.T) {
	w := sourced(t)
	w.show("v4")
	w.run(time.Minute)
	w.set(0.2, "shop")
	w.run(2*time.Minute + 15*time.Second)
	if inc := w.incident("shop"); inc.State != incident.Verifying {
		t.Fatalf("%s: %s", inc.State, inc.Decision.Reason)
	}
	w.run(10 * time.Minute) // it stays bad
	w.show("v3")
	if got := w.shop().ShownSince; !got.Equal(w.now) {
		t.Errorf("v3 is shown since %s, want %s", got, w.now)
	}
	for _, v := range w.brain.Versions("shop", w.now) {
		want := map[string]time.Time{"v1": start, "v2": start.Add(70 * time.Minute), "v3": w.now, "v4": start.Add(210 * time.Minute)}[v.Version]
		if !v.ShownSince.Equal(want) || v.StartedAt.IsZero() {
			t.Errorf("%s shown since %s, started %s; want shown since %s", v.Version, v.ShownSince, v.StartedAt, want)
		}
	}
}
