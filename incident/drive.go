package incident

import "time"

// Carrier carries out effects. Live it is the responder; in a test it is a
// simulated world.
type Carrier interface {
	// Record makes the entry durable, with its message in the outbox, before it
	// returns. After an error the entry is not applied.
	Record(e Entry, m *Message) error
	// Carry carries out any other effect. It must not call back into the brain;
	// what comes of it comes back later as an input.
	Carry(e Effect)
}

// maxRounds bounds the rounds of one input. An incident passes through a
// handful of states at one instant; a brain that never comes to rest is a bug
// that must not become a hot loop.
const maxRounds = 1000

// Drive gives one input to the brain and carries out all that follows from it.
// The brain decides from what it remembers, so each durable entry is applied
// and the brain asked again, until it is at rest. It is the only way in: one
// goroutine must call it, one input after the other.
func Drive(b *Brain, now time.Time, in Input, c Carrier) {
	for range maxRounds {
		recorded, failure := carry(b, b.Step(now, in), c)
		switch {
		case failure != "":
			in = RecordFailed{Err: failure}
		case recorded:
			in = Wake{}
		default:
			return
		}
	}
}

// carry carries out effects in order. It stops at a record that could not be
// made durable and returns why.
func carry(b *Brain, effects []Effect, c Carrier) (recorded bool, failure string) {
	for _, effect := range effects {
		record, ok := effect.(Record)
		if !ok {
			c.Carry(effect)
			continue
		}
		if err := c.Record(record.Entry, record.Message); err != nil {
			return recorded, err.Error()
		}
		b.Apply(record.Entry)
		recorded = true
	}
	return recorded, ""
}
