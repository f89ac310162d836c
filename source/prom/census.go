package prom

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// maxUnits is what infinitely many instances are counted as.
const maxUnits = math.MaxInt32

// CensusError is why a query shows no versions.
type CensusError struct{ query, reason, why string }

func (e *CensusError) Error() string {
	return fmt.Sprintf("version_query %s: %s: %s", e.query, e.reason, e.why)
}

// Answered tells whether the query was answered, by what holds no versions.
func (e *CensusError) Answered() bool {
	return e.reason == reasonNoLabel || e.reason == reasonWrongType
}

// Census asks how many instances run which version: the values that the query
// gives for each value of the label at that instant, those of several series of
// one version added up, a part of an instance counted as one. The version of most
// instances is first; where two are level, the one that sorts first. Series that
// count nothing or have no such label are not in it. The error's text holds one
// of the reasons of this package.
func (s *Source) Census(ctx context.Context, at time.Time, query, label string) ([]incident.VersionCount, error) {
	if !s.enter(ctx, lanePoll) {
		return nil, fmt.Errorf("version_query %s: %w", query, ctx.Err())
	}
	defer s.leave(lanePoll)
	answer := s.ask(ctx, question{query: query, by: label, anyValue: true}, instant(at))[0]
	if answer.reason != "" {
		return nil, &CensusError{query: query, reason: answer.reason, why: answer.why}
	}
	return censusOf(answer), nil
}

// censusOf counts what a vector says.
func censusOf(v vector) []incident.VersionCount {
	counts := map[string]float64{}
	for _, series := range v.series {
		// A NaN or a negative number counts no instances.
		if series.key != "" && series.value > 0 {
			counts[series.key] += series.value
		}
	}
	var census []incident.VersionCount
	for version, count := range counts {
		units := int(math.Ceil(math.Min(count, maxUnits)))
		census = append(census, incident.VersionCount{Version: version, Units: units})
	}
	slices.SortFunc(census, func(a, b incident.VersionCount) int {
		return cmp.Or(b.Units-a.Units, strings.Compare(a.Version, b.Version))
	})
	return census
}
