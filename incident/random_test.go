package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// TestInvariantsHoldInRandomWorlds lets seeded chance happen to three services:
// breaches, silence, deployments, commands, steps that fail or hang, crashes and
// a journal that refuses. After every input the invariants of the design hold.
func TestInvariantsHoldInRandomWorlds(t *testing.T) {
	runs := 150
	if testing.Short() {
		runs = 15
	}
	for seed := range runs {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			o := options("auth", "cart", "shop")
			if r.IntN(3) == 0 {
				unknownDeployments(&o)
			}
			repeatable(&o, "cart")
			variety(&o, "shop", r)
			variety(&o, "auth", r)
			grouped(&o, r)
			guarded(&o, r)
			w := newWorld(t, o)
			w.set(0.001, "auth", "cart", "shop")
			w.run(time.Minute)
			a := newAuditor(t)
			for step := range 300 {
				switch r.IntN(12) {
				case 0, 1, 2:
					planChance(w, r)
				case 3:
					groupChance(w, r)
				case 4:
					guardChance(w, r)
				default:
					chance(w, r)
				}
				a.audit(w)
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

func unknownDeployments(o *incident.Options) {
	for name, s := range o.Services {
		s.Deployment.Required = false
		o.Services[name] = s
	}
}

// repeatable makes a service's first step one that may be run again, under a
// plan that is soon over.
func repeatable(o *incident.Options, service string) {
	s := o.Services[service]
	plan := *s.Plan
	plan.Steps = append([]incident.PlanStep{}, plan.Steps...)
	plan.Steps[0].Idempotent, plan.Steps[0].Retries = true, 3
	plan.Timeout = time.Minute
	s.Plan = &plan
	o.Services[service] = s
}

// chance lets one thing happen.
func chance(w *world, r *rand.Rand) {
	service := []string{"auth", "cart", "shop"}[r.IntN(3)]
	switch r.IntN(18) {
	case 16:
		w.set(0.08, "auth", "cart")
	case 17:
		w.give(incident.Command{ID: "p", Verb: "pardon", Service: service, Version: fmt.Sprintf("v%d", 1+r.IntN(5)), Actor: "alice"})
	case 0, 1:
		w.set(0.08, service)
	case 2, 3:
		w.set(0.001, service)
	case 4:
		w.values[service] = trigger.Reading{Presence: trigger.Missing}
	case 5:
		w.sourceX = []string{"", "", "timeout"}[r.IntN(3)]
	case 6:
		if w.opts.Services[service].Deployment.Required {
			w.deploy(service, fmt.Sprintf("v%d", 1+r.IntN(5)), fmt.Sprintf("v%d", 1+r.IntN(5)))
		}
	case 7:
		verbs := []string{"pause", "resume", "lock", "unlock", "approve", "veto", "abort", "ack", "close", "rollback"}
		w.command(verbs[r.IntN(len(verbs))], service)
	case 8:
		states := []incident.StepState{incident.StepDone, incident.StepFailed, incident.StepUncertain}
		w.results["flip"] = []incident.StepResult{{State: states[r.IntN(3)], NothingChanged: r.IntN(4) == 0}}
	case 9:
		delete(w.results, "flip")
	case 10:
		w.hang["restart"] = !w.hang["restart"]
	case 11:
		w.full = r.IntN(4) == 0
	case 12:
		w.full = false
		w.restart(time.Duration(r.IntN(60)) * time.Second)
		endResumed(w, r)
	default:
		w.run(time.Duration(1+r.IntN(12)) * 15 * time.Second)
	}
}

// endResumed ends a step that the restart asked about, as a lost end.
func endResumed(w *world, r *rand.Rand) {
	if len(w.started) == 0 {
		return
	}
	last := w.started[len(w.started)-1]
	if last.Resume && w.hang[last.Ref.Name] && r.IntN(2) == 0 {
		w.give(incident.StepEnded{Ref: last.Ref, Result: incident.StepResult{State: incident.StepUncertain, Interrupted: true}})
	}
}

// checkReplay compares what is remembered with what the journal tells.
func checkReplay(t *testing.T, w *world) {
	t.Helper()
	b := incident.New(w.opts)
	for _, e := range w.journal {
		b.Apply(e)
	}
	live, _ := w.brain.Snapshot()
	replayed, _ := b.Snapshot()
	if string(live) != string(replayed) {
		t.Errorf("invariant 9: a replay differs from what is remembered")
	}
	foldsToItself(t, w)
}

// auditor follows the journal and knows what must never be in it.
type auditor struct {
	t           *testing.T
	running     map[string]string
	quarantined map[string]string // service/version → run
	acting      map[string]incident.Run
	autos       []autoStart
	deployment  map[string]string
	claimed     map[string]string // members of a group that a run acts on
	newest      map[string]string // service/version → its newest deployment
	begun       map[string]int    // run/section/index → attempts
	uncertain   map[string]bool
	intents     map[incident.StepRef]bool
	charged     map[string]bool   // runs
	stopping    map[string]bool   // runs
	moved       map[string]bool   // runs that a step has taken to the target, or whose steps name none
	about       map[string]string // runs → the deployment that they were planned for
	noReturn    pointOfNoReturn
	rehearsals  []incident.Entry
	// read and started are how far the journal and the starts were looked at.
	read, started int
}

type autoStart struct {
	service, deployment string
	at                  time.Time
	shared              bool // as another member of a group: the daemon's budget is not charged
}

func newAuditor(t *testing.T) *auditor {
	t.Helper()
	return &auditor{
		t: t, running: map[string]string{}, quarantined: map[string]string{}, acting: map[string]incident.Run{},
		deployment: map[string]string{}, begun: map[string]int{}, uncertain: map[string]bool{},
		intents: map[incident.StepRef]bool{}, charged: map[string]bool{}, stopping: map[string]bool{},
		claimed:  map[string]string{},
		newest:   map[string]string{},
		moved:    map[string]bool{},
		about:    map[string]string{},
		noReturn: pointOfNoReturn{passed: map[string]bool{}, fresh: map[string]bool{}},
	}
}

// audit reads what is new in the journal, as somebody would who knows nothing
// of how the brain remembers.
func (a *auditor) audit(w *world) {
	for _, e := range w.journal[a.read:] {
		a.entry(e)
		if e.Kind == incident.KindPlanned {
			a.guardedPlan(w, e)
			a.rehearsedPlan(w, e)
		}
	}
	a.read = len(w.journal)
	for _, s := range w.started[a.started:] {
		if !a.intents[s.Ref] {
			a.t.Errorf("invariant 1: %s attempt %d was started without an intent", s.Ref.Name, s.Ref.Attempt)
		}
	}
	a.started = len(w.started)
	for _, inc := range w.brain.Incidents() {
		if inc.State == incident.Held && !inc.Decision.Untold && !slices.ContainsFunc(w.told, func(m incident.Message) bool { return m.Incident == inc.ID }) {
			a.t.Errorf("invariant 7: %s is held and nobody was told", inc.ID)
		}
	}
}

func (a *auditor) entry(e incident.Entry) {
	a.noReturn.entry(a, e)
	switch e.Kind {
	case incident.KindEnough:
		if !namesTarget(a.acting[e.Service]) {
			a.moved[e.Step.Ref.Run] = false
		}
	case incident.KindClock:
		a.clockSet(e)
	case incident.KindRehearsed:
		a.rehearsals = append(a.rehearsals, e)
	case incident.KindDeployment:
		a.running[e.Service] = e.Deployment.Version
		a.deployed(e.Service, e.Deployment.Version, e.Deployment.Version+e.Deployment.StartedAt.String())
	case incident.KindRunning:
		a.running[e.Service] = e.Running.Version
		if again, known := a.newest[e.Service+"/"+e.Running.Version]; known {
			a.deployment[e.Service] = again
		}
	case incident.KindPlanned:
		a.planned(e)
	case incident.KindStopping:
		a.stopping[e.Stopping.Run] = true
	case incident.KindPardon:
		delete(a.quarantined, e.Service+"/"+e.Pardon.Version)
		a.autos = slices.DeleteFunc(a.autos, func(s autoStart) bool { return s.service == e.Service && s.deployment == "" })
	case incident.KindStepBegun:
		a.stepBegun(e)
	case incident.KindStepEnded:
		key := stepKey(e.Step.Ref)
		if ref := e.Step.Ref; ref.Section == incident.SectionSteps && e.Step.Result.State == incident.StepDone {
			a.moved[ref.Run] = a.moved[ref.Run] || a.acting[e.Service].Plan.Steps[ref.Index].UsesTarget
		}
		a.uncertain[key] = e.Step.Result.State == incident.StepUncertain && !e.Step.Result.NothingChanged
		if e.Step.Result.NothingChanged {
			a.begun[key] = 0
		}
	case incident.KindVerifying:
		run := a.acting[e.Service]
		delete(a.acting, e.Service)
		a.arrivedTogether(run, e)
		if run.To != "" && a.moved[run.ID] {
			a.running[e.Service] = run.To
			a.deployed(e.Service, run.To, "own "+e.At.String())
		}
	case incident.KindRunEnded:
		delete(a.acting, e.Service)
		a.endedTogether(e.RunEnded.Run)
		a.pardonUntouched(e)
		if e.RunEnded.State == incident.RunCompleted && e.RunEnded.Samples < 2 {
			a.t.Errorf("invariant 8: completed after %d samples", e.RunEnded.Samples)
		}
	default:
	}
}

// deployed notes that a version runs as a deployment.
func (a *auditor) deployed(service, version, deployment string) {
	a.deployment[service], a.newest[service+"/"+version] = deployment, deployment
}

// pardonUntouched lifts the quarantine of a run that changed nothing after all.
func (a *auditor) pardonUntouched(e incident.Entry) {
	if e.RunEnded.State != incident.RunBlocked && e.RunEnded.State != incident.RunAborted {
		return
	}
	for key, run := range a.quarantined {
		if run == e.RunEnded.Run {
			delete(a.quarantined, key)
		}
	}
}

func stepKey(r incident.StepRef) string { return fmt.Sprint(r.Run, r.Section, r.Index, r.Unit) }

// namesTarget tells whether any step of a run's plan needs its target.
func namesTarget(run incident.Run) bool {
	return slices.ContainsFunc(run.Plan.Steps, func(s incident.PlanStep) bool { return s.UsesTarget })
}

func (a *auditor) planned(e incident.Entry) {
	run := *e.Planned
	if _, already := a.acting[e.Service]; already {
		a.t.Errorf("invariant 2: %s has two rollbacks at %s", e.Service, e.At)
	}
	if run.To != "" && run.To == a.running[e.Service] {
		a.t.Errorf("invariant 4: %s is rolled back to %s, which runs", e.Service, run.To)
	}
	if a.quarantined[e.Service+"/"+run.To] != "" {
		a.t.Errorf("invariant 4: %s is rolled back to %s, which is quarantined", e.Service, run.To)
	}
	a.plannedTogether(e)
	a.acting[e.Service], a.about[run.ID] = run, a.deployment[e.Service]
	a.moved[run.ID] = !namesTarget(run) && run.Scope == ""
	if len(a.acting) > 2 {
		a.t.Errorf("invariant 3: %d rollbacks at the same time", len(a.acting))
	}
}

func (a *auditor) stepBegun(e incident.Entry) {
	run := a.acting[e.Service]
	ref := e.Step.Ref
	a.intents[ref] = true
	key := stepKey(ref)
	a.begun[key]++
	if a.stopping[ref.Run] && ref.Section == incident.SectionSteps {
		a.t.Errorf("invariant 11: step %s of %s was begun after the run was to stop", ref.Name, ref.Run)
	}
	if e.Service == "cart" && ref.Index == 0 {
		a.uncertain[key], a.begun[key] = false, 0 // it is declared idempotent
	}
	if ref.Section == incident.SectionReversible {
		return // it is asked as often as there is something to change
	}
	if a.begun[key] > 1 {
		a.t.Errorf("step %s of %s ran %d times, and it is not idempotent", ref.Name, ref.Run, a.begun[key])
	}
	if a.uncertain[key] {
		a.t.Errorf("step %s of %s was begun again after an uncertain end", ref.Name, ref.Run)
	}
	if !e.Step.Changes {
		return
	}
	charge := run.Automatic && !a.charged[ref.Run]
	a.changedTogether(run, ref, e, charge)
	if charge {
		a.charged[ref.Run] = true
		a.automatic(e)
	}
	if key := e.Service + "/" + run.From; run.From != "" && run.Leaves && ref.Section == incident.SectionSteps && a.quarantined[key] == "" {
		a.quarantined[key] = ref.Run
	}
}

// automatic charges an automatic rollback and checks the budgets.
func (a *auditor) automatic(e incident.Entry) {
	now := autoStart{service: e.Service, deployment: a.about[e.Step.Ref.Run], at: e.At}
	service, hour := 0, 0
	for _, old := range a.autos {
		if old.service == now.service && old.deployment == now.deployment {
			a.t.Errorf("invariant 2: a second automatic rollback of %s for the same deployment", e.Service)
		}
		if old.service == now.service && now.at.Sub(old.at) < 6*time.Hour {
			service++
		}
		if now.at.Sub(old.at) < time.Hour && !old.shared {
			hour++
		}
	}
	if service >= 2 {
		a.t.Errorf("invariant 3: %d automatic rollbacks of %s before this one within 6h", service, e.Service)
	}
	if hour >= 5 {
		a.t.Errorf("invariant 3: %d automatic rollbacks before this one within an hour", hour)
	}
	a.autos = append(a.autos, now)
}
