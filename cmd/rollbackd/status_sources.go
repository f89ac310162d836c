package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sourceState is what the daemon sees of a source.
type sourceState struct {
	Source string `json:"source"`
	Up     bool   `json:"up"`
	// Reason is why no trigger that needs the source is known, where one reason
	// fits all of them.
	Reason string `json:"reason,omitempty"`
}

// String is the state in a few words.
func (s sourceState) String() string {
	switch {
	case s.Up && s.Reason != "":
		return "answers, but no trigger that needs it has a value (" + s.Reason + ")"
	case s.Up:
		return "answers"
	case s.Reason != "":
		return "no usable answer (" + s.Reason + ")"
	}
	return "no usable answer"
}

// lookAtSources reads from the daemon's own metrics how its sources are, and
// whether its configuration is the file's. Without an answer the rest of the
// overview is good all the same.
func (o *overview) lookAtSources(ctx context.Context, c *client, services []serviceView) {
	seen, err := c.metrics(ctx, "rollbackd_source_up", "rollbackd_config_last_reload_successful")
	if err != nil {
		o.SourcesUnknown = err.Error()
		return
	}
	for _, s := range seen {
		switch s.Metric[model.MetricNameLabel] {
		case "rollbackd_source_up":
			name := string(s.Metric["source"])
			o.Sources = append(o.Sources, sourceState{Source: name, Up: s.Value == 1, Reason: commonReason(services, name == "nats")})
		case "rollbackd_config_last_reload_successful":
			o.ReloadFailed = s.Value != 1
		}
	}
}

// commonReason is why the triggers on health, or those on metrics, are unknown,
// if all of them are and for the same reason.
func commonReason(services []serviceView, health bool) string {
	reason := ""
	for _, s := range services {
		for _, t := range s.Triggers {
			if strings.Contains(t.When, "health fail") != health || len(awaited(t.When)) > 0 {
				continue // what waits for a signal is known without any source
			}
			if t.Truth != "unknown" || t.Reason == "" || (reason != "" && t.Reason != reason) {
				return ""
			}
			reason = t.Reason
		}
	}
	return reason
}

// metrics reads some of the daemon's own metrics, in the order of the names.
func (c *client) metrics(ctx context.Context, names ...string) (model.Vector, error) {
	status, text, err := c.exchange(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("/metrics answers with status %d", status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/metrics cannot be read: %w", err)
	}
	var found model.Vector
	for _, name := range names {
		family, is := families[name]
		if !is {
			continue
		}
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, family)
		if err != nil {
			return nil, fmt.Errorf("/metrics cannot be read: %w", err)
		}
		found = append(found, samples...)
	}
	return found, nil
}
