package simulate

import "time"

// host lets the daemon crash, anywhere, and its machine misbehave.
func (m *maker) host() {
	if m.chance(55) {
		for range m.between(1, 4) {
			m.event(m.moment(0, m.until, m.poll), "restart", m.restart())
		}
	}
	if m.chance(15) {
		for range m.between(1, 2) {
			by := pick(m.dice, "2s", "-2s", "20s", "-20s", "90s", "-90s", "10m", "-10m", "1h", "-1h")
			m.event(m.moment(0, m.until, m.poll), "clock", table{"by": by})
		}
	}
	if m.chance(8) {
		m.event(m.moment(0, m.until, m.poll), "suspend", table{"for": span(m.seconds(time.Second, 15*time.Minute))})
	}
}

// restart is a crash: at once, or in the middle of what is written down next.
func (m *maker) restart() table {
	r := table{"down": span(m.seconds(0, pick(m.dice, time.Second, 20*time.Second, 3*time.Minute)))}
	if m.chance(60) {
		r["after_entries"] = int64(m.between(1, 12))
	}
	return r
}

// reloads lets the configuration change.
func (m *maker) reloads() {
	if !m.chance(20) {
		return
	}
	for range m.between(1, 2) {
		m.event(m.moment(0, m.until, m.poll), "reload", m.reload())
	}
}

func (m *maker) reload() table {
	s := pick(m.dice, m.services...)
	of := func(over table) table { return table{"services": table{s.name: over}} }
	if m.rehearsed && m.chance(40) {
		return m.otherPlan(s)
	}
	switch m.IntN(6) {
	case 0:
		return table{"guards": table{"max_concurrent": int64(m.between(1, 3)), "per_service": pick(m.dice, "1 in 6h", "4 in 1h")}}
	case 1:
		return of(table{"triggers": table{"errors": m.trigger("errors")}})
	case 2:
		return of(table{"mode": pick(m.dice, "live", "shadow")})
	case 3:
		return table{"decide": table{"countdown": "1m"}}
	case 4:
		return of(table{"triggers": table{"slow": m.trigger("slow")}})
	}
	return table{"prometheus": table{"poll_interval": span(time.Duration(pick(m.dice, 5, 10, 15, 30)) * time.Second), "max_gap": "90s"}}
}

// otherPlan changes the plan of a service, a little.
func (m *maker) otherPlan(s *service) table {
	more := table{"timeout": pick(m.dice, "25m", "26m")}
	own, _ := m.config["services"].(table)[s.name].(table)
	switch {
	case own["plan"] != nil:
		return table{"plans": table{m.plans[0]: more}}
	case own["rollback"] != nil:
		return table{"services": table{s.name: table{"rollback": more}}}
	}
	return table{"guards": table{"rehearsed_within": "10m"}}
}

// faults are what is broken around the daemon.
func (m *maker) faults() list {
	var all list
	add := func(percent, times int, kind string, how ...string) {
		if !m.chance(percent) {
			return
		}
		for range m.between(1, times) {
			from := m.moment(0, m.until, m.poll)
			to := from + m.seconds(m.poll, pick(m.dice, time.Minute, 10*time.Minute, time.Hour))
			all = append(all, table{"from": span(from), "to": span(to), kind: pick(m.dice, how...)})
		}
	}
	add(35, 3, "prometheus", "error", "timeout", "empty", "nan", "partial")
	add(15, 2, "nats", "down")
	add(15, 3, "journal", "full", "full", "spent", "failing")
	for _, name := range m.receivers {
		add(15, 2, "receiver."+name, "down")
	}
	return all
}
