package crash_test

import (
	"fmt"
	"strings"
)

// plan is one way of rolling back, and how the world is when it is carried out.
type plan struct {
	name string
	text string
	// world are files that say how the world is.
	world []string
}

// step is a step of a section that runs step.sh; more is further keys of it.
func step(section, name, mode, more string) string {
	return fmt.Sprintf("\n[[services.shop.rollback.%s]]\nname = %q\nexec = [\"/bin/sh\", \"DIR/step.sh\", \"DIR\", %q, %q]\n%s\n",
		section, name, name, mode, more)
}

// probe is the key of a step that can be probed.
func probe(name string) string {
	return fmt.Sprintf("probe = { exec = [\"/bin/sh\", \"DIR/probe.sh\", \"DIR\", %q] }", name)
}

// units is a step for each of two units.
func units(name, mode, more string) string {
	s := step("steps", name+" ${each}", mode, "each = [\"a\", \"b\"]\n"+more)
	return strings.Replace(s, fmt.Sprintf("name = %q", name+" ${each}"), fmt.Sprintf("name = %q", name), 1)
}

// reversible asks reversible.sh before each changing step.
func reversible(mode string) string {
	return fmt.Sprintf("\n[services.shop.rollback.reversible]\nexec = [\"/bin/sh\", \"DIR/reversible.sh\", \"DIR\", %q]\n", mode)
}

const (
	query = `
[[services.shop.rollback.steps]]
name  = "still bad"
query = { expr = "bad", hold = "30ms" }
`
	approval = `
[[services.shop.rollback.steps]]
name     = "go on"
approval = "may it go on?"
`
	change = `
[[services.shop.rollback.steps]]
name    = "switch"
symlink = { link = "DIR/current", to = "DIR/releases/${target_version}" }
`
	pause = `
[[services.shop.rollback.steps]]
wait = "50ms"
`
	again = "idempotent = true\nretries = 2"
)

// plans are the ways of rolling back that are killed at each of their writes.
func plans() []plan {
	off := step("finally", "maintenance off", "ok", "")
	forward := step("forward", "flags off", "off", "")
	one, two := step("steps", "one", "ok", ""), step("steps", "two", "ok", "")
	return []plan{
		{name: "the switch alone", text: change},
		{name: "a step before the switch", text: one + change},
		{name: "a step after the switch", text: change + two},
		{name: "steps around it and finally", text: one + change + two + off},
		{name: "a check", text: step("checks", "check", "ok", "") + one + change + off},
		{name: "a check that fails", text: step("checks", "check", "fail", "") + one + change + off},
		{name: "an idempotent step that fails once", text: step("steps", "one", "once", again) + change + off},
		{name: "an idempotent step that always fails", text: step("steps", "one", "fail", "idempotent = true\nretries = 1") + change + off},
		{name: "a probe", text: step("steps", "one", "ok", probe("one")) + change + off},
		{name: "a probe with retries", text: step("steps", "one", "once", probe("one")+"\nretries = 2") + change + off},
		{name: "two slow steps with probes", text: step("steps", "one", "slow", probe("one")) + change + step("steps", "two", "slow", probe("two"))},
		{name: "a slow step that cannot be probed", text: step("steps", "one", "slow", "") + change + off},
		{name: "a step that fails in the middle", text: one + step("steps", "two", "fail", "") + change + off},
		{name: "a failure that is no reason to stop", text: step("steps", "one", "fail", `on_failure = "continue"`) + change + off},
		{name: "a failure that escalates", text: one + step("steps", "two", "fail", `on_failure = "escalate"`) + change + off},
		{name: "try again", text: step("steps", "one", "later", "") + change + off},
		{name: "a wait", text: one + pause + change + pause},
		{name: "a timeout", text: step("steps", "one", "hang", `timeout = "200ms"`) + change + off},
		{name: "a timeout that can be probed", text: step("steps", "one", "hang", probe("one")+"\ntimeout = \"200ms\"") + change + off},
		{name: "finally fails", text: one + change + step("finally", "maintenance off", "fail", "") + step("finally", "writes on", "ok", "")},
		{name: "an idempotent finally", text: one + change + step("finally", "maintenance off", "once", again)},
		{name: "units", text: units("one", "ok", `soak = "30ms"`) + change + off},
		{name: "units with probes", text: units("one", "slow", probe("one ${each}")) + change + off},
		{name: "a unit fails", text: units("one", "once", "") + change + off},
		{name: "not needed", text: step("steps", "one", "ok", `if = { exec = ["/bin/sh", "-c", "exit 1"] }`) + change + off},
		{name: "needed", text: step("steps", "one", "slow", `if = { exec = ["/bin/sh", "-c", "exit 0"] }`) + change + off},
		{name: "enough", text: step("steps", "one", "off", `enough = { within = "2s" }`) + change + off},
		{name: "not enough", text: step("steps", "one", "ok", `enough = { within = "60ms" }`) + change + off},
		{name: "captures", text: step("capture", "logs", "ok", "") + one + change + off},
		{name: "reversible", text: reversible("always") + one + change + off + forward},
		{name: "irreversible", text: reversible("never") + one + change + off + forward},
		{name: "irreversible after the first step", text: reversible("before") + one + change + off + forward},
		{name: "reversible units", text: reversible("always") + units("one", "ok", "") + change + off + forward},
		{name: "a query", text: one + query + change + off},
		{name: "an approval", text: one + approval + change + off},
		{name: "the target is no better", text: one + change + off, world: []string{bothBadFile}},
		{name: "a person asks", text: one + change + off, world: []string{askFile, quietFile}},
		{name: "a person asks and a step fails", text: one + step("steps", "two", "fail", "") + change + off, world: []string{askFile, quietFile}},
	}
}
