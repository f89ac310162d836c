package config

import (
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Decide is [decide].
type Decide struct {
	// Within is how long a decision may take, by severity.
	Within map[trigger.Severity]time.Duration
	// Countdown is the length of a countdown that gives none.
	Countdown time.Duration
	// Approvals is how many people must say yes.
	Approvals       int
	ApprovalExpires time.Duration
}

func readDecide(root *table) Decide {
	t := root.orEmpty("decide", "[decide]")
	d := Decide{
		Within: map[trigger.Severity]time.Duration{
			trigger.Critical: 5 * time.Minute, trigger.High: 15 * time.Minute, trigger.Medium: time.Hour,
		},
		Countdown:       t.duration("countdown", 2*time.Minute),
		Approvals:       t.approvals(),
		ApprovalExpires: t.duration("approval_expires", 15*time.Minute),
	}
	if w := t.sub("within", "[decide.within]"); w != nil {
		for _, s := range trigger.Severities() {
			if w.has(s.String()) {
				d.Within[s] = w.duration(s.String(), d.Within[s])
			}
		}
		w.done()
	}
	t.later("on_deadline", "escalate_after")
	t.done()
	return d
}

func (t *table) approvals() int {
	sub := t.sub("approvals", "")
	if sub == nil {
		return 1
	}
	n := sub.integer("any", 1, 1)
	for _, role := range slices.Sorted(maps.Keys(sub.vals)) {
		if role != "any" {
			sub.errorf(sub.key(role), "approvals by role are not implemented in this version (want any = N)")
		}
	}
	return n
}

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
		Cooldown:         t.duration("cooldown", 0),
		PerServiceCount:  per.count,
		PerServiceWithin: per.within,
		MaxConcurrent:    t.integer("max_concurrent", 2, 1),
		MaxPerHour:       t.integer("max_per_hour", 5, 1),
		NeverOK:          t.boolean("never_ok", true),
	}
	c := t.orEmpty("correlated", "[guards.correlated]")
	g.Correlated = Correlated{
		Services: c.integer("services", 3, 1),
		Share:    fieldValue(c, "share", `a share such as "30%"`, parseShare, 0.3),
		Within:   c.duration("within", 5*time.Minute),
	}
	c.done()
	t.later("hold_when", "rehearsed_within")
	t.done()
	return g
}
