package simulate

import (
	"fmt"
	"time"
)

// planned is what the generator has to know about a plan's parts.
type planned struct {
	steps, asking, scopes []string
}

// plan makes one service's own plan.
func (m *maker) plan(s *service) table {
	t, p := m.anyPlan(s.name+" ", s.source, "/srv/"+s.name)
	s.steps, s.asking, s.scopes = append(s.steps, p.steps...), p.asking, p.scopes
	return t
}

// sharedPlan makes the plan that services name.
func (m *maker) sharedPlan() {
	source := "symlink"
	for _, s := range m.services {
		if m.config["services"].(table)[s.name].(table)["plan"] == nil {
			continue
		}
		if s.source == "unknown" {
			source = "unknown" // its steps then name no target
		}
	}
	t, p := m.anyPlan("shared ", source, "")
	m.config["plans"] = table{m.plans[0]: t}
	for _, s := range m.services {
		if m.config["services"].(table)[s.name].(table)["plan"] != nil {
			s.steps, s.asking, s.scopes = append(s.steps, p.steps...), p.asking, p.scopes
		}
	}
}

// anyPlan makes a plan whose steps' names begin with a prefix. With a folder its
// steps may switch a symbolic link there.
func (m *maker) anyPlan(prefix, source, folder string) (table, planned) {
	var p planned
	t := table{"verify": m.verify()}
	if m.chance(40) {
		p.scopes = []string{"flags"}
	}
	add := func(key, name string, of table) {
		of["name"] = prefix + name
		p.steps = append(p.steps, prefix+name)
		old, _ := t[key].(list)
		t[key] = append(old, of)
	}
	for i := range m.IntN(3) {
		add("checks", fmt.Sprintf("check %d", i+1), table{"exec": list{"/usr/bin/test", "-e", "/backup"}})
	}
	n := m.between(1, 4)
	for i := range n {
		name := fmt.Sprintf("step %d", i+1)
		step := m.step(source, folder)
		if i < n-1 && m.chance(10) {
			step["enough"] = table{"within": pick(m.dice, "30s", "2m")}
		}
		if _, asks := step["if"]; asks {
			p.asking = append(p.asking, prefix+name)
		}
		if len(p.scopes) > 0 && m.chance(40) {
			step["only"] = list{"flags"}
		}
		add("steps", name, step)
	}
	if len(p.scopes) > 0 {
		add("steps", "flag", table{"http": table{"method": "POST", "url": "https://flags.example.com/off"}, "only": list{"flags"}})
	}
	if m.chance(30) {
		add("finally", "finally", table{"exec": list{"/usr/local/bin/maintenance", "off"}})
	}
	if m.chance(25) {
		add("follow_up", "clean up", table{"exec": list{"/usr/local/bin/clean-up"}})
		add("follow_up", "flag back", table{"exec": list{"/usr/local/bin/flag", "on"}})
	}
	if m.chance(15) {
		t["monitor"] = table{"for": pick(m.dice, "5m", "20m"), "when": list{"error_rate < 0.5%"}}
	}
	if m.chance(20) {
		add("capture", "log", table{"exec": list{"journalctl", "-n", "10"}})
	}
	m.oneWay(t, add)
	if m.chance(12) {
		t["stop_deploy"] = table{"name": prefix + "stop", "exec": list{"/usr/local/bin/stop-deploy"}}
		p.steps = append(p.steps, prefix+"stop")
	}
	if m.chance(30) {
		t["sla"] = "12m"
		t["timeout"] = pick(m.dice, "1m", "5m", "12m", "30m")
		t["target"] = "10m"
	}
	return t, p
}

// oneWay gives a plan a point of no return, sometimes.
func (m *maker) oneWay(t table, add func(key, name string, of table)) {
	if !m.chance(20) {
		return
	}
	t["reversible"] = table{"exec": list{"/usr/local/bin/reversible"}}
	if m.chance(50) {
		add("forward", "forward", table{"http": table{"method": "POST", "url": "https://flags.example.com/forward"}})
	}
}

// step makes one step of the main part.
func (m *maker) step(source, folder string) table {
	step := m.work(source, folder)
	_, waits := step["wait"]
	_, asks := step["approval"]
	if waits || asks {
		return step
	}
	probe, needed := table{"exec": list{"/usr/local/bin/done"}}, table{"exec": list{"/usr/local/bin/needed"}}
	if _, asks := step["http"]; asks {
		probe = table{"http": table{"url": "https://deploy.example.com/done"}}
		needed = table{"http": table{"url": "https://deploy.example.com/needed"}}
	}
	switch m.IntN(6) {
	case 0:
		step["idempotent"], step["retries"] = true, int64(m.IntN(3))
	case 1:
		step["probe"], step["retries"] = probe, int64(m.IntN(3))
	case 2:
		step["idempotent"], step["probe"] = true, probe
	}
	if m.chance(10) {
		step["if"] = needed
	}
	if m.chance(15) {
		step["on_failure"] = pick(m.dice, "stop", "continue", "escalate")
	}
	if m.chance(20) {
		step["timeout"] = pick(m.dice, "10s", "30s", "2m")
	}
	if _, runs := step["exec"]; runs && m.chance(15) {
		step["each"] = list{"web1", "web2"}
		step["exec"] = append(step["exec"].(list), "${each}")
		if m.chance(50) {
			step["soak"] = pick(m.dice, "10s", "45s")
		}
	}
	return step
}

// work is what a step does.
func (m *maker) work(source, folder string) table {
	target := "${target_version}"
	if source == "unknown" {
		target = "back"
	}
	switch n := m.IntN(20); {
	case n < 2:
		return table{"wait": span(m.seconds(5*time.Second, time.Minute))}
	case n < 3:
		return table{"approval": "go on?"}
	case n < 9:
		return table{"http": table{"method": "POST", "url": "https://deploy.example.com/undo", "body": target}}
	case n < 12 && source == "symlink" && folder != "":
		return table{"symlink": table{"link": folder + "/current", "to": folder + "/releases/" + target}}
	case n < 15:
		return table{"exec": list{"/usr/local/bin/restart"}}
	}
	return table{"exec": list{"/usr/local/bin/undo", target}}
}
