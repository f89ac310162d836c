package incident_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// waitsFor gives services a trigger that waits for a signal of a name.
func waitsFor(o incident.Options, name string, severity trigger.Severity, services ...string) incident.Options {
	for _, service := range services {
		s := o.Services[service]
		s.Triggers = append(append([]trigger.Spec{}, s.Triggers...), trigger.Spec{
			Name: name, Severity: severity, Poll: o.Poll, MaxGap: o.MaxGap,
			Expr: trigger.Expr{
				Text: "event " + name, Conditions: []trigger.Condition{{Kind: trigger.Event, Event: name, Text: "event " + name}},
			},
		})
		o.Services[service] = s
	}
	return o
}

// says lets somebody say something of a service, by NATS or as a command.
func (w *world) says(service, name, source string, severity trigger.Severity) incident.Reply {
	if source == "nats" {
		w.give(incident.Signal{Service: service, Said: incident.Said{Name: name, At: w.now, Severity: severity, Source: source}})
		return incident.Reply{}
	}
	w.give(incident.Command{ID: "s", Verb: "signal", Service: service, Name: name, Severity: severity, Source: source, Actor: "alice", Reason: "red"})
	return w.replies[len(w.replies)-1]
}

// signals are the entries of signals in the journal.
func (w *world) signals() []incident.Said {
	var said []incident.Said
	for _, e := range w.journal {
		if e.Kind == incident.KindSignal {
			said = append(said, *e.Signal)
		}
	}
	return said
}

// signalled is a world in which shop v2 runs and waits for flag_failed, medium.
func signalled(t *testing.T, severity trigger.Severity) *world {
	t.Helper()
	w := newWorld(t, waitsFor(options("shop", "cart"), "flag_failed", severity, "shop"))
	w.set(0.001, "shop", "cart")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.run(time.Minute)
	return w
}

func TestASignalIsWrittenDownOnce(t *testing.T) {
	w := signalled(t, trigger.Medium)
	at := w.now
	w.says("shop", "flag_failed", "nats", 0)
	w.run(time.Minute)
	w.says("shop", "flag_failed", "nats", 0)
	reply := w.says("shop", "flag_failed", "api", 0)
	again := w.says("shop", "flag_failed", "api", 0)
	want := []incident.Said{
		{Name: "flag_failed", At: at, Source: "nats"},
		{Name: "flag_failed", At: at, Source: "api", By: "alice", Reason: "red"}, // a person bears it out; the onset stays
	}
	if diff := cmp.Diff(want, w.signals()); diff != "" {
		t.Errorf("signals on record (-want +got):\n%s", diff)
	}
	id := w.incident("shop").ID
	if diff := cmp.Diff([]incident.Reply{
		{ID: "s", Incident: id}, {ID: "s", Incident: id, Note: "flag_failed stands since 10:02:00 UTC already, by alice: nothing is new"},
	}, []incident.Reply{reply, again}); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	view, _ := w.brain.Service("shop", w.now)
	if diff := cmp.Diff([]incident.SignalView{{Said: want[1], Until: at.Add(time.Hour), Repeated: 2}}, view.Signals); diff != "" {
		t.Errorf("what stands (-want +got):\n%s", diff)
	}
	checkReplay(t, w)
	foldsToItself(t, w)
}

func TestASignalThatNobodyWaitsFor(t *testing.T) {
	w := signalled(t, trigger.Critical)
	w.says("shop", "flag_fialed", "nats", 0)
	w.says("cart", "flag_failed", "nats", 0)
	w.says("nobody", "flag_failed", "nats", 0)
	for _, tt := range []struct {
		service, name string
		want          incident.Reply
	}{
		{"shop", "flag_fialed", incident.Reply{ID: "s", Note: "no trigger of shop waits for flag_fialed: nothing follows from it"}},
		{"cart", "flag_failed", incident.Reply{ID: "s", Note: "no trigger of cart waits for flag_failed: nothing follows from it"}},
		{"nobody", "flag_failed", incident.Reply{ID: "s", Code: "not_found", Err: `service "nobody" is not configured`}},
		{"shop", "for", incident.Reply{ID: "s", Code: "bad_request", Err: `"for" is not the name of a signal (want ` + trigger.SignalNameWanted + `)`}},
	} {
		if diff := cmp.Diff(tt.want, w.says(tt.service, tt.name, "api", 0)); diff != "" {
			t.Errorf("%s %s: reply (-want +got):\n%s", tt.service, tt.name, diff)
		}
	}
	if n := len(w.signals()); n != 0 || len(w.brain.Incidents()) != 0 {
		t.Errorf("%d signals on record and %d incidents, want none", n, len(w.brain.Incidents()))
	}
}

