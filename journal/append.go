package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Append writes an entry and its messages in one transaction and returns once
// all of it is on disk. After an error nothing of it is (with ErrLost: nothing
// of it will be believed before the next start). A message that the outbox
// already has for a receiver is not added again. A cancelled ctx stops it
// before it begins, never half-way.
func (j *Journal) Append(ctx context.Context, entry []byte, m Meta, out []Outgoing) (seq uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if strings.ContainsAny(m.Kind+m.Service+m.Incident, "\n\r") {
		return 0, fmt.Errorf("journal: kind %q, service %q or incident %q holds a line break", m.Kind, m.Service, m.Incident)
	}
	if entry == nil {
		entry = []byte{} // SQL would take nil for NULL
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spent.Load() && !m.Spend && j.onlyReserveLeft() {
		err := fmt.Errorf("%w: only what was the reserve is left: free some space", ErrFull)
		j.fared(m.At, err)
		return 0, err
	}
	next := j.head.successor(entry, m)
	insert := func() error { return j.insertWith(ctx, next, m.Summary, out) }
	err = j.store(ctx, insert)
	if errors.Is(err, ErrFull) && m.Spend {
		full := err
		if err = j.afterRelease(ctx, err, insert); err == nil {
			j.fared(m.At, full) // it went well, and nothing new will
		}
	}
	if err != nil {
		j.fared(m.At, err)
		return 0, err
	}
	if !j.spent.Load() || !m.Spend {
		j.fared(m.At, nil)
	}
	j.head = row{seq: next.seq, hash: next.hash}
	return next.seq, nil
}

// afterRelease gives up the reserve and tries once more.
func (j *Journal) afterRelease(ctx context.Context, full error, insert func() error) error {
	if err := j.release(); err != nil {
		return fmt.Errorf("%w (no reserve to spend: %w)", full, err)
	}
	j.spent.Store(true)
	j.log.Error("disk full: the journal's reserve was spent; nothing new is begun until there is space again", "journal", j.path)
	return j.store(ctx, insert)
}

// onlyReserveLeft tells whether the disk is as full as it was when the reserve
// was given up: what is free then is still for those entries alone that may
// spend it.
func (j *Journal) onlyReserveLeft() bool {
	free, err := j.Free()
	return err == nil && free <= uint64(max(j.options.Reserve, 0))
}

// store runs fn in a transaction. The caller holds mu.
func (j *Journal) store(ctx context.Context, fn func() error) error {
	switch {
	case j.lost != nil:
		return j.lost
	case j.write == nil:
		return ErrReadOnly
	}
	err := j.explain(transact(ctx, j.write, fn), j.head.seq+1)
	if err != nil && !errors.Is(err, ErrFull) && codeOf(err)&0xff == sqlite3.SQLITE_IOERR {
		// After a failed sync the kernel may drop what it could not write and
		// answer the next sync with success. Only reading back can tell.
		j.lost = fmt.Errorf("%w: %w", ErrLost, err)
		j.fared(time.Time{}, j.lost)
		return j.lost
	}
	return err
}

func (j *Journal) insert(ctx context.Context, r row, out []Outgoing) error {
	ctx = context.WithoutCancel(ctx)
	const entry = "INSERT INTO entries (" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	if _, err := j.write.ExecContext(ctx, entry, r.seq, r.at, r.kind, r.service, r.incident, r.entry, r.prev, r.hash,
		r.detail.salted, r.detail.at, r.detail.hash); err != nil {
		return err
	}
	if _, err := j.write.ExecContext(ctx, "UPDATE head SET seq = ?, hash = ?", r.seq, r.hash); err != nil {
		return err
	}
	const message = "INSERT INTO outbox (id, receiver, incident, at, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	for _, o := range out {
		payload := o.Payload
		if payload == nil {
			payload = []byte{}
		}
		if _, err := j.write.ExecContext(ctx, message, o.ID, o.Receiver, r.incident, o.At.UnixNano(), payload); err != nil {
			return err
		}
	}
	return nil
}
