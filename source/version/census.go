package version

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Bounds of a census: it is kept in the journal, and what it names comes from
// labels that anybody may have set.
const (
	maxCensus = 50
	// noVersion stands for all that cannot be named. It is no version itself, so
	// that no target is ever taken for it.
	noVersion = "?"
)

var (
	errNoneRuns = errors.New("no version has the most instances")
	errNothing  = errors.New("it returns nothing: no series, or none that counts an instance")
)

// running is the version of which the most units run. Where two are level, the
// one that ran before goes on running: half a rollout is no change yet, and the
// census says what it is.
func running(census []incident.VersionCount, before string) (string, error) {
	if len(census) == 0 {
		return "", errNothing
	}
	level := 0
	for _, c := range census {
		if c.Units < census[0].Units {
			break
		}
		if level++; c.Version == before {
			return before, nil
		}
	}
	if level > 1 {
		return "", errNoneRuns
	}
	return census[0].Version, nil
}

// census asks one query and sees which version runs.
func (w *Watcher) census(ctx context.Context, tick time.Time, q Query) (sight, error) {
	census, err := w.opt.Asker.Census(ctx, tick, q.Query, label(q))
	if err != nil {
		return sight{}, err
	}
	v, err := running(census, w.toldVersion(q.Service))
	if err != nil {
		return sight{}, fmt.Errorf("version_query %s: %w", q.Query, err)
	}
	return sight{version: v, census: census}, nil
}

// toldVersion is the version last told of a service; empty before the first.
func (w *Watcher) toldVersion(service string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[service].version
}

// bounded puts what is no version, and what is beyond the bound, under one name.
// Units are never lost by it: a straggler that cannot be named is still one.
func bounded(census []incident.VersionCount) []incident.VersionCount {
	var kept []incident.VersionCount
	rest := 0
	for _, c := range census {
		if !source.IsVersion(c.Version) || len(kept) == maxCensus {
			rest += c.Units
			continue
		}
		kept = append(kept, c)
	}
	if rest > 0 {
		kept = append(kept, incident.VersionCount{Version: noVersion, Units: rest})
	}
	return kept
}
