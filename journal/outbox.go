package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Delivery is a message that waits in the outbox for one receiver.
type Delivery struct {
	ID       string
	Receiver string
	Incident string
	// At is when the message was made, Due when it is to be tried next (the
	// zero time: at once).
	At, Due time.Time
	Payload []byte
	// Attempts is how many have failed, LastError why the last one did. Refused
	// is true where the receiver then said that it does not want the message.
	Attempts  int
	LastError string
	Refused   bool
}

// patience is how many failed attempts at a message hold back the newer ones of
// its incident. A receiver that never takes one must still hear the graver ones.
const patience = 3

// Due returns at most limit messages for a receiver in the order in which they
// are to be tried: first those that are due at now, the least tried and then
// the oldest first, then those that are due later. Of each incident only its
// oldest waiting message is among them, because people are told in order; one
// that was refused, or failed three times, holds back no other.
func (j *Journal) Due(ctx context.Context, receiver string, now time.Time, limit int) ([]Delivery, error) {
	const query = "SELECT " + deliveryColumns + ` FROM outbox o
		WHERE state = 'waiting' AND receiver = ?1 AND (incident = '' OR NOT EXISTS (
			SELECT 1 FROM outbox older WHERE older.state = 'waiting' AND older.receiver = o.receiver
			AND older.incident = o.incident AND older.n < o.n AND older.refused = 0 AND older.attempts < ?4))
		ORDER BY due > ?2, CASE WHEN due > ?2 THEN due ELSE attempts END, n LIMIT ?3`
	rows, err := j.read.QueryContext(ctx, query, receiver, now.UnixNano(), limit, patience)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	var waiting []Delivery
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, j.unreadable(err, 0)
		}
		waiting = append(waiting, d)
	}
	return waiting, j.explain(rows.Err(), 0)
}

// deliveryColumns are what scanDelivery reads.
const deliveryColumns = "id, receiver, incident, at, payload, due, attempts, last_error, refused"

func scanDelivery(row interface{ Scan(into ...any) error }) (d Delivery, err error) {
	var at, due int64
	if err := row.Scan(&d.ID, &d.Receiver, &d.Incident, &at, &d.Payload, &due, &d.Attempts, &d.LastError, &d.Refused); err != nil {
		return Delivery{}, err
	}
	d.At = time.Unix(0, at).UTC()
	if due != 0 {
		d.Due = time.Unix(0, due).UTC()
	}
	return d, nil
}

// Delivered records that a receiver has taken a message.
func (j *Journal) Delivered(ctx context.Context, id, receiver string, at time.Time) error {
	const query = "UPDATE outbox SET state = 'delivered', ended = ?3, payload = x'' WHERE id = ?1 AND receiver = ?2 AND state = 'waiting'"
	return j.note(ctx, query, id, receiver, at.UnixNano())
}

// Postpone records a failed attempt: how many there were, why the last one
// failed and when to try next.
func (j *Journal) Postpone(ctx context.Context, d Delivery) error {
	const query = "UPDATE outbox SET due = ?3, attempts = ?4, last_error = ?5, refused = ?6 " +
		"WHERE id = ?1 AND receiver = ?2 AND state = 'waiting'"
	return j.note(ctx, query, d.ID, d.Receiver, d.Due.UnixNano(), d.Attempts, d.LastError, d.Refused)
}

// GiveUp records that a message will not be tried again, and why.
func (j *Journal) GiveUp(ctx context.Context, d Delivery, at time.Time) error {
	const query = "UPDATE outbox SET state = 'given_up', ended = ?3, attempts = ?4, last_error = ?5, payload = x'' " +
		"WHERE id = ?1 AND receiver = ?2 AND state = 'waiting'"
	return j.note(ctx, query, d.ID, d.Receiver, at.UnixNano(), d.Attempts, d.LastError)
}

// note makes one change to one row of the outbox.
func (j *Journal) note(ctx context.Context, query string, arguments ...any) error {
	j.clerk.Lock()
	defer j.clerk.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.store(ctx, func() error {
		_, err := j.write.ExecContext(context.WithoutCancel(ctx), query, arguments...)
		return err
	})
}

// Waiting counts the messages that wait, by receiver.
func (j *Journal) Waiting(ctx context.Context) (map[string]int, error) {
	rows, err := j.read.QueryContext(ctx, "SELECT receiver, count(*) FROM outbox WHERE state = 'waiting' GROUP BY receiver")
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	counts := map[string]int{}
	for rows.Next() {
		var receiver string
		var n int
		if err := rows.Scan(&receiver, &n); err != nil {
			return nil, j.unreadable(err, 0)
		}
		counts[receiver] = n
	}
	return counts, j.explain(rows.Err(), 0)
}

// Fate tells what became of a message to a receiver: "waiting", "delivered",
// "given_up" or "withheld", and the last error. It is empty for one that was never sent.
func (j *Journal) Fate(ctx context.Context, id, receiver string) (state, lastError string, err error) {
	const query = "SELECT state, last_error FROM outbox WHERE id = ? AND receiver = ?"
	err = j.read.QueryRowContext(ctx, query, id, receiver).Scan(&state, &lastError)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("message %s to %s: %w", id, receiver, j.unreadable(err, 0))
	}
	return state, lastError, nil
}
