package responder

import (
	"context"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// View runs fn between two inputs, with the brain at the present moment, and
// returns its error. It must be quick, must not keep what it was given, and
// must not call the responder: nothing is decided while it runs.
func (r *Responder) View(ctx context.Context, fn func(b *incident.Brain, now time.Time) error) error {
	result := make(chan error, 1)
	ask := func(now time.Time) { result <- fn(r.options.Brain, now) }
	select {
	case r.asks <- ask:
		return <-result
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stopping:
		return ErrStopping
	}
}

// Halts tells whether a verb stops something or keeps it from beginning. Such a
// command is decided and recorded even while the daemon waits for a step to end
// before it stops.
func Halts(verb string) bool {
	switch verb {
	case "abort", "veto", "pause", "lock":
		return true
	default:
		return false
	}
}

// Do has a person's command decided and returns the answer, which may be a
// refusal. It gives the command an ID if it has none. Its error is that of ctx,
// or ErrStopping; the command may then have been carried out or not.
func (r *Responder) Do(ctx context.Context, c incident.Command) (incident.Reply, error) {
	answer, err := r.expect(&c)
	if err != nil {
		return incident.Reply{}, err
	}
	defer r.forget(c.ID)
	deaf := r.stopping
	if Halts(c.Verb) {
		deaf = r.stopped
	}
	if _, err := r.queue.push(ctx, queued{in: c, at: r.clock.Now()}); err != nil {
		return incident.Reply{}, err
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-ctx.Done():
		return incident.Reply{}, ctx.Err()
	case <-deaf:
		select {
		case reply := <-answer: // it came just before
			return reply, nil
		default:
			return incident.Reply{}, ErrStopping
		}
	}
}

// expect makes a place for the reply to a command.
func (r *Responder) expect(c *incident.Command) (chan incident.Reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.ID == "" {
		r.commands++
		c.ID = fmt.Sprintf("command-%d", r.commands)
	}
	if _, taken := r.waiters[c.ID]; taken {
		return nil, fmt.Errorf("a command with the id %q is being carried out already", c.ID)
	}
	answer := make(chan incident.Reply, 1)
	r.waiters[c.ID] = answer
	return answer, nil
}

func (r *Responder) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiters, id)
}

// reply answers a command; a second answer has nobody to go to.
func (r *Responder) reply(reply incident.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer, ok := r.waiters[reply.ID]; ok {
		delete(r.waiters, reply.ID)
		answer <- reply
	}
}

// unanswered makes sure that nobody waits for ever for a command that the brain
// is done with.
func (r *Responder) unanswered(id string) {
	r.mu.Lock()
	_, waits := r.waiters[id]
	r.mu.Unlock()
	if !waits {
		return
	}
	r.log.Error("a command got no answer", "command", id)
	r.reply(incident.Reply{ID: id, Code: "refused", Err: "rollbackd gave no answer to this command: see its log"})
}

// subscription is how many entries a subscriber may be behind.
const subscription = 64

// Recorded is an entry with the number that the journal gave it: they rise by one,
// so that a reader sees where it has lost some.
type Recorded struct {
	Seq uint64
	incident.Entry
}

// Subscribe gives every entry from here on, once it is durable, until the
// returned function is called. A reader that is too slow loses the oldest.
func (r *Responder) Subscribe() (entries <-chan Recorded, cancel func()) {
	ch := make(chan Recorded, subscription)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscribers[ch] = struct{}{}
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, ok := r.subscribers[ch]; ok {
			delete(r.subscribers, ch)
			close(ch)
		}
	}
}

// publish never waits. Holding mu keeps the channels open, and makes it their only writer.
func (r *Responder) publish(e Recorded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for ch := range r.subscribers {
		for sent := false; !sent; {
			select {
			case ch <- e:
				sent = true
			default:
				select {
				case <-ch: // the oldest makes room
				default: // its reader was faster
				}
			}
		}
	}
}
