package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// plan says how much is measured.
type plan struct {
	seed uint64
	// healthy and faulty are how many deployments are simulated of a version
	// without a fault and of one with each, for each noise and each rate.
	healthy, faulty int
	noises          []noise
	rates           []float64
	faults          []fault
	contenders      []contender
	// asked are contenders that the command line names.
	asked   []contender
	workers int
}

// rates are requests a second, all instances together.
func rates() []float64 { return []float64{0.5, 5, 50, 500} }

// faults are what bad versions do.
func faults() []fault {
	return []fault{{errors: 0.01}, {errors: 0.02}, {errors: 0.05}, {errors: 0.2}, {errors: 1}, {gone: true}}
}

// results are the outcomes by setting and contender. The fault of a healthy
// version is the zero fault.
type results map[setting]map[contender]outcome

// chunk is deployments that one worker simulates in one go.
type chunk struct {
	setting setting
	// first is the number of the first of them.
	first, count int
}

const chunkSize = 50

// chunks are all deployments of the plan.
func (p plan) chunks() []chunk {
	var list []chunk
	for _, rate := range p.rates {
		for _, n := range p.noises {
			for _, f := range append([]fault{{}}, p.faults...) {
				total := p.faulty
				if f == (fault{}) {
					total = p.healthy
				}
				for first := 0; first < total; first += chunkSize {
					list = append(list, chunk{setting{n, rate, f}, first, min(chunkSize, total-first)})
				}
			}
		}
	}
	return list
}

// deployments is how many deployments the plan simulates.
func (p plan) deployments() (n int) {
	for _, c := range p.chunks() {
		n += c.count
	}
	return n
}

// measure simulates all deployments of the plan. Each is drawn once and every
// contender judges it, so that they are compared on the same worlds. It tells
// progress how many deployments are done.
func (p plan) measure(ctx context.Context, progress func(done int)) (results, error) {
	players, err := p.players()
	if err != nil {
		return nil, err
	}
	todo, done := make(chan chunk), make(chan finished)
	var workers sync.WaitGroup
	for range max(1, p.workers) {
		workers.Go(func() {
			for c := range todo {
				done <- finished{c, p.simulate(c, players)}
			}
		})
	}
	go func() {
		defer close(todo)
		for _, c := range p.chunks() {
			select {
			case todo <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		workers.Wait()
		close(done)
	}()
	return p.collect(ctx, done, progress)
}

type finished struct {
	chunk    chunk
	outcomes []outcome
}

// collect adds up what the workers found. The order in which they finish makes no
// difference: an outcome is a count and a sorted list.
func (p plan) collect(ctx context.Context, done <-chan finished, progress func(int)) (results, error) {
	all, n := results{}, 0
	for f := range done {
		if all[f.chunk.setting] == nil {
			all[f.chunk.setting] = map[contender]outcome{}
		}
		for i, o := range f.outcomes {
			sum := all[f.chunk.setting][p.contenders[i]]
			sum.add(o)
			all[f.chunk.setting][p.contenders[i]] = sum
		}
		n += f.chunk.count
		progress(n)
	}
	return all, ctx.Err()
}

func (p plan) players() ([]*player, error) {
	if len(p.rates) == 0 || len(p.noises) == 0 || len(p.contenders) == 0 {
		return nil, errors.New("nothing to measure: want at least one rate, one noise and one trigger")
	}
	var list []*player
	for _, c := range p.contenders {
		one, err := newPlayer(c)
		if err != nil {
			return nil, fmt.Errorf("the configuration of a measured trigger: %w", err)
		}
		list = append(list, one)
	}
	return list, nil
}

// simulate draws the deployments of a chunk and lets every contender judge them.
// A trigger that looks at health checks alone is measured at the first rate only:
// the checks do not depend on the traffic.
func (p plan) simulate(c chunk, players []*player) []outcome {
	outcomes := make([]outcome, len(players))
	for number := c.first; number < c.first+c.count; number++ {
		s := c.setting
		w := drawWorld(newDraw(p.seed, number, string(s.noise), fmt.Sprint(s.rate), s.fault.String()), s)
		r := w.read()
		for i, one := range players {
			if p.contenders[i].healthAlone() && s.rate != p.rates[0] {
				continue
			}
			outcomes[i].deployments++
			if after, rolledBack := one.play(w, r); rolledBack {
				outcomes[i].add(outcome{delays: []time.Duration{after}})
			}
		}
	}
	return outcomes
}
