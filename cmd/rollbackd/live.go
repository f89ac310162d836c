package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/daemon"
	"github.com/rollbackd/rollbackd/trigger"
)

// checkLive asks the sources that a configuration names, and prints what they
// answer. It returns false when one of them does not, or when a trigger's
// present value or the running version is not known.
func (a *app) checkLive(ctx context.Context, c *config.Config, service string) (answered bool, err error) {
	found, err := daemon.AskSources(ctx, c, a.clock)
	if err != nil {
		return false, err
	}
	answered = !slices.ContainsFunc(found.Sources, func(s daemon.SourceAnswer) bool { return s.Err != nil })
	p := a.page()
	p.line("")
	var sources [][]string
	for _, s := range found.Sources {
		state := "answers"
		if s.Err != nil {
			state = s.Err.Error()
		}
		sources = append(sources, []string{s.Name, s.Address, state})
	}
	p.table("", sources)
	known := p.versions(found.Versions, service)
	answered = answered && known
	rows := [][]string{{"SERVICE", "TRIGGER", "NOW", "VALUE", "WHEN"}}
	for _, t := range found.Triggers {
		if service != "" && t.Service != service {
			continue
		}
		answered = answered && !unanswered(c, t)
		value := measured{t.ValueText, t.Value, t.HasValue, t.Reason, t.Truth != trigger.NotKnown.String()}.String()
		rows = append(rows, []string{t.Service, t.Trigger, t.Truth, value, t.When})
	}
	p.line("")
	p.table("", rows)
	out := a.stdout
	if service != "" {
		out = a.stderr // stdout is the configuration, which is read by programs
	}
	_, err = out.Write(p.Bytes())
	return answered, err
}

// versions prints which version of each service runs and who says so. It returns
// false where a source does not show it: nothing would be rolled back by itself.
func (p *page) versions(all []daemon.VersionAnswer, service string) (known bool) {
	known = true
	rows := [][]string{{"SERVICE", "RUNNING", "SOURCE"}}
	for _, v := range all {
		if service != "" && v.Service != service {
			continue
		}
		from := cmp.Or(v.Source, "none: deployments are told, over NATS or with `rollbackd deployed`")
		running := v.Version
		if v.Err != nil {
			known, running, from = false, "unknown", v.Err.Error()
		}
		rows = append(rows, []string{v.Service, running, from})
	}
	p.line("")
	p.table("", rows)
	return known
}

// lacking warns of files and folders that the configuration names and that are not
// here. The daemon may run elsewhere, so it is no error.
func (a *app) lacking(w io.Writer, c *config.Config) (code int) {
	for _, lack := range daemon.Missing(c, a.clock) {
		_, _ = fmt.Fprintf(w, "%s: warning: %s: %s\n", c.Path, lack.Key, plain(lack.Problem)) // as in say
		code = exitWarnings
	}
	return code
}

// unanswered tells whether a trigger should have a value at any time and has
// none. Health is told and cannot be asked for; a condition that waits for a
// series to go away is in order where there is none.
func unanswered(c *config.Config, t daemon.TriggerAnswer) bool {
	if t.Truth != trigger.NotKnown.String() {
		return false
	}
	for _, known := range c.Services[t.Service].Triggers {
		if known.Spec.Name != t.Trigger {
			continue
		}
		return !slices.ContainsFunc(known.Spec.Expr.Conditions, func(c trigger.Condition) bool { return c.Kind != trigger.Compare })
	}
	return false
}
