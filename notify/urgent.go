package notify

import (
	"context"
	"slices"
	"time"
)

const (
	// urgentRoom is how many urgent messages may wait for one receiver.
	urgentRoom = 8
	// urgentPause is the wait between the two attempts at one.
	urgentPause = 2 * time.Second
)

// Tell hands a message to receivers past the store, for what the store cannot
// take: one attempt each, and one more after a failure. It never blocks. What is
// not delivered then is lost, with a line in the log.
func (o *Outbox) Tell(receivers []string, d Delivery) {
	for _, w := range o.workers {
		if !slices.Contains(receivers, w.receiver) {
			continue
		}
		d.Receiver = w.receiver
		select {
		case w.urgent <- d:
		default:
			w.log.Error("an urgent message is lost: too many wait already", "message", d.ID)
		}
	}
}

// runUrgent delivers urgent messages beside the others, so that none of those
// holds them up.
func (w *worker) runUrgent(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-w.urgent:
			w.tell(ctx, d)
		}
	}
}

// tell makes the two attempts.
func (w *worker) tell(ctx context.Context, d Delivery) {
	if err := w.attempt(ctx, d); err == nil {
		return
	}
	timer := w.Clock.Timer(urgentPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	if err := w.attempt(ctx, d); err != nil && ctx.Err() == nil {
		w.Metrics.count(w.receiver, gaveUp)
		w.log.Error("an urgent message was not delivered", "message", d.ID, "err", w.Mask(err.Error()))
	}
}

// attempt makes one, bounded, and counts it where it succeeds.
func (w *worker) attempt(ctx context.Context, d Delivery) error {
	bounded, cancel := w.Clock.WithTimeout(ctx, w.Timeout)
	defer cancel()
	err := w.notifier.Deliver(bounded, d)
	if err == nil {
		w.Metrics.count(w.receiver, delivered)
	}
	return err
}
