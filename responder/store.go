package responder

import (
	"context"
	"time"

	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/notify"
)

// Outbox is the journal as the store of a notify.Outbox. It is here because
// neither of the two packages knows the other.
func Outbox(j *journal.Journal) notify.Store { return outbox{j} }

type outbox struct{ journal *journal.Journal }

// Next implements notify.Store.
func (o outbox) Next(ctx context.Context, receiver string, now time.Time) (notify.Delivery, bool, error) {
	waiting, err := o.journal.Due(ctx, receiver, now, 1)
	if err != nil || len(waiting) == 0 {
		return notify.Delivery{}, false, err
	}
	return delivery(waiting[0]), true, nil
}

// Elder implements notify.Elders.
func (o outbox) Elder(ctx context.Context, d notify.Delivery) (notify.Delivery, bool, error) {
	elder, found, err := o.journal.Elder(ctx, row(d))
	return delivery(elder), found, err
}

func delivery(d journal.Delivery) notify.Delivery {
	return notify.Delivery{
		ID: d.ID, Receiver: d.Receiver, Incident: d.Incident, At: d.At, Due: d.Due, Payload: d.Payload, Attempts: d.Attempts, LastError: d.LastError,
		Refused: d.Refused,
	}
}

// Delivered implements notify.Store.
func (o outbox) Delivered(ctx context.Context, d notify.Delivery, at time.Time) error {
	return o.journal.Delivered(ctx, d.ID, d.Receiver, at)
}

// Postpone implements notify.Store.
func (o outbox) Postpone(ctx context.Context, d notify.Delivery) error {
	return o.journal.Postpone(ctx, row(d))
}

// GiveUp implements notify.Store.
func (o outbox) GiveUp(ctx context.Context, d notify.Delivery, at time.Time) error {
	return o.journal.GiveUp(ctx, row(d), at)
}

// Tally is the journal as what counts the messages of a notify.Outbox.
func Tally(j *journal.Journal) notify.Tally { return outbox{j} }

// Earlier implements notify.Tally.
func (o outbox) Earlier(ctx context.Context, d notify.Delivery, since time.Time) (passed, withheld int, err error) {
	return o.journal.Earlier(ctx, row(d), since)
}

// Withhold implements notify.Tally.
func (o outbox) Withhold(ctx context.Context, d notify.Delivery, at time.Time) error {
	return o.journal.Withhold(ctx, d.ID, d.Receiver, at)
}

func row(d notify.Delivery) journal.Delivery {
	return journal.Delivery{ID: d.ID, Receiver: d.Receiver, Incident: d.Incident, Due: d.Due, Attempts: d.Attempts, LastError: d.LastError, Refused: d.Refused}
}
