package journal

import (
	"context"
	"time"
)

// Earlier counts the messages to a receiver about the same incident that came
// before one: those made after since that were not withheld, whatever became of
// them, and those that were withheld since the last that was not. Both are 0 for a
// message that belongs to no incident.
func (j *Journal) Earlier(ctx context.Context, d Delivery, since time.Time) (passed, withheld int, err error) {
	const query = `
		WITH before AS (SELECT n, at, state FROM outbox WHERE incident = ?1 AND incident <> '' AND receiver = ?2
			AND n < (SELECT n FROM outbox WHERE id = ?3 AND receiver = ?2))
		SELECT (SELECT count(*) FROM before WHERE state <> 'withheld' AND at > ?4),
			(SELECT count(*) FROM before WHERE n > (SELECT coalesce(max(n), 0) FROM before WHERE state <> 'withheld'))`
	err = j.read.QueryRowContext(ctx, query, d.Incident, d.Receiver, d.ID, since.UnixNano()).Scan(&passed, &withheld)
	if err != nil {
		return 0, 0, j.unreadable(err, 0)
	}
	return passed, withheld, nil
}

// Withhold records that a message is not told, because its receiver has had
// enough of the incident's.
func (j *Journal) Withhold(ctx context.Context, id, receiver string, at time.Time) error {
	const query = "UPDATE outbox SET state = 'withheld', ended = ?3, payload = x'' WHERE id = ?1 AND receiver = ?2 AND state = 'waiting'"
	return j.note(ctx, query, id, receiver, at.UnixNano())
}
