package simulate

import "time"

// people lets persons do what persons do at night.
func (m *maker) people() {
	if m.chance(50) {
		return // nobody is there
	}
	for range m.between(1, 6) {
		m.command(m.moment(0, m.until, m.poll))
	}
	if m.chance(40) {
		m.answers()
	}
}

// again lets a person roll a service back by hand, and the service fail again
// soon after: whatever is left to itself then must remember what was just done.
func (m *maker) again(s *service) {
	at := m.moment(2*time.Minute, max(2*time.Minute, m.until-10*time.Minute), m.poll)
	m.event(at, "command", table{"verb": "rollback", "service": s.name, "by": "alice", "reason": "by hand"})
	from := at + m.seconds(time.Minute, 8*time.Minute)
	s.bad = append(s.bad, stretch{from, from + m.seconds(3*time.Minute, 20*time.Minute), "all"})
	s.lasting = true
}

// rehearsals lets plans be rehearsed: most of them early on, so that they count, and
// later ones that may find a problem, or be carried out in another service.
func (m *maker) rehearsals() {
	if !m.rehearsed && !m.chance(3) {
		return
	}
	for _, s := range m.services {
		if !s.hasPlan {
			continue
		}
		if m.chance(80) {
			m.rehearse(s, m.moment(0, 2*time.Minute, m.poll), 90)
		}
		for range m.IntN(3) {
			m.rehearse(s, m.moment(0, m.until, m.poll), 60)
		}
	}
	if len(m.services) > 1 && m.chance(20) {
		m.event(m.moment(0, m.until, m.poll), "command", table{
			"verb": "rollback", "service": m.services[0].name, "rehearses": m.services[1].name, "by": "alice", "reason": "a drill",
		})
	}
}

// rehearse lets somebody rehearse a plan of a service; so many times in a hundred
// no problem is found.
func (m *maker) rehearse(s *service, at time.Duration, fine int) {
	r := table{"service": s.name, "ok": m.chance(fine), "by": "alice"}
	switch {
	case m.paired && (s == m.services[0] || s == m.services[1]) && m.chance(60):
		r["plan"] = "pair"
	case len(s.scopes) > 0 && m.chance(30):
		r["scope"] = s.scopes[0]
	}
	m.event(at, "rehearsed", r)
}

// verbs are the commands of this world's people, those that change most twice.
func verbs() []string {
	return []string{
		"rollback", "rollback", "approve", "approve", "veto", "abort", "ack", "close",
		"pause", "resume", "lock", "unlock", "pardon",
	}
}

// command lets a person do one thing at a time.
func (m *maker) command(at time.Duration) {
	s := pick(m.dice, m.services...)
	verb := pick(m.dice, verbs()...)
	c := table{"verb": verb, "service": s.name, "by": pick(m.dice, "alice", "bob", "carol"), "reason": "because"}
	switch verb {
	case "pause", "resume", "lock", "unlock":
		if m.chance(20) {
			delete(c, "service")
			c["all"] = true
		}
		if (verb == "pause" || verb == "lock") && m.chance(70) {
			c["for"] = span(m.seconds(30*time.Second, 20*time.Minute))
		}
	case "rollback":
		if m.chance(30) {
			c["to"] = s.version(m.between(1, s.versions+2))
		}
		if len(s.scopes) > 0 && m.chance(40) {
			c["scope"] = s.scopes[0]
		}
		if m.chance(20) {
			c["severity"] = pick(m.dice, "critical", "low")
		}
	case "pardon":
		c["version"] = s.version(m.between(1, s.versions+1))
	}
	if m.chance(30) {
		c["roles"] = list{"ops-lead"}
	}
	if m.chance(8) {
		c["break_glass"] = true
	}
	m.event(at, "command", c)
}

// answers lets people who were asked say yes or no, again and again.
func (m *maker) answers() {
	verb := pick(m.dice, "approve", "approve", "approve", "approve", "ack", "veto")
	every := m.seconds(time.Minute, 6*time.Minute)
	for at := m.seconds(0, every); at < m.until; at += every {
		for _, s := range m.services {
			m.event(at, "command", table{
				"verb": verb, "service": s.name, "by": pick(m.dice, "alice", "bob", "dora"), "reason": "so be it",
				"roles": pick(m.dice, list{}, list{"ops-lead"}),
			})
		}
	}
}
