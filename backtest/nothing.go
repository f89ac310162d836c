package backtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/trigger"
)

// NothingKnown is a trigger that was judged without one known sample in the whole
// period: that it did not fire says nothing.
type NothingKnown struct {
	Service string `json:"service"`
	Trigger string `json:"trigger"`
	Metric  string `json:"metric"`
	// Reason says what there was instead of a sample.
	Reason string `json:"reason"`
}

// Text says it in one sentence.
func (n NothingKnown) Text() string {
	return fmt.Sprintf("nothing was known of %s/%s: %s: %s", n.Service, n.Trigger, n.Metric, n.Reason)
}

// NothingKnown are the triggers of all results of which nothing was known, each
// once. A backtest that has any found nothing out about them.
func (r *Report) NothingKnown() []NothingKnown {
	var all []NothingKnown
	for _, one := range r.Results {
		for _, n := range one.NothingKnown {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}

const neverASeries = "it had no series in the whole period; a query that never gave a series is most likely wrong: rollbackd check --live"

// nothing says of the judged triggers of a service which had no known sample. One
// condition without any is enough: a trigger fires where all of them are met.
func (s *survey) nothing(of map[string]int, service *config.Service, firings []Firing) []NothingKnown {
	var all []NothingKnown
	for _, t := range service.Triggers {
		fired := slices.ContainsFunc(firings, func(f Firing) bool { return f.Trigger == t.Spec.Name })
		if fired || unjudgeable(t.Spec.Expr) != "" {
			continue
		}
		for _, c := range t.Spec.Expr.Conditions {
			if reason := s.nothingOf(of[c.Metric], service.Name, c.Kind); reason != "" {
				all = append(all, NothingKnown{Service: service.Name, Trigger: t.Spec.Name, Metric: c.Metric, Reason: reason})
				break
			}
		}
	}
	return all
}

// nothingOf says why nothing was known of one metric of a service; empty where
// something was. To a condition that asks for a series to be absent, none is an
// answer as long as anything had one.
func (s *survey) nothingOf(metric int, service string, kind trigger.Kind) string {
	i := slices.IndexFunc(s.tracks[metric], func(t *track) bool { return t.service == service })
	if i < 0 {
		return ""
	}
	t := s.tracks[metric][i]
	switch {
	case t.known > 0 || kind == trigger.Absent && t.missing > 0 && s.anything:
		return ""
	case t.unknown == 0:
		return neverASeries
	case t.missing == 0:
		return "it was unknown in the whole period: " + t.why
	}
	return fmt.Sprintf("it was unknown (%s) or had no series; %s", t.why, strings.TrimPrefix(neverASeries, "it had no series in the whole period; "))
}

// blindGap is the whole period as a gap of a service; nil unless nothing was known
// of any of its judged triggers.
func blindGap(nothing []NothingKnown, s ServiceResult, from, to time.Time) *Gap {
	for _, t := range s.Triggers {
		if !slices.ContainsFunc(nothing, func(n NothingKnown) bool { return n.Service == s.Service && n.Trigger == t.Name }) {
			return nil
		}
	}
	if len(s.Triggers) == 0 {
		return nil
	}
	return &Gap{Kind: GapMissing, Service: s.Service, From: from, To: to, Reason: "nothing was known of any trigger"}
}
