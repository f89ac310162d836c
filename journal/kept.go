package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// keptFor is how long what a receiver keeps of an incident outlives the
	// incident's newest message.
	keptFor = 30 * 24 * time.Hour
	// sweep is how many of the oldest rows are looked at when one is added: more
	// than one, so that the table shrinks again, and few, as entries wait.
	sweep = 8
)

// Keep remembers, over restarts, what a receiver wants to know of an incident at
// its next message: where it has put it. A value takes the place of the one
// before. What is kept of an incident may be gone once its newest message to the
// receiver ended more than 30 days before the newest message of all.
func (j *Journal) Keep(ctx context.Context, receiver, incident, value string) error {
	const keep = "INSERT INTO kept (receiver, incident, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
	const drop = `
		DELETE FROM kept WHERE rowid IN (SELECT rowid FROM kept ORDER BY rowid LIMIT ?1) AND NOT (receiver = ?2 AND incident = ?3)
		AND incident <> '' AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.incident = kept.incident AND o.incident <> '' AND o.receiver = kept.receiver
			AND (o.state = 'waiting' OR o.ended > (SELECT at FROM outbox ORDER BY n DESC LIMIT 1) - ?4))`
	ctx = context.WithoutCancel(ctx)
	j.clerk.Lock()
	defer j.clerk.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.store(ctx, func() error {
		if _, err := j.write.ExecContext(ctx, keep, receiver, incident, value); err != nil {
			return err
		}
		_, err := j.write.ExecContext(ctx, drop, sweep, receiver, incident, keptFor.Nanoseconds())
		return err
	})
}

// Kept is what a receiver has kept of an incident; empty where it has nothing.
func (j *Journal) Kept(ctx context.Context, receiver, incident string) (value string, err error) {
	const query = "SELECT value FROM kept WHERE receiver = ? AND incident = ?"
	err = j.read.QueryRowContext(ctx, query, receiver, incident).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("what %s keeps of %s: %w", receiver, incident, j.unreadable(err, 0))
	}
	return value, nil
}
