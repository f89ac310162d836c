package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// values are the series of all services, as they fare.
func (m *maker) values() table {
	all := table{}
	for _, s := range m.services {
		all["error_rate "+s.name] = m.series(s, "errors", "0.05", "0.001")
		if m.chance(60) {
			all["latency "+s.name] = m.series(s, "slow", "0.9", "0.12")
		}
		if m.chance(40) {
			all["error_rate.total "+s.name] = pick(m.dice, "50", "0.2", "3") + fmt.Sprintf("x%d", m.ticks())
		}
	}
	if m.holdWhen {
		off := m.IntN(m.ticks())
		all["hold_when"] = fmt.Sprintf("_x%d 1x%d _x%d", max(1, off), m.between(1, 80), m.ticks())
	}
	return all
}

// ticks is how many samples a series has that lasts to the end.
func (m *maker) ticks() int { return int(m.until/m.poll) + 2 }

// series is one metric of a service: well, but for its bad stretches, and for what
// happens to samples now and then.
func (m *maker) series(s *service, kind, bad, well string) string {
	last, count := "", 0
	var b strings.Builder
	flush := func() {
		if count > 0 {
			fmt.Fprintf(&b, "%s ", stretched(last, count))
		}
		count = 0
	}
	noisy, noise := m.chance(40), 0
	odd := well
	for i := range m.ticks() {
		value := well
		for _, st := range s.bad {
			if at := time.Duration(i) * m.poll; st.from <= at && at < st.to {
				value = st.value(kind, bad, well)
			}
		}
		if noise > 0 {
			noise--
			value = odd
		} else if noisy && m.chance(2) {
			noise, odd = m.IntN(5), pick(m.dice, "_", "_", "NaN", "3", "+Inf", bad, well, "0.01", "stale")
			value = odd
		}
		if value != last {
			flush()
			last = value
		}
		count++
	}
	flush()
	return strings.TrimSpace(b.String())
}

// value is what a metric of a kind is in a bad stretch.
func (st stretch) value(kind, bad, well string) string {
	switch st.how {
	case "gone":
		return "_"
	case kind, "both", "all":
		return bad
	}
	return well
}

// stretched writes the same value n times.
func stretched(value string, n int) string {
	switch {
	case n == 1:
		return value
	case value == "_":
		return fmt.Sprintf("_x%d", n)
	case value == "stale":
		return strings.TrimSpace(strings.Repeat("stale ", n))
	}
	return fmt.Sprintf("%sx%d", value, n-1)
}

// behaviours are what steps do, where they do anything but end well at once.
func (m *maker) behaviours() table {
	all := table{}
	for _, s := range m.services {
		for _, name := range s.steps {
			if m.chance(25) {
				continue
			}
			all[name] = m.behaviour(s, slices.Contains(s.asking, name))
		}
		if m.chance(40) && m.asksWayBack(s) {
			all["reversible"] = table{"exit": pick[any](m.dice, int64(1), list{int64(0), int64(1)}, int64(0))}
		}
	}
	return all
}

// asksWayBack tells whether the plan of a service has a point of no return.
func (m *maker) asksWayBack(s *service) bool {
	own, _ := m.config["services"].(table)[s.name].(table)
	plan, _ := own["rollback"].(table)
	if name, shared := own["plan"].(string); shared {
		plan, _ = m.config["plans"].(table)[name].(table)
	}
	return plan["reversible"] != nil
}

func (m *maker) behaviour(s *service, asks bool) table {
	b := table{}
	if m.chance(60) {
		b["takes"] = span(m.seconds(0, pick(m.dice, 5*time.Second, time.Minute, 6*time.Minute)))
	}
	switch m.IntN(10) {
	case 0:
		b["exit"] = pick[any](m.dice, int64(1), int64(75), list{int64(1), int64(0)}, list{int64(75), int64(75), int64(0)})
	case 1:
		b["signal"] = "KILL"
	}
	if m.chance(10) {
		b["probe"] = pick[any](m.dice, int64(0), int64(1), list{int64(1), int64(0)})
	}
	if asks && m.chance(50) {
		b["skip"] = true
	}
	if m.chance(60) && !s.lasting {
		well := fmt.Sprintf("x%d", m.ticks())
		if m.chance(30) { // it breaks again some time later
			well = fmt.Sprintf("x%d 0.05x%d", m.between(10, 80), m.between(5, 60))
		}
		b["then"] = table{
			"error_rate " + s.name: pick(m.dice, "0.001", "0.001", "0.001", "0.05") + well,
			"latency " + s.name:    pick(m.dice, "0.12", "0.12", "0.12", "0.12", "0.9") + well,
		}
	}
	if m.chance(8) && s.source == "version_query" {
		b["census"] = table{s.version(1): int64(m.between(1, 5)), s.version(2): int64(m.IntN(3))}
	}
	return b
}
