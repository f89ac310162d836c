package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/source/bus"
)

// publishAll publishes every entry after the place, and then the head where it is
// due. It stops at the first entry that cannot be published now.
func (p *Publisher) publishAll(ctx context.Context) error {
	for {
		p.measure()
		found, err := p.o.Journal.After(ctx, p.at.Seq, batch)
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if len(found) == 0 {
			break
		}
		if err := p.publishBatch(ctx, found); err != nil {
			return err
		}
	}
	if !p.headDue {
		return nil
	}
	if err := p.publishHead(ctx); err != nil {
		return err
	}
	p.headDue = false
	return nil
}

// publishBatch publishes entries in order, and remembers how far it came.
func (p *Publisher) publishBatch(ctx context.Context, found []journal.Numbered) (err error) {
	reached := p.at
	for _, n := range found {
		if err = p.publishEntry(ctx, n); err != nil {
			break
		}
		reached = place{Seq: n.Seq, Hash: n.Hash}
	}
	if reached != p.at {
		p.moveTo(reached)
	}
	return err
}

// publishEntry publishes all that follows from one entry; nothing for one that is
// about no service, or that has waited too long.
func (p *Publisher) publishEntry(ctx context.Context, n journal.Numbered) error {
	if len(n.Entry) == 0 {
		return nil // its content was let go of: it is older than anything that waits
	}
	f, err := decoded(n)
	if err != nil {
		p.log.Error("an entry of the journal cannot be read, and is not published", "entry", n.Seq, "err", err)
		return nil
	}
	if !f.about() {
		return nil
	}
	if p.tooLate(f) {
		p.o.Metrics.count(string(f.Kind), resultDropped)
		if p.seldom.Allow("dropped") {
			p.log.Warn("events have waited too long, or are too many, and are dropped", "entry", n.Seq, "at", f.At)
		}
		return nil
	}
	if f.after, err = p.folds.after(ctx, f, n.Entry); err != nil {
		return fmt.Errorf("incident %s: %w", f.Incident, err)
	}
	all, err := p.messages(f)
	if err != nil {
		p.log.Error("an event cannot be written, and is not published", "entry", n.Seq, "err", err)
		return nil
	}
	for _, msg := range all {
		if err := p.send(ctx, msg); err != nil {
			return err
		}
	}
	if f.Closed != nil {
		p.headDue = true
	}
	return nil
}

// tooLate tells whether an entry has waited too long, or has too many behind it.
func (p *Publisher) tooLate(f fact) bool {
	head, _ := p.o.Head()
	return p.clock.Now().Sub(f.At) > p.o.MaxAge || head > f.seq && head-f.seq >= p.o.MaxWaiting
}

// send publishes one message. One that no server will ever take holds up nothing.
func (p *Publisher) send(ctx context.Context, msg *nats.Msg) error {
	kind := lastWord(msg.Subject)
	duplicate, err := p.o.Bus.Publish(ctx, msg)
	switch {
	case errors.Is(err, bus.ErrRefused):
		p.o.Metrics.count(kind, resultRefused)
		if p.seldom.Allow("refused " + kind) {
			p.log.Warn("an event was refused and is not tried again", "subject", msg.Subject, "err", err)
		}
	case err != nil:
		p.o.Metrics.count(kind, resultRetried)
		return err
	case duplicate:
		p.o.Metrics.count(kind, resultDuplicate)
	default:
		p.o.Metrics.count(kind, resultPublished)
	}
	return nil
}

// decode reads an entry as it stands in the journal.
func decode(raw []byte) (e incident.Entry, err error) {
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("it cannot be read (was it written by a newer version?): %w", err)
	}
	return e, nil
}
