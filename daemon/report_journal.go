package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// Recorded is an incident as a journal has it, in the form that everybody outside
// sees, whether a daemon runs or not. A service may be named instead of an ID: its
// open incident, or else its newest closed one. It fails where the journal cannot
// be read or knows neither.
func Recorded(ctx context.Context, path, idOrService string) (inc *incident.Incident, err error) {
	j, err := journal.OpenReadOnly(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	h := history{journal: j}
	inc, found, err := h.Incident(ctx, idOrService)
	if err != nil {
		return nil, err
	}
	if !found {
		inc, found, err = h.newestOf(ctx, idOrService)
	}
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, fmt.Errorf("%s has no incident %s, and no incident of a service of that name", path, idOrService)
	}
	return inc.Public(), nil
}

// newestOf is a service's open incident, or else its newest one.
func (h history) newestOf(ctx context.Context, service string) (*incident.Incident, bool, error) {
	for _, state := range []string{"open", ""} {
		ids, err := h.journal.Incidents(ctx, journal.Query{Service: service, State: state, Limit: 1})
		if err != nil {
			return nil, false, err
		}
		for _, id := range ids {
			return h.Incident(ctx, id)
		}
	}
	return nil, false, nil
}
