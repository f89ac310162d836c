package prom

import (
	"context"
	"fmt"
	"time"
)

// Running asks which version runs: the value of the label of which the query
// counts the most instances at that instant, values of several series of one
// version added up. It is empty when there is none, or when two are level and
// neither can be said to run. The error's text ends in one of the reasons of
// this package.
func (s *Source) Running(ctx context.Context, at time.Time, query, label string) (string, error) {
	if !s.enter(ctx, lanePoll) {
		return "", fmt.Errorf("version_query %s: %w", query, ctx.Err())
	}
	defer s.leave(lanePoll)
	answer := s.ask(ctx, question{query: query, by: label, anyValue: true}, instant(at))[0]
	if answer.reason != "" {
		return "", fmt.Errorf("version_query %s: %s", query, answer.reason)
	}
	counts := map[string]float64{}
	for _, series := range answer.series {
		// A NaN or a negative number counts no instances.
		if series.key != "" && series.value > 0 {
			counts[series.key] += series.value
		}
	}
	running, most, level := "", 0.0, false
	for version, count := range counts {
		switch {
		case count > most:
			running, most, level = version, count, false
		case count == most:
			level = true
		}
	}
	if level {
		return "", nil
	}
	return running, nil
}
