package journal

import (
	"context"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Summary is an incident in a few words, beside the entries: it can always be made
// again from them. The journal finds it by its first fields and does not read the
// document.
type Summary struct {
	Incident string
	Service  string
	// Opened and Closed are those of the incident; Closed is zero while it is open.
	Opened, Closed time.Time
	Document       []byte
	// Seq is the entry that changed it last. Append fills it in.
	Seq uint64
}

// upsert writes one summary. The caller is in a transaction.
func (j *Journal) upsert(ctx context.Context, s Summary) error {
	const query = `
		INSERT INTO summaries (incident, service, opened, closed, seq, summary) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (incident) DO UPDATE SET service = ?2, opened = ?3, closed = ?4, seq = ?5, summary = ?6`
	var closed int64
	if !s.Closed.IsZero() {
		closed = s.Closed.UnixNano()
	}
	_, err := j.write.ExecContext(context.WithoutCancel(ctx), query, s.Incident, s.Service, s.Opened.UnixNano(), closed, s.Seq, s.Document)
	return err
}

// insertWith writes an entry, its messages, and the summary that it changes, if
// any. A table of summaries that is damaged holds up no entry: it is made anew at
// the next start. The caller is in a transaction.
func (j *Journal) insertWith(ctx context.Context, r row, s *Summary, out []Outgoing) error {
	if err := j.insert(ctx, r, out); err != nil || s == nil {
		return err
	}
	changed := *s
	changed.Seq = r.seq
	err := j.upsert(ctx, changed)
	switch codeOf(err) & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT:
		j.log.Error("an incident's summary could not be written: lists and statistics are behind until the next start", "incident", s.Incident, "err", err)
		return nil
	}
	return err
}

// fillAtOnce is how many summaries one transaction takes: an entry that comes
// meanwhile waits for no more than that.
const fillAtOnce = 500

// FillSummaries writes summaries that are missing or wrong, and leaves all others.
func (j *Journal) FillSummaries(ctx context.Context, summaries []Summary) error {
	for len(summaries) > 0 {
		n := min(fillAtOnce, len(summaries))
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := j.fillSome(ctx, summaries[:n]); err != nil {
			return err
		}
		summaries = summaries[n:]
	}
	return nil
}

func (j *Journal) fillSome(ctx context.Context, summaries []Summary) error {
	j.clerk.Lock()
	defer j.clerk.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.store(ctx, func() error {
		for _, s := range summaries {
			if err := j.upsert(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// SummaryQuery selects summaries. Its zero value selects all.
type SummaryQuery struct {
	// Service selects one service; empty means all.
	Service string
	// State is "open", "closed" or empty for both.
	State string
	// Since selects those opened at or after it; zero means ever.
	Since time.Time
	// Before is the ID of an incident: those before it in the order of Summaries are
	// skipped, and so is it. One that is not there gives none. Empty skips none.
	Before string
	// Limit is how many at most; zero means all.
	Limit int
}

// Summaries returns the documents of summaries, those opened last first.
func (j *Journal) Summaries(ctx context.Context, q SummaryQuery) ([][]byte, error) {
	query, arguments := "SELECT summary FROM summaries WHERE true", []any{}
	and := func(condition string, values ...any) {
		query, arguments = query+" AND "+condition, append(arguments, values...)
	}
	if q.Service != "" {
		and("service = ?", q.Service)
	}
	if !q.Since.IsZero() {
		and("opened >= ?", q.Since.UnixNano())
	}
	switch q.State {
	case "":
	case "open":
		and("closed = 0")
	case "closed":
		and("closed <> 0")
	default:
		return nil, fmt.Errorf("unknown state %q of incidents (want open or closed)", q.State)
	}
	if q.Before != "" {
		and("(opened, incident) < (SELECT opened, incident FROM summaries WHERE incident = ?)", q.Before)
	}
	query += " ORDER BY opened DESC, incident DESC"
	if q.Limit > 0 {
		query, arguments = query+" LIMIT ?", append(arguments, q.Limit)
	}
	rows, err := j.read.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	var documents [][]byte
	for rows.Next() {
		var document []byte
		if err := rows.Scan(&document); err != nil {
			return nil, j.unreadable(err, 0)
		}
		documents = append(documents, document)
	}
	return documents, j.explain(rows.Err(), 0)
}

// ChangedSummaries gives fn every summary that an entry after the given number has
// changed, in the order of those entries. With 0 that is all of them.
func (j *Journal) ChangedSummaries(ctx context.Context, after uint64, fn func(s Summary) error) error {
	const query = "SELECT incident, service, opened, closed, seq, summary FROM summaries WHERE seq > ? ORDER BY seq"
	rows, err := j.read.QueryContext(ctx, query, after)
	if err != nil {
		return j.explain(err, 0)
	}
	defer discard(rows)
	for rows.Next() {
		var s Summary
		var opened, closed int64
		if err := rows.Scan(&s.Incident, &s.Service, &opened, &closed, &s.Seq, &s.Document); err != nil {
			return j.unreadable(err, 0)
		}
		s.Opened = time.Unix(0, opened).UTC()
		if closed != 0 {
			s.Closed = time.Unix(0, closed).UTC()
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return j.explain(rows.Err(), 0)
}
