package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/web"
)

// replay gives the brain its memory back, and returns the time of the last
// entry; it is zero where there is none.
func replay(ctx context.Context, j *journal.Journal, b *incident.Brain) (last time.Time, err error) {
	err = j.Replay(ctx, func(seq uint64, raw []byte) error {
		e, err := decode(raw)
		if err != nil {
			return fmt.Errorf("journal entry %d: %w", seq, err)
		}
		b.Apply(e)
		last = e.At
		return nil
	})
	return last, err
}

func decode(raw []byte) (e incident.Entry, err error) {
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("cannot be read (was it written by a newer version?): %w", err)
	}
	return e, nil
}

// history answers the API's questions about what is no longer in memory.
type history struct{ journal *journal.Journal }

// Incidents folds closed incidents from the journal, newest first.
func (h history) Incidents(ctx context.Context, f web.Filter) ([]*incident.Incident, error) {
	ids, err := h.journal.Incidents(ctx, journal.Query{Service: f.Service, State: "closed", Since: f.Since, Limit: f.Limit})
	if err != nil {
		return nil, err
	}
	var found []*incident.Incident
	for _, id := range ids {
		i, ok, err := h.Incident(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, i)
		}
	}
	return found, nil
}

// Incident folds one incident from its entries.
func (h history) Incident(ctx context.Context, id string) (*incident.Incident, bool, error) {
	raw, err := h.journal.Entries(ctx, id)
	if err != nil || len(raw) == 0 {
		return nil, false, err
	}
	entries := make([]incident.Entry, 0, len(raw))
	for _, r := range raw {
		e, err := decode(r)
		if err != nil {
			return nil, false, fmt.Errorf("incident %s: %w", id, err)
		}
		entries = append(entries, e)
	}
	i := incident.Fold(entries)
	return i, i != nil, nil
}
