// Package notify tells people: it takes messages from a durable outbox and
// delivers each to its receiver, at least once, under an id that stays the same.
//
// Each receiver has a goroutine of its own, so that one that is slow or gone
// delays no other, and nothing here is ever waited for by a rollback.
package notify

import (
	"context"
	"fmt"
	"time"
)

// Delivery is one message on its way to one receiver.
type Delivery struct {
	// ID is the message's own: the same at every attempt, so that a receiver
	// can drop what it has already.
	ID       string
	Receiver string
	// Incident is what the message is about; empty for one about the daemon.
	Incident string
	// At is when the message was made, Due when it is to be tried next (the
	// zero time: at once).
	At, Due time.Time
	Payload []byte
	// Attempts is how many have failed, LastError why the last one did. It
	// holds no secret. Refused is true where the receiver then answered that it
	// does not want the message.
	Attempts  int
	LastError string
	Refused   bool
}

// Notifier is one channel to one receiver. Deliver returns nil once the
// receiver has taken the message, and a *DeliveryError where there is more to say
// than that it has not. It must be safe for concurrent use and end with ctx.
// Its errors must not hold secrets: they are logged and kept.
type Notifier interface {
	Deliver(ctx context.Context, d Delivery) error
}

// Patient is a Notifier whose attempts may take another time than the outbox's
// Timeout.
type Patient interface {
	Patience() time.Duration
}

// Keeper remembers, over restarts, where a receiver has put an incident. Kept is
// empty where nothing was kept, or that was long ago.
type Keeper interface {
	Keep(ctx context.Context, receiver, incident, value string) error
	Kept(ctx context.Context, receiver, incident string) (string, error)
}

// Store is where messages wait. It must be durable: what is not in it is not told.
type Store interface {
	// Next returns the message for a receiver that is to be tried first, and
	// false where none waits. One that is not due yet is returned only where
	// none is due. Of an incident only the oldest waiting message is returned,
	// unless it was refused or failed several times.
	Next(ctx context.Context, receiver string, now time.Time) (Delivery, bool, error)
	Delivered(ctx context.Context, d Delivery, at time.Time) error
	// Postpone keeps the failed attempt and the new Due of d.
	Postpone(ctx context.Context, d Delivery) error
	// GiveUp keeps that d will not be tried again.
	GiveUp(ctx context.Context, d Delivery, at time.Time) error
}

// Elders is a Store that knows what was to be told before a message. Elder returns
// the oldest message that waits for d's receiver, is about d's incident and is older
// than d, due or not; false where there is none. Without it, messages of an incident
// that have failed several times arrive in any order.
type Elders interface {
	Elder(ctx context.Context, d Delivery) (Delivery, bool, error)
}

// DeliveryError is a delivery that failed in a way that says what to do next.
type DeliveryError struct {
	Problem string
	// RetryAfter is how long the receiver asked to be left alone; zero where it
	// did not.
	RetryAfter time.Duration
	// Refused is true where the receiver answered that it does not want the
	// message as it is. It is tried again all the same, but a person should look:
	// most likely the receiver's configuration is wrong.
	Refused bool
}

// Error says what happened.
func (f *DeliveryError) Error() string {
	if f.RetryAfter > 0 {
		return fmt.Sprintf("%s (asked to wait for %s)", f.Problem, f.RetryAfter)
	}
	return f.Problem
}
