package journal

import (
	"context"
	"time"
)

// Backlog is what waits in the outbox for one receiver.
type Backlog struct {
	Receiver string
	Messages int
	// Since is when the oldest of them was made.
	Since time.Time
	// Failed is whether an attempt at any of them has failed; LastError is why the
	// newest of those that failed did.
	Failed    bool
	LastError string
}

// Backlogs are the messages that wait, by receiver, in the order of their names.
func (j *Journal) Backlogs(ctx context.Context) ([]Backlog, error) {
	const query = `SELECT receiver, count(*), min(at), max(attempts) > 0,
		coalesce((SELECT last_error FROM outbox f WHERE f.state = 'waiting' AND f.receiver = o.receiver AND f.attempts > 0 ORDER BY n DESC LIMIT 1), '')
		FROM outbox o WHERE state = 'waiting' GROUP BY receiver ORDER BY receiver`
	rows, err := j.read.QueryContext(ctx, query)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	var all []Backlog
	for rows.Next() {
		var b Backlog
		var since int64
		if err := rows.Scan(&b.Receiver, &b.Messages, &since, &b.Failed, &b.LastError); err != nil {
			return nil, j.unreadable(err, 0)
		}
		b.Since = time.Unix(0, since).UTC()
		all = append(all, b)
	}
	return all, j.explain(rows.Err(), 0)
}
