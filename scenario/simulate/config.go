package simulate

import (
	"fmt"
	"time"
)

// configure makes the configuration.
func (m *maker) configure() {
	m.config["prometheus"] = m.prometheus()
	m.config["nats"] = table{"url": "nats://127.0.0.1:4222", "require_corroboration": m.chance(20)}
	m.config["metrics"] = table{
		"error_rate": table{
			"bad":   `sum by (service) (rate(http_requests_total{code=~"5.."}[1m]))`,
			"total": `sum by (service) (rate(http_requests_total[1m]))`,
		},
		"latency": table{"query": "max by (service) (latency_seconds)", "unit": "seconds"},
	}
	m.configureReceivers()
	if m.chance(50) {
		m.config["matrix"] = m.matrix()
	}
	m.config["decide"] = m.decide()
	m.config["web"] = table{"roles": table{"approver": list{"alice", "bob", "carol", "dora"}, "ops-lead": list{"carol", "dora"}}}
	m.config["guards"] = m.guards()
	if m.chance(40) {
		m.plans = append(m.plans, "shared")
	}
	names := []string{"auth", "cart", "shop", "web", "mail", "pay"}[:pick(m.dice, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 6)]
	if len(names) > 1 && m.chance(40) {
		m.cause = pick(m.dice, "dependency", "change")
	}
	services := table{}
	for _, name := range names {
		s := &service{name: name, source: pick(m.dice, "symlink", "symlink", "version_query", "events", "events", "unknown", "unknown")}
		m.services = append(m.services, s)
		services[name] = m.service(s)
	}
	m.config["services"] = services
	if len(m.plans) > 0 {
		m.sharedPlan()
	}
	if len(names) > 1 && m.chance(40) && m.services[0].source != "unknown" && m.services[1].source != "unknown" {
		m.group()
	}
	if m.chance(15) {
		m.config["windows"] = list{m.window()}
	}
}

func (m *maker) prometheus() table {
	t := table{"url": "http://127.0.0.1:9090", "poll_interval": span(m.poll)}
	if m.chance(20) {
		t["max_gap"] = span(m.poll * time.Duration(m.between(1, 6)))
	}
	if m.chance(10) {
		t["partial"] = "accept"
	}
	return t
}

func (m *maker) configureReceivers() {
	receivers := table{"ops": table{"webhook": table{"url": "http://127.0.0.1:8080/ops"}}}
	m.receivers = []string{"ops"}
	if m.chance(50) {
		receivers["lead"] = table{"webhook": table{"url": "http://127.0.0.1:8080/lead"}, "escalation": int64(m.between(1, 3))}
		m.receivers = append(m.receivers, "lead")
	}
	m.config["receivers"] = receivers
}

func (m *maker) response() string {
	return pick(m.dice, "rollback", "rollback", "rollback", "countdown 30s", "countdown 2m", "approve", "notify")
}

func (m *maker) matrix() table {
	t := table{"tiers": list{"1", "2"}}
	for _, severity := range []string{"critical", "high", "medium", "low"} {
		t[severity] = list{m.response(), m.response()}
	}
	return t
}

func (m *maker) decide() table {
	t := table{}
	if m.chance(40) {
		t["within"] = table{
			"critical": span(m.seconds(time.Minute, 5*time.Minute)), "high": span(m.seconds(2*time.Minute, 15*time.Minute)),
		}
	}
	if m.chance(20) {
		t["on_deadline"] = table{"critical": "rollback"}
	}
	if m.chance(30) {
		t["countdown"] = span(m.seconds(15*time.Second, 4*time.Minute))
	}
	if m.chance(30) {
		t["approvals"] = pick(m.dice, table{"any": int64(2)}, table{"ops-lead": int64(1)}, table{"ops-lead": int64(1), "any": int64(1)})
	}
	if m.chance(20) {
		t["approval_expires"] = span(m.seconds(time.Minute, 10*time.Minute))
	}
	if m.chance(20) {
		t["escalate_after"] = list{"0m", "2m", "7m"}
	}
	return t
}

func (m *maker) guards() table {
	t := table{"never_ok": m.chance(60)}
	if m.chance(40) {
		t["cooldown"] = pick(m.dice, "1m", "5m", "10m", "20m")
	}
	if m.chance(50) {
		t["per_service"] = pick(m.dice, "1 in 30m", "1 in 6h", "2 in 1h", "5 in 1h")
	}
	if m.chance(50) {
		t["max_concurrent"] = int64(m.between(1, 3))
	}
	if m.chance(40) {
		t["max_per_hour"] = int64(m.between(1, 6))
	}
	if m.chance(40) {
		t["correlated"] = table{
			"services": int64(m.between(1, 5)), "share": pick(m.dice, "1%", "30%", "90%", "100%"), "within": pick(m.dice, "1m", "5m", "15m"),
		}
	}
	if m.chance(20) {
		t["rehearsed_within"], m.rehearsed = pick(m.dice, "5m", "20m", "1h", "4h"), true
	}
	if m.chance(12) {
		t["hold_when"], m.holdWhen = `ALERTS{alertname="Network", alertstate="firing"}`, true
	}
	return t
}

// window is one in whose hours the world may lie: it begins at 10:00 on a Monday.
func (m *maker) window() table {
	from := m.between(0, 50)
	t := table{
		"name": "freeze", "from": fmt.Sprintf("10:%02d", from), "to": fmt.Sprintf("1%d:%02d", m.between(1, 2), m.between(0, 59)),
		"response": pick(m.dice, "rollback", "countdown", "approve", "notify", "suppress"),
	}
	if m.chance(30) {
		t["services"] = list{m.services[0].name}
	}
	if m.chance(30) {
		t["tz"] = "Europe/Berlin" // two hours earlier in the world's own time
		t["from"], t["to"] = fmt.Sprintf("11:%02d", from), "13:00"
	}
	return t
}

// group lets the first two services change together.
func (m *maker) group() {
	a, b := m.services[0], m.services[1]
	plan := table{"steps": list{
		table{"name": "both " + a.name, "exec": list{"/usr/local/bin/undo", "${versions." + a.name + ".target}"}},
		table{"name": "both " + b.name, "exec": list{"/usr/local/bin/undo", "${versions." + b.name + ".target}"}},
	}}
	plan["verify"] = m.verify()
	a.steps = append(a.steps, "both "+a.name)
	b.steps = append(b.steps, "both "+b.name)
	m.config["groups"] = table{"pair": table{"services": list{a.name, b.name}, "rollback": plan}}
	m.paired = true
}
