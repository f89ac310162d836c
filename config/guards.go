package config

import "time"

// Guards is [guards].
type Guards struct {
	// Cooldown is zero where it is left to each service's ranges.
	Cooldown         time.Duration
	PerServiceCount  int
	PerServiceWithin time.Duration
	MaxConcurrent    int
	MaxPerHour       int
	Correlated       Correlated
	NeverOK          bool
	// HoldWhen is PromQL that holds everything while it returns anything; empty
	// without one.
	HoldWhen string
	// RehearsedWithin is how old the newest rehearsal of a plan may be for it to act
	// by itself; zero asks for none.
	RehearsedWithin time.Duration

	// holdWhen is what is known of that query.
	holdWhen query
	at       *path
}

// Correlated is when a fault is taken for something bigger than one service.
type Correlated struct {
	Services int
	// Share is 0 to 1.
	Share  float64
	Within time.Duration
}

func readGuards(root *table) Guards {
	t := root.orEmpty("guards", "[guards]")
	per := fieldValue(t, "per_service", `a budget such as "2 in 6h"`, parseBudget, budget{count: 2, within: 6 * time.Hour})
	g := Guards{
		at:               t.path,
		Cooldown:         t.duration("cooldown", 0),
		PerServiceCount:  per.count,
		PerServiceWithin: per.within,
		MaxConcurrent:    t.integer("max_concurrent", 2, 1),
		MaxPerHour:       t.integer("max_per_hour", 5, 1),
		NeverOK:          t.boolean("never_ok", true),
		HoldWhen:         t.str("hold_when", ""),
		RehearsedWithin:  t.duration("rehearsed_within", 0),
	}
	c := t.orEmpty("correlated", "[guards.correlated]")
	g.Correlated = Correlated{
		Services: c.integer("services", 3, 1),
		Share:    fieldValue(c, "share", `a share such as "30%"`, parseShare, 0.3),
		Within:   c.duration("within", 5*time.Minute),
	}
	c.done()
	if g.HoldWhen != "" {
		q, err := parseQuery(g.HoldWhen)
		if err != nil {
			t.errorf(t.key("hold_when"), "%v", err)
		}
		g.holdWhen = q
	}
	t.done()
	return g
}
