package simulate

import (
	"fmt"
	"time"
)

// table and list are the tree of a test file.
type (
	table = map[string]any
	list  = []any
)

// World is one random world: a test file as a tree, before it is written.
type World struct {
	Seed uint64
	tree table
}

// service is what the generator remembers of a service while it makes a world.
type service struct {
	name string
	// source is where its versions come from: symlink, version_query, events or
	// unknown (nobody knows its deployments).
	source string
	// versions is how many versions of it there were so far.
	versions int
	hasPlan  bool
	scopes   []string
	// steps are the names of all that its plan can have carried out, and asking
	// those of them that have an `if`.
	steps, asking []string
	// bad are the stretches in which it fails, and lasting tells that nothing that
	// a step does ends them.
	bad     []stretch
	lasting bool
}

// stretch is a time in which something is so.
type stretch struct {
	from, to time.Duration
	how      string
}

// maker makes one world.
type maker struct {
	dice
	until, poll time.Duration
	services    []*service
	config      table
	events      list
	steps       table
	receivers   []string
	plans       []string
	holdWhen    bool
	// cause is what services that break together share: "" is nothing, else
	// "dependency" or "change". paired tells that the first two change together, and
	// rehearsed that plans must have been rehearsed.
	cause             string
	paired, rehearsed bool
}

// Generate makes the world of a seed.
func Generate(seed uint64) World {
	m := &maker{dice: newDice(seed), steps: table{}, config: table{}}
	m.poll = time.Duration(pick(m.dice, 15, 15, 15, 15, 10, 30, 5)) * time.Second
	m.until = m.seconds(20*time.Minute, pick(m.dice, 40*time.Minute, 80*time.Minute, 3*time.Hour))
	m.configure()
	m.deployments()
	for _, s := range m.services {
		if m.chance(pick(m.dice, 0, 15, 30)) {
			m.again(s)
		}
	}
	m.people()
	m.rehearsals()
	m.checks()
	m.host()
	m.reloads()
	c := table{
		"name": fmt.Sprintf("world %d", seed), "standing": true, "until": span(m.until),
		"values": m.values(),
	}
	for key, v := range map[string]any{"events": m.events, "faults": m.faults(), "steps": m.behaviours()} {
		switch v := v.(type) {
		case list:
			if len(v) > 0 {
				c[key] = v
			}
		case table:
			if len(v) > 0 {
				c[key] = v
			}
		}
	}
	return World{Seed: seed, tree: table{"inline": m.config, "case": list{c}}}
}

// event adds an event, unless the world has ended before.
func (m *maker) event(at time.Duration, kind string, what table) {
	if at > m.until {
		return
	}
	m.events = append(m.events, table{"at": span(at), kind: what})
}

// version is the n-th version of a service.
func (s *service) version(n int) string { return fmt.Sprintf("%s-%d", s.name[:1], n) }
