package incident_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// guarded gives a world chance's choice of the guards that are configured.
func guarded(o *incident.Options, r *rand.Rand) {
	maybe := func() bool { return r.IntN(3) == 0 }
	o.Guards.HoldWhen = maybe()
	if maybe() {
		o.Guards.RehearsedWithin = time.Duration(5+r.IntN(60)) * time.Minute
	}
	if maybe() {
		caps := []evaluator.Directness{evaluator.NoResponse, evaluator.Notify, evaluator.Approve, evaluator.Countdown}
		for range 1 + r.IntN(2) {
			from := time.Duration(10*60+r.IntN(120)) * time.Minute
			o.Windows = append(o.Windows, incident.Window{
				Name: "freeze", From: from, To: from + time.Duration(1+r.IntN(60))*time.Minute, Cap: caps[r.IntN(len(caps))],
				Services: [][]string{nil, {"shop"}}[r.IntN(2)],
			})
		}
	}
	if maybe() {
		depends(*o, "cart", "auth")
		depends(*o, "shop", "cart")
	}
	if maybe() {
		severity(*o, trigger.High)
	}
}

// guardChance lets one thing happen that matters to the guards.
func guardChance(w *world, r *rand.Rand) {
	service := []string{"auth", "cart", "shop"}[r.IntN(3)]
	switch r.IntN(10) {
	case 8, 9:
		if w.opts.Services[service].Plan != nil {
			w.rehearse(service, "", r.IntN(3)/2)
		}
	case 0:
		w.holdWhen = frozen()
	case 1:
		w.holdWhen = trigger.Answer{Err: "timeout"}
	case 2, 3:
		w.holdWhen = trigger.Answer{}
	case 4: // all break, one after another
		for _, name := range []string{"auth", "cart", "shop"} {
			w.set(0.08, name)
			w.run(time.Duration(r.IntN(3)) * 15 * time.Second)
		}
		w.run(2 * time.Minute)
	case 5: // up and down
		for range 1 + r.IntN(3) {
			w.set(0.08, service)
			w.run(3 * time.Minute)
			w.set(0.001, service)
			w.run(time.Minute)
		}
	case 6: // one change for all
		if w.opts.Services[service].Deployment.Required {
			for _, name := range []string{"auth", "cart", "shop"} {
				w.change(name, "v6", "PR-1")
			}
		}
	case 7:
		w.setClock(time.Duration(r.IntN(4*3600)-2*3600) * time.Second)
	}
}

// guardedPlan checks that no guard in force let an automatic rollback through.
func (a *auditor) guardedPlan(w *world, e incident.Entry) {
	if !e.Planned.Automatic {
		return
	}
	if held := w.holdWhen; w.opts.Guards.HoldWhen && (held.Err != "" || len(held.Services) > 0) {
		a.t.Errorf("%s is rolled back automatically although hold_when holds, or is not known", e.Service)
	}
	for _, window := range w.opts.Windows {
		in, until := window.At(e.At)
		if in && window.Cap <= evaluator.Approve && (len(window.Services) == 0 || slices.Contains(window.Services, e.Service)) {
			a.t.Errorf("%s is rolled back automatically at %s in a window until %s that allows no more than %s", e.Service, e.At, until, window.Cap)
		}
	}
}

// rehearsedPlan checks that the newest rehearsal of a plan which acts by itself was
// lately and found no problem, for one of the services that it takes back. What the
// random worlds rehearse is always the whole plan.
func (a *auditor) rehearsedPlan(w *world, e incident.Entry) {
	within := w.opts.Guards.RehearsedWithin
	if within <= 0 || !e.Planned.Automatic {
		return
	}
	var newest *incident.Entry
	for _, r := range a.rehearsals {
		about := r.Service == e.Service || slices.ContainsFunc(e.Planned.Members, func(m incident.Member) bool { return m.Service == r.Service })
		if about && r.Rehearsed.Plan == e.Planned.Plan.Name {
			newest = &r
		}
	}
	if newest != nil && newest.Rehearsed.OK && e.At.Sub(newest.At) <= within {
		return
	}
	a.t.Errorf("%s is rolled back automatically by plan %s, whose newest rehearsal within %s is none without a problem", e.Service, e.Planned.Plan.Name, within)
}

// clockSet moves along what the auditor counts from.
func (a *auditor) clockSet(e incident.Entry) {
	if e.Service != "" {
		return
	}
	for i := range a.autos {
		a.autos[i].at = a.autos[i].at.Add(e.Clock.By)
	}
	for i := range a.rehearsals {
		a.rehearsals[i].At = a.rehearsals[i].At.Add(e.Clock.By)
	}
}
