package notify

import (
	"context"
	"time"
)

// tryInOrder tries a message, and before it the oldest of its incident that waits for
// the same receiver: after an outage each has a wait of its own, and the newest, tried
// the least, would be the first to arrive and so contradicted by those before it.
// It returns how long to wait before the next turn.
func (w *worker) tryInOrder(ctx context.Context, d Delivery) (wait time.Duration) {
	elder, found, err := w.elder(ctx, d)
	if err != nil && ctx.Err() == nil {
		// Rather out of order than not at all.
		w.log.Warn("what was to be told before a message cannot be read", "message", d.ID, "err", err)
	}
	if found && err == nil {
		taken, err := w.try(ctx, elder)
		if taken || err != nil || ctx.Err() != nil {
			return w.recorded(ctx, elder, err)
		}
		// One that the receiver never takes must not hold back the graver ones. But
		// where it asked to be left alone, all of them wait.
		if now := w.Clock.Now(); now.Before(w.quietUntil) {
			return w.quietUntil.Sub(now)
		}
	}
	_, err = w.try(ctx, d)
	return w.recorded(ctx, d, err)
}

// elder is the message to try before d, if there is one.
func (w *worker) elder(ctx context.Context, d Delivery) (elder Delivery, found bool, err error) {
	elders, ok := w.Store.(Elders)
	if !ok || d.Incident == "" {
		return Delivery{}, false, nil
	}
	return elders.Elder(ctx, d)
}

// recorded is how long to wait after an attempt, given what the store said of it.
func (w *worker) recorded(ctx context.Context, d Delivery, err error) (wait time.Duration) {
	if err == nil || ctx.Err() != nil {
		return 0
	}
	// The message would be tried again at once and for ever.
	w.log.Error("what became of a message cannot be recorded", "message", d.ID, "err", err)
	return longestWait
}
