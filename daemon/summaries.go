package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/web"
)

// catchUp compares the table of summaries with the replay, and writes what is
// missing or wrong: a journal of an older version has none of them.
type catchUp struct {
	journal *journal.Journal
	brain   *incident.Brain
	log     hclog.Logger
	// lasts is when entries may have lost their details: a summary of an incident
	// closed before it is better than one made anew.
	lasts time.Time
	seed  maphash.Seed
	// known are the hashes of the summaries that the table has, by incident.
	known map[string]uint64
	// pending are those to write, by incident. An incident that was opened again
	// is summed up at each close, and only the last one is to be in the table.
	pending map[string]journal.Summary
	written int
}

// newCatchUp reads what the table has. An error leaves the table as it is: it is
// no reason not to start.
func newCatchUp(ctx context.Context, j *journal.Journal, b *incident.Brain, lasts time.Time, log hclog.Logger) *catchUp {
	c := &catchUp{journal: j, brain: b, log: log, lasts: lasts, seed: maphash.MakeSeed(), known: map[string]uint64{}, pending: map[string]journal.Summary{}}
	err := j.ChangedSummaries(ctx, 0, func(s journal.Summary) error {
		c.known[s.Incident] = maphash.Bytes(c.seed, s.Document)
		return nil
	})
	if err != nil {
		log.Error("the summaries of incidents cannot be read: lists of past incidents may lack some", "err", err)
		return nil
	}
	return c
}

// after takes in an entry that was just applied. An incident is summed up when it
// is closed, because memory lets go of it then.
func (c *catchUp) after(ctx context.Context, seq uint64, e incident.Entry) {
	if c == nil || e.Incident == "" {
		return
	}
	if s, ok := c.brain.ClosedSummary(e.Service, e.Incident); ok {
		c.compare(ctx, seq, s)
	}
}

// finish sums up what is in memory, and logs what was done.
func (c *catchUp) finish(ctx context.Context, seq uint64) {
	if c == nil {
		return
	}
	for _, i := range c.brain.Incidents() {
		c.compare(ctx, seq, i.Summary())
	}
	c.flush(ctx)
	if c.written > 0 {
		c.log.Info("summaries of incidents were made anew from the journal's entries", "written", c.written)
	}
}

func (c *catchUp) compare(ctx context.Context, seq uint64, s incident.Summary) {
	row, err := responder.SummaryRow(s)
	if err != nil {
		c.log.Error("an incident cannot be summed up", "incident", s.ID, "err", err)
		return
	}
	hash := maphash.Bytes(c.seed, row.Document)
	before, known := c.known[s.ID]
	if known && (before == hash || s.State == incident.Closed && s.ClosedAt.Before(c.lasts)) {
		delete(c.pending, s.ID)
		return
	}
	row.Seq = seq
	if c.pending[s.ID] = row; len(c.pending) >= 500 {
		c.flush(ctx)
	}
}

func (c *catchUp) flush(ctx context.Context) {
	rows := slices.SortedFunc(maps.Values(c.pending), func(a, b journal.Summary) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Incident, b.Incident))
	})
	if err := c.journal.FillSummaries(ctx, rows); err != nil {
		c.log.Error("summaries of incidents cannot be written: lists of past incidents may lack some", "err", err)
	} else {
		c.written += len(rows)
	}
	for _, row := range rows {
		c.known[row.Incident] = maphash.Bytes(c.seed, row.Document)
	}
	clear(c.pending)
}

// statistics counts incidents from their summaries, of which it reads only those
// that have changed since it last looked.
type statistics struct {
	journal *journal.Journal
	clock   clock.Clock

	mu      sync.Mutex // held while it catches up
	seq     uint64
	tallies web.Tallies
}

// Summaries implements web.Statistics.
func (s *statistics) Summaries(ctx context.Context, f web.SummaryFilter) ([]incident.Summary, error) {
	documents, err := s.journal.Summaries(ctx, journal.SummaryQuery{
		Service: f.Service, State: f.State, Since: f.Since, Before: f.Before, Limit: f.Limit,
	})
	if err != nil {
		return nil, err
	}
	found := make([]incident.Summary, 0, len(documents))
	for _, document := range documents {
		summary, err := summaryOf(document)
		if err != nil {
			return nil, err
		}
		found = append(found, summary)
	}
	return found, nil
}

// Stats implements web.Statistics.
func (s *statistics) Stats(ctx context.Context, f web.StatsFilter) (web.Stats, error) {
	if err := s.catchUp(ctx); err != nil {
		return web.Stats{}, err
	}
	stats := s.tallies.Stats(f)
	stats.Until = s.clock.Now().UTC()
	return stats, nil
}

// catchUp takes in the summaries that have changed.
func (s *statistics) catchUp(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.ChangedSummaries(ctx, s.seq, func(row journal.Summary) error {
		summary, err := summaryOf(row.Document)
		if err != nil {
			return err
		}
		s.tallies.Put(summary)
		s.seq = row.Seq
		return nil
	})
}

func summaryOf(document []byte) (s incident.Summary, err error) {
	if err := json.Unmarshal(document, &s); err != nil {
		return s, fmt.Errorf("the summary of an incident cannot be read (start rollbackd again to have it made anew): %w", err)
	}
	return s, nil
}