func TestTheEvidenceOfASignal(t *testing.T) {
	w := signalled(t, trigger.High)
	w.says("shop", "flag_failed", "api", trigger.Critical)
	want := incident.Evidence{
		Name: "flag_failed", When: "event flag_failed", Severity: trigger.Critical, Since: w.now, FiredAt: w.now, SaidBy: `alice ("red")`,
	}
	got := w.incident("shop").Triggers[0]
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(incident.Evidence{}, "ClearedAt")); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
}

// What NATS says of a person's signal makes it no graver where it has to be borne out.
func TestWhatMakesAStandingSignalGraver(t *testing.T) {
	tests := []struct {
		name          string
		corroborate   bool
		first, second string
		want          trigger.Severity
	}{
		{"a person after NATS", true, "nats", "api", trigger.Critical},
		{"a person after a person", true, "api", "command", trigger.Critical},
		{"NATS after NATS", true, "nats", "nats", trigger.Critical},
		{"NATS after a person", true, "api", "nats", trigger.Low},
		{"NATS after a person, believed", false, "api", "nats", trigger.Critical},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := waitsFor(options("shop"), "flag_failed", trigger.Low, "shop")
			o.Corroborate = tt.corroborate
			w := newWorld(t, o)
			w.set(0.001, "shop")
			w.run(time.Minute)
			w.says("shop", "flag_failed", tt.first, 0)
			w.says("shop", "flag_failed", tt.second, trigger.Critical)
			inc := w.incident("shop")
			if inc.Severity != tt.want || inc.Triggers[0].Severity != tt.want {
				t.Errorf("severity %s with evidence of %s, want %s", inc.Severity, inc.Triggers[0].Severity, tt.want)
			}
			checkReplay(t, w)
		})
	}
}

func TestASignalSurvivesARestart(t *testing.T) {
	w := signalled(t, trigger.Medium)
	at := w.now
	w.says("shop", "flag_failed", "nats", 0)
	id := w.incident("shop").ID
	w.run(time.Minute)
	w.restart(7 * time.Second)
	view, _ := w.brain.Service("shop", w.now)
	flag := view.Triggers[1]
	if flag.State != trigger.Firing || !flag.Since.Equal(at) {
		t.Errorf("after the restart: %s since %v, want firing since %v", flag.State, flag.Since, at)
	}
	if got := w.incident("shop"); got.ID != id || got.State != incident.AwaitingApproval {
		t.Errorf("incident %s is %s, want %s waiting for a person", got.ID, got.State, id)
	}
}

// What came while the windows were rebuilt, or the journal was full, is not lost.
func TestASignalWaitsUntilItCanBeTakenIn(t *testing.T) {
	w := signalled(t, trigger.Medium)
	w.full = true
	w.says("shop", "flag_failed", "nats", 0)
	if len(w.brain.Incidents()) != 0 {
		t.Fatal("an incident was opened for what is not on record")
	}
	w.full = false
	w.run(15 * time.Second)
	if n := len(w.signals()); n != 1 || w.incident("shop").State != incident.AwaitingApproval {
		t.Errorf("%d signals on record and the incident %s, want one and a person asked", n, w.incident("shop").State)
	}
	if w.full = true; w.says("shop", "flag_failed", "api", trigger.Critical).Guard != incident.GuardJournal {
		t.Error("a command was not refused while the journal is full")
	}
}

