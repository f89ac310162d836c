package journal

import (
	"context"
	"fmt"
	"time"
)

// Kinds of entries that the journal itself looks for. They are the brain's
// words; the journal only indexes them.
const (
	kindOpened   = "opened"
	kindClosed   = "closed"
	kindReopened = "reopened"
)

// Replay gives fn every entry in the order in which they were written, checking
// the chain as it goes. It stops at fn's first error, and with a *CorruptError
// at the first entry that cannot be trusted; entries before it were given.
func (j *Journal) Replay(ctx context.Context, fn func(seq uint64, entry []byte) error) error {
	head, err := j.storedHead(ctx)
	if err != nil {
		return err
	}
	last, err := j.walk(ctx, row{}, func(r row) error { return fn(r.seq, r.whole()) })
	if err != nil {
		return err
	}
	return j.matches(head, last)
}

// Verify checks the whole file: SQLite's own structure and every entry's hash.
func (j *Journal) Verify(ctx context.Context) error {
	// The chain first: it can name the entry.
	if err := j.Replay(ctx, func(uint64, []byte) error { return nil }); err != nil {
		return err
	}
	return j.structure(ctx)
}

// structure checks what SQLite itself knows of the file.
func (j *Journal) structure(ctx context.Context) error {
	var result string
	if err := j.read.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return j.unreadable(err, 0)
	}
	if result != "ok" {
		return &CorruptError{Path: j.path, Problem: result}
	}
	return nil
}

// Entries returns one incident's entries in order; none where there is no such
// incident. Each is checked against its hash.
func (j *Journal) Entries(ctx context.Context, incident string) ([][]byte, error) {
	rows, err := j.read.QueryContext(ctx, j.selecting("WHERE incident = ? AND incident <> '' ORDER BY seq"), incident)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	var entries [][]byte
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return nil, j.unreadable(err, r.seq)
		}
		if problem := r.altered(); problem != "" {
			return nil, &CorruptError{Path: j.path, Seq: r.seq, Problem: problem}
		}
		entries = append(entries, r.whole())
	}
	return entries, j.explain(rows.Err(), 0)
}

// Query selects incidents. Its zero value selects the newest hundred.
type Query struct {
	// Service selects one service; empty means all.
	Service string
	// State is "open", "closed" or empty for both.
	State string
	// Since selects those opened at or after it; zero means ever.
	Since time.Time
	// Limit is how many at most; zero means 100.
	Limit int
}

// Incidents returns the ids of incidents, the newest first.
func (j *Journal) Incidents(ctx context.Context, q Query) ([]string, error) {
	where, arguments := "kind = ?", []any{kindOpened}
	if q.Service != "" {
		where, arguments = where+" AND service = ?", append(arguments, q.Service)
	}
	if !q.Since.IsZero() {
		where, arguments = where+" AND at >= ?", append(arguments, q.Since.UnixNano())
	}
	switch q.State {
	case "":
	case "open":
		where += " AND NOT " + ended("entries")
	case "closed":
		where += " AND " + ended("entries")
	default:
		return nil, fmt.Errorf("unknown state %q of incidents (want open or closed)", q.State)
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	return j.texts(ctx, "SELECT incident FROM entries WHERE "+where+" ORDER BY seq DESC LIMIT ?", append(arguments, q.Limit))
}

// ended is the condition that the incident of a table's row is closed, and was not
// opened again since.
func ended(table string) string {
	return "EXISTS (SELECT 1 FROM entries c WHERE c.incident = " + table + ".incident AND c.incident <> '' AND c.kind = '" + kindClosed + "'" +
		" AND NOT EXISTS (SELECT 1 FROM entries r WHERE r.incident = c.incident AND r.incident <> '' AND r.kind = '" + kindReopened + "' AND r.seq > c.seq))"
}

func (j *Journal) texts(ctx context.Context, query string, arguments []any) ([]string, error) {
	rows, err := j.read.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, j.unreadable(err, 0)
		}
		texts = append(texts, text)
	}
	return texts, j.explain(rows.Err(), 0)
}
