package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// deployedAt is the moment of the deployment, on the grid.
func deployedAt() time.Time { return time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) }

// player plays worlds through the real brain with one contender's configuration.
type player struct {
	options incident.Options
	// metrics are those that the trigger looks at; health tells that it looks at
	// health checks.
	metrics []string
	health  bool
}

func newPlayer(c contender) (*player, error) {
	o, err := c.options()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	p := &player{options: o}
	for _, spec := range o.Services[service].Triggers {
		p.metrics = append(p.metrics, spec.Expr.Metrics()...)
		p.health = p.health || spec.Expr.UsesHealth()
	}
	slices.Sort(p.metrics)
	p.metrics = slices.Compact(p.metrics)
	return p, nil
}

// play plays one deployment. It tells when its rollback started, as time since
// the deployment; false where none did within the time watched.
func (p *player) play(w *world, r readings) (after time.Duration, rolledBack bool) {
	g := &game{
		player: p, brain: incident.New(p.options), world: w, readings: r, now: -lookBefore,
		asked: make(map[string]trigger.Answer, len(p.metrics)),
	}
	g.give(incident.Restored{To: g.clock()})
	g.give(incident.VersionSeen{Service: service, Version: "v1", At: g.clock(), Source: "symlink"})
	checks := w.checks
	for at := -lookBefore; at <= watchAfter && !g.started; at += tick {
		for p.health && len(checks) > 0 && checks[0].at <= at && !g.started {
			g.moveTo(checks[0].at)
			g.give(healthOf(checks[0]))
			checks = checks[1:]
		}
		g.moveTo(at)
		if at == 0 {
			g.give(incident.VersionSeen{Service: service, Version: "v2", At: g.clock(), Source: "symlink"})
		}
		if !g.started {
			g.give(incident.Samples{At: g.clock(), Kind: incident.Grid, Answers: g.fill(g.asked, p.metrics)})
		}
	}
	return g.now, g.started
}

func healthOf(c check) incident.Health {
	status := trigger.HealthPass
	if c.failed {
		status = trigger.HealthFail
	}
	at := deployedAt().Add(c.at)
	return incident.Health{Service: service, Check: trigger.HealthCheck{
		Instance: string(rune('a' + c.instance)), Status: status, At: at, Boot: "1", Seq: uint64(c.at/time.Millisecond + 1e9), //nolint:gosec // never below zero: a game begins minutes, not weeks, before the deployment
	}}
}

// game is one deployment being played. As a carrier it is a world in which
// everything answers at once: entries are durable, reads are answered with what
// Prometheus says at that moment, and steps end as they begin.
type game struct {
	*player
	brain    *incident.Brain
	world    *world
	readings readings
	// now is the time since the deployment.
	now   time.Duration
	wake  time.Time
	queue []incident.Input
	// asked are the answers of the tick, used again for the next: the brain keeps
	// none of them.
	asked map[string]trigger.Answer
	// started tells that the first step that changes something has begun.
	started bool
}

func (g *game) clock() time.Time { return deployedAt().Add(g.now) }

// moveTo lets time pass, waking the brain where it asked for it.
func (g *game) moveTo(at time.Duration) {
	for !g.started && !g.wake.IsZero() {
		due := g.wake.Sub(deployedAt())
		if due >= at {
			break
		}
		g.now, g.wake = max(g.now, due), time.Time{}
		g.give(incident.Wake{})
	}
	if !g.started {
		g.now = at
	}
}

// give hands the brain one input and all that comes of it.
func (g *game) give(in incident.Input) {
	incident.Drive(g.brain, g.clock(), in, g)
	for len(g.queue) > 0 && !g.started {
		next := g.queue[0]
		g.queue = g.queue[1:]
		incident.Drive(g.brain, g.clock(), next, g)
	}
}

// Record is durable at once.
func (g *game) Record(incident.Entry, *incident.Message) error { return nil }

// Carry carries out any other effect at once.
func (g *game) Carry(e incident.Effect) {
	switch e := e.(type) {
	case incident.Read:
		g.queue = append(g.queue, incident.Samples{At: g.clock(), Kind: e.Kind, ReadID: e.ID, Answers: g.fill(map[string]trigger.Answer{}, e.Metrics)})
	case incident.Start:
		g.started = g.started || e.Ref.Section == incident.SectionSteps
		ended := incident.StepResult{State: incident.StepDone, StartedAt: g.clock(), EndedAt: g.clock()}
		g.queue = append(g.queue, incident.StepEnded{Ref: e.Ref, Result: ended})
	case incident.WakeAt:
		g.wake = e.T
	default: // people are told, and nothing comes of it here
	}
}

// fill writes into answers what Prometheus says of some metrics now.
func (g *game) fill(answers map[string]trigger.Answer, names []string) map[string]trigger.Answer {
	i := g.world.tickAt(g.now)
	for _, name := range names {
		services := answers[name].Services
		if services == nil {
			services = map[string]trigger.Reading{}
			answers[name] = trigger.Answer{Services: services}
		}
		if r := g.readings[name][i]; r.there {
			services[service] = r.Reading
		} else {
			delete(services, service)
		}
	}
	return answers
}
