package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// replay gives the brain its memory back, and returns the time of the last
// entry; it is zero where there is none. The summaries are compared with it on the
// way, unless they are nil, and seen is shown each entry.
func replay(ctx context.Context, j *journal.Journal, b *incident.Brain, summaries *catchUp, seen ...func(incident.Entry)) (last time.Time, err error) {
	var newest uint64
	err = j.Replay(ctx, func(seq uint64, raw []byte) error {
		e, err := decode(raw)
		if err != nil {
			return fmt.Errorf("journal entry %d: %w", seq, err)
		}
		b.Apply(e)
		summaries.after(ctx, seq, e)
		for _, see := range seen {
			see(e)
		}
		last, newest = e.At, seq
		return nil
	})
	if err == nil {
		summaries.finish(ctx, newest)
	}
	return last, err
}

func decode(raw []byte) (e incident.Entry, err error) {
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("cannot be read (was it written by a newer version?): %w", err)
	}
	return e, nil
}

// history answers the API's questions about what is no longer in memory.
type history struct {
	journal *journal.Journal
	*statistics
}

func newHistory(j *journal.Journal, c clock.Clock) history {
	return history{journal: j, statistics: &statistics{journal: j, clock: c}}
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
