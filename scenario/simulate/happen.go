package simulate

import (
	"time"
)

// deployments lets versions be deployed, and decides which of them are bad.
func (m *maker) deployments() {
	alone := m.services
	switch {
	case m.cause != "":
		m.together(m.services)
		alone = nil
	case m.paired && m.chance(60):
		m.together(m.services[:2])
		alone = m.services[2:]
	}
	for _, s := range alone {
		at := m.moment(0, 8*time.Minute, m.poll)
		if m.chance(8) {
			m.breaks(s, at) // and nobody deployed anything
			continue
		}
		for range pick(m.dice, 1, 1, 1, 2, 3) {
			m.deploy(s, at, "")
			if m.chance(65) {
				m.breaks(s, at)
			}
			at = m.moment(at+time.Minute, m.until, m.poll)
		}
	}
	if len(m.services) > 1 && m.chance(15) {
		m.outage()
	}
}

// together lets services break for a cause that they share: what they all depend
// on fails, with one or the other deployed before, or a change reaches all of them.
// Later on each may go its own way.
func (m *maker) together(services []*service) {
	at := m.moment(time.Minute, 10*time.Minute, m.poll)
	deployed, change := pick(m.dice, 0, 40, 75, 100), ""
	if m.cause != "dependency" && m.chance(85) {
		deployed, change = 100, "r7"
	}
	breaks := at + m.seconds(15*time.Second, 3*time.Minute)
	for i, s := range services {
		if m.chance(deployed) {
			m.deploy(s, m.moment(at, at+30*time.Second, m.poll), change)
		}
		if m.chance(90) {
			from := breaks + m.seconds(0, pick(m.dice, 0, time.Minute, 4*time.Minute))
			if i == 0 && m.chance(50) {
				from = breaks // first of all
			}
			s.bad = append(s.bad, stretch{from, from + m.seconds(2*time.Minute, 40*time.Minute), pick(m.dice, "all", "all", "all", "errors", "both")})
		}
		if m.chance(30) {
			later := m.moment(breaks+time.Minute, max(breaks+time.Minute, m.until), m.poll)
			m.deploy(s, later, pick(m.dice, "", change))
			if m.chance(65) {
				m.breaks(s, later)
			}
		}
	}
}

// deploy lets a version be deployed, in one of the ways in which that is seen. It
// may be a part of a change.
func (m *maker) deploy(s *service, at time.Duration, change string) {
	s.versions++
	version, before := s.version(s.versions+1), s.version(s.versions)
	if m.chance(10) && s.versions > 1 {
		version = s.version(m.between(1, s.versions)) // an old one again
	}
	d := table{"service": s.name, "version": version}
	if m.chance(75) || s.versions == 1 {
		d["previous"] = before
	}
	if m.chance(15) {
		d["source"] = pick(m.dice, "api", "command")
	}
	if m.chance(8) {
		d["no_auto_rollback"] = true
	}
	if change == "" && m.chance(15) {
		change = pick(m.dice, "r1", "r2")
	}
	if change != "" {
		d["change"] = change
	}
	if m.chance(8) && at > time.Minute {
		d["started_at"] = span(at - m.seconds(0, time.Minute))
	}
	switch {
	case m.chance(10):
		rolling := table{"service": s.name, "version": version, "previous": before}
		m.event(at, "deploying", rolling)
		if m.chance(70) {
			m.event(min(m.until, at+m.seconds(15*time.Second, 6*time.Minute)), "deployed", d)
		}
	case m.chance(8) && (s.source == "symlink" || s.source == "version_query"):
		m.event(at, "running", table{"service": s.name, "version": version})
	default:
		m.event(at, "deployed", d)
	}
	if s.source == "version_query" && m.chance(15) {
		m.event(min(m.until, at+m.seconds(time.Minute, 20*time.Minute)), "running", table{
			"service": s.name, "version": version,
			"census": table{version: int64(m.between(1, 7)), before: int64(m.between(0, 3))},
		})
	}
}

// breaks lets a service fail for a while from soon after a deployment, or from
// a little before it.
func (m *maker) breaks(s *service, deployed time.Duration) {
	from := max(0, deployed+m.seconds(0, 3*time.Minute))
	if m.chance(12) {
		from = max(0, deployed-m.seconds(0, 5*time.Minute))
	}
	how := pick(m.dice, "errors", "errors", "errors", "slow", "both", "gone", "sick", "all")
	for range pick(m.dice, 1, 1, 2, 4) {
		to := from + m.seconds(15*time.Second, pick(m.dice, 2*time.Minute, 20*time.Minute, 3*time.Hour))
		s.bad = append(s.bad, stretch{from, to, how})
		from = to + m.seconds(15*time.Second, 10*time.Minute)
	}
	if m.chance(20) {
		sent := table{"service": s.name, "name": "validation_failed"}
		if m.chance(50) {
			sent["source"] = pick(m.dice, "nats", "api", "command")
		}
		m.event(min(m.until, deployed+m.seconds(0, 5*time.Minute)), "signal", sent)
	}
}

// outage is somebody else's fault: all services fail at about the same time.
func (m *maker) outage() {
	from := m.seconds(0, m.until)
	for _, s := range m.services {
		at := from + m.seconds(0, 2*time.Minute)
		s.bad = append(s.bad, stretch{at, at + m.seconds(time.Minute, 30*time.Minute), "errors"})
	}
}

// checks lets instances send health checks.
func (m *maker) checks() {
	for _, s := range m.services {
		if !m.watchesHealth(s) || m.chance(10) {
			continue
		}
		for i := range m.between(1, 3) {
			m.instance(s, pick(m.dice, "a", "b", "c")+string(rune('1'+i)))
		}
	}
}

// watchesHealth tells whether any trigger of a service looks at its health.
func (m *maker) watchesHealth(s *service) bool {
	own, _ := m.config["services"].(table)[s.name].(table)
	triggers, _ := own["triggers"].(table)
	return triggers["health"] != nil || triggers["failing"] != nil || triggers["mixed"] != nil || m.chance(10)
}

// instance sends the checks of one instance, a run of the same status after the
// other, as its service fares.
func (m *maker) instance(s *service, name string) {
	every := time.Duration(pick(m.dice, 10, 20, 20, 30)) * time.Second
	at, seq := m.seconds(0, time.Minute), int64(1)
	boot, boots := "b1", m.chance(20)
	for at < m.until {
		n := m.between(2, 30)
		status := pick(m.dice, "pass", "pass", "pass", "pass", "warn", "fail")
		for _, b := range s.bad {
			if b.from <= at && at < b.to && (b.how == "sick" || b.how == "all") {
				status = pick(m.dice, "fail", "fail", "fail", "pass")
			}
		}
		h := table{
			"service": s.name, "instance": name, "status": status, "repeat": int64(n), "every": span(every), "seq": seq, "boot": boot,
		}
		if m.chance(10) {
			delete(h, "seq")
			delete(h, "boot")
		}
		if m.chance(10) {
			h["version"] = s.version(m.between(1, s.versions+1))
		}
		m.event(at, "health", h)
		at, seq = at+time.Duration(n)*every, seq+int64(n)
		if m.chance(10) {
			at += m.seconds(0, 5*time.Minute) // silent for a while
		}
		if m.chance(5) {
			seq = max(1, seq-3) // some of it again
		}
		if boots && m.chance(15) {
			boot, seq = boot+"x", 1
		}
	}
}