// The other members of a group lose what was said of the version they leave, and
// their windows learn of it.
func TestSignalsOfAGroupEndWithItsRollback(t *testing.T) {
	o := waitsFor(options("shop", "cart"), "flag_failed", trigger.Medium, "shop", "cart")
	o.Groups = map[string]incident.Group{"web": {Name: "web", Services: []string{"cart", "shop"}, Plan: o.Services["shop"].Plan}}
	w := newWorld(t, o)
	w.set(0.001, "shop", "cart")
	w.run(time.Minute)
	for _, name := range []string{"shop", "cart"} {
		w.give(incident.Deployed{Service: name, Version: "v2", Previous: "v1", At: w.now, Source: "nats", Change: "CHG-1"})
	}
	w.run(time.Minute)
	w.says("cart", "flag_failed", "nats", 0)
	w.says("shop", "flag_failed", "nats", 0)
	w.command("approve", "cart")
	w.run(30 * time.Second)
	for _, name := range []string{"shop", "cart"} {
		view, _ := w.brain.Service(name, w.now)
		if view.Running != "v1" || len(view.Signals) > 0 || view.Triggers[1].State != trigger.Inactive {
			t.Errorf("%s runs %s, signals %v, trigger %s; want v1, none, inactive", name, view.Running, view.Signals, view.Triggers[1].State)
		}
	}
	checkReplay(t, w)
}

// TestSignalsInRandomWorlds holds what stands to a second opinion that only reads the
// journal, beside everything that random worlds are held to.
func TestSignalsInRandomWorlds(t *testing.T) {
	runs := 80
	if testing.Short() {
		runs = 8
	}
	for seed := range runs {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 11))
			o := waitsFor(options("auth", "cart", "shop"), "flag_failed", trigger.Severity(1+r.IntN(4)), "cart", "shop")
			o = waitsFor(o, "deployment_failed", trigger.Critical, "auth", "shop")
			o.Corroborate = r.IntN(2) == 0
			o.Matrix = evaluator.DefaultMatrix("1", 2*time.Minute)
			grouped(&o, r)
			w := newWorld(t, o)
			w.set(0.001, "auth", "cart", "shop")
			w.run(time.Minute)
			a := newAuditor(t)
			for step := range 150 {
				switch {
				case r.IntN(3) == 0:
					w.says([]string{"auth", "cart", "shop"}[r.IntN(3)], []string{"flag_failed", "deployment_failed"}[r.IntN(2)],
						[]string{"nats", "api", "command"}[r.IntN(3)], trigger.Severity(r.IntN(5)))
				case r.IntN(8) == 0:
					groupChance(w, r)
				default:
					chance(w, r)
				}
				a.audit(w)
				standing(t, w)
				if step%50 == 49 {
					checkReplay(t, w)
				}
				if t.Failed() {
					for _, e := range w.journal {
						t.Logf("%s %-11s %-5s %s", e.At.Format("15:04:05"), e.Kind, e.Service, e.Text)
					}
					return
				}
			}
		})
	}
}

// standing compares what stands for each service with what its entries tell.
func standing(t *testing.T, w *world) {
	t.Helper()
	for name := range w.opts.Services {
		want, running := map[string]time.Time{}, ""
		runs := func(version string) {
			if version != running {
				clear(want)
			}
			running = version
		}
		targets := map[string]string{}
		for _, e := range w.journal {
			switch {
			case e.Kind == incident.KindPlanned && e.Service == name:
				targets[e.Planned.ID] = e.Planned.To
			case e.Kind == incident.KindPlanned:
				for _, m := range e.Planned.Members {
					if m.Service == name {
						targets[e.Planned.ID] = m.To
					}
				}
			case e.Kind == incident.KindVerifying && targets[e.Verifying.Run] != "":
				runs(targets[e.Verifying.Run])
			case e.Kind == incident.KindClosed && e.Closed.ByPerson && concerns(w, e, name):
				clear(want)
			case e.Service != name:
			case e.Kind == incident.KindDeployment:
				runs(e.Deployment.Version)
			case e.Kind == incident.KindSignal:
				want[e.Signal.Name] = e.Signal.At
			}
		}
		view, _ := w.brain.Service(name, w.now)
		got := map[string]time.Time{}
		for _, s := range view.Signals {
			got[s.Name] = s.At
		}
		for signal, at := range want {
			if w.now.Sub(at) >= time.Hour {
				delete(want, signal)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s at %s: what stands (-by the journal +by the brain):\n%s", name, w.now.Format("15:04:05"), diff)
		}
	}
}

// concerns tells whether an incident that was closed is a service's own or its group's.
func concerns(w *world, e incident.Entry, service string) bool {
	if e.Service == service {
		return true
	}
	inc, ok := w.brain.Incident(e.Incident)
	if !ok {
		return false
	}
	for _, m := range inc.Members {
		if m.Service == service {
			return true
		}
	}
	return false
}
