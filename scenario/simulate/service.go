package simulate

import (
	"fmt"
	"time"
)

// service makes one service's configuration.
func (m *maker) service(s *service) table {
	t := table{"triggers": m.triggers()}
	d := table{}
	switch s.source {
	case "symlink":
		d["symlink"] = "/srv/" + s.name + "/current"
	case "version_query":
		d["version_query"] = fmt.Sprintf(`count by (version) (build_info{service=%q})`, s.name)
	case "events":
		d["required"] = true
	case "unknown":
		d["required"] = false
	}
	if m.chance(40) {
		d["blame_window"] = pick(m.dice, "5m", "20m", "1h")
	}
	if m.chance(40) {
		d["onset_slack"] = pick(m.dice, "0s", "30s", "5m")
	}
	if m.chance(20) {
		d["max_back"] = int64(m.between(1, 3))
	}
	if m.chance(20) {
		d["finish_within"] = pick(m.dice, "0s", "1m", "5m")
	}
	t["deployment"] = d
	if m.chance(30) {
		t["health"] = table{"instances": pick(m.dice, "any", "all", "50%", "34%"), "min_instances": int64(m.between(1, 2))}
	}
	if m.chance(8) {
		t["mode"] = "shadow"
	}
	if _, tiers := m.config["matrix"]; tiers && m.chance(30) {
		t["tier"] = "2"
	}
	switch n := len(m.services); {
	case n > 1 && m.cause == "dependency" && m.chance(60):
		t["depends_on"] = list{m.services[0].name}
	case n > 1 && m.chance(15):
		t["depends_on"] = list{m.services[m.IntN(n-1)].name}
	}
	switch {
	case len(m.plans) > 0 && m.chance(40):
		t["plan"], s.hasPlan = m.plans[0], true
	case m.chance(92):
		t["rollback"], s.hasPlan = m.plan(s), true
	}
	return t
}

// triggers makes one to three triggers.
func (m *maker) triggers() table {
	all := table{}
	for range pick(m.dice, 1, 1, 2, 3) {
		kind := pick(m.dice, "errors", "errors", "errors", "few", "slow", "both", "gone", "health", "failing", "mixed", "told")
		all[kind] = m.trigger(kind)
	}
	return all
}

func (m *maker) trigger(kind string) table {
	hold := pick(m.dice, "", " for 30s", " for 1m", " for 1m", " for 2m", " for 5m")
	t := table{"severity": pick(m.dice, "critical", "critical", "critical", "high", "medium", "low")}
	switch kind {
	case "errors":
		t["when"] = "error_rate > 1%" + hold
		if m.chance(15) {
			t["min_requests"] = int64(m.between(1, 3000))
		}
	case "few":
		n := m.between(2, 6)
		t["when"] = fmt.Sprintf("error_rate >= 5%% in %d of %d samples", m.between(1, n), n)
	case "slow":
		t["when"] = "latency > 500ms" + hold
		t["warm_up"] = pick(m.dice, "0s", "30s", "5m")
	case "both":
		t["when"] = "error_rate > 1% and latency > 500ms" + hold
		t["warm_up"] = pick(m.dice, "0s", "1m")
	case "gone":
		t["when"] = "error_rate absent" + pick(m.dice, " for 1m", " for 2m")
	case "health":
		t["when"] = fmt.Sprintf("%d consecutive health failures", m.between(1, 4))
		t["warm_up"] = pick(m.dice, "0s", "30s", "2m")
	case "failing":
		t["when"] = "health failing" + hold
		t["warm_up"] = "0s"
	case "mixed":
		t["when"] = "error_rate > 1% and health failing" + hold
		t["warm_up"] = "0s"
	case "told":
		t["when"] = "event validation_failed"
	}
	if m.chance(20) && kind != "told" && kind != "health" && kind != "failing" {
		t["no_data"] = pick(m.dice, "hold", "ok", "breach")
	}
	if m.chance(10) && hold != "" && kind != "told" && kind != "health" {
		t["min_samples"] = int64(m.between(1, 3))
	}
	return t
}

func (m *maker) verify() table {
	settle := m.seconds(0, 90*time.Second)
	hold := m.seconds(15*time.Second, 3*time.Minute)
	t := table{"settle": span(max(settle, time.Second)), "hold": span(hold)}
	t["within"] = span(settle + hold + m.seconds(2*m.poll, 8*time.Minute))
	if m.chance(15) {
		t["when"] = list{"error_rate < 0.5%"}
	}
	return t
}
