package journal

import (
	"context"
	"database/sql"
	"errors"
)

// Elder is the oldest message that waits for d's receiver, is about d's incident and
// was queued before d, due or not; false where there is none.
func (j *Journal) Elder(ctx context.Context, d Delivery) (Delivery, bool, error) {
	const query = "SELECT " + deliveryColumns + ` FROM outbox WHERE state = 'waiting' AND receiver = ?1 AND incident = ?2
		AND n < (SELECT n FROM outbox WHERE id = ?3 AND receiver = ?1) ORDER BY n LIMIT 1`
	if d.Incident == "" {
		return Delivery{}, false, nil // what is about the daemon has no order
	}
	elder, err := scanDelivery(j.read.QueryRowContext(ctx, query, d.Receiver, d.Incident, d.ID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Delivery{}, false, nil
	case err != nil:
		return Delivery{}, false, j.unreadable(err, 0)
	}
	return elder, true, nil
}
