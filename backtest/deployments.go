package backtest

import (
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// LoadDeployments reads a file of [[deployment]] tables: service, version, at, and
// perhaps previous, change, by and no_auto_rollback. The error names every mistake,
// one a line, as file:line: key: problem.
func LoadDeployments(path string, services []string) ([]incident.Deployed, error) {
	var all []incident.Deployed
	err := readFile(path, "deployment", services, func(e *entry) { all = append(all, e.deployment()) })
	return all, err
}

// ParseDeployments is LoadDeployments of a text; the path is for messages.
func ParseDeployments(path, text string, services []string) ([]incident.Deployed, error) {
	var all []incident.Deployed
	err := parseFile(path, "deployment", text, services, func(e *entry) { all = append(all, e.deployment()) })
	return all, err
}

func (e *entry) deployment() incident.Deployed {
	d := incident.Deployed{
		Service: e.service(), Version: e.required("version"), Previous: e.text("previous"), At: e.time("at"),
		Change: e.text("change"), By: e.text("by"), NoAutoRollback: e.flag("no_auto_rollback", false),
	}
	d.StartedAt = d.At
	e.version("version", d.Version)
	e.version("previous", d.Previous)
	if d.Previous != "" && d.Previous == d.Version {
		e.problem("previous", "is the version itself: want the one that ran before, or leave it out")
	}
	e.once(fmt.Sprintf("%s %s %d", d.Service, d.Version, d.At.UnixNano()))
	return d
}

func (e *entry) version(key, v string) {
	if v != "" && !source.IsVersion(v) {
		e.problem(key, "%.40q is no version that can be used: want %s", v, source.VersionWanted)
	}
}
