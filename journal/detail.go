package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// saltSize is how many random bytes come before an entry's details: without them,
// whoever has the hash of details that are gone could try out what they were.
const saltSize = 16

// details are the part of an entry that may be removed from the file later. The
// entry's hash covers their own hash and not themselves, so the chain can still be
// checked without them.
type details struct {
	// at is where in the entry they belong.
	at int
	// salted are the details after their salt; nil where they were removed.
	salted []byte
	// hash is that of salted, in hex; empty for an entry without details.
	hash string
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// divide finds what an entry has more than its lasting form. It is one piece, or
// the entry is not divided: ok is false.
func divide(entry, lasting []byte) (d details, ok bool) {
	more := len(entry) - len(lasting)
	if lasting == nil || more <= 0 {
		return details{}, false
	}
	at := 0
	for at < len(lasting) && entry[at] == lasting[at] {
		at++
	}
	if !bytes.Equal(entry[at+more:], lasting[at:]) {
		return details{}, false
	}
	salted := make([]byte, saltSize, saltSize+more)
	_, _ = rand.Read(salted) // it never fails
	salted = append(salted, entry[at:at+more]...)
	return details{at: at, salted: salted, hash: hexSum(salted)}, true
}

// whole is the entry with its details, where they are still there. A row whose
// hashes do not fit gives what it can.
func (r row) whole() []byte {
	if len(r.detail.salted) < saltSize || r.detail.at < 0 || r.detail.at > len(r.entry) {
		return r.entry
	}
	return slices.Concat(r.entry[:r.detail.at], r.detail.salted[saltSize:], r.entry[r.detail.at:])
}

// Outlived returns incidents that hold details, are closed, and of which nothing is
// on record from before on; at most limit of them, the oldest first.
func (j *Journal) Outlived(ctx context.Context, before time.Time, limit int) ([]string, error) {
	query := `
		SELECT incident FROM entries e INDEXED BY entries_with_details
		WHERE detail IS NOT NULL AND at < ?1 AND incident <> ''
		AND ` + ended("e") + `
		AND NOT EXISTS (SELECT 1 FROM entries n WHERE n.incident = e.incident AND n.incident <> '' AND n.at >= ?1)
		GROUP BY incident ORDER BY min(seq) LIMIT ?2`
	return j.texts(ctx, query, []any{before.UnixNano(), limit})
}

// RemoveDetails removes what the entries of an incident hold beside their lasting
// form, for good: after the next Scrub no copy of it is left. The chain stays as it
// is. It is one short transaction.
func (j *Journal) RemoveDetails(ctx context.Context, incident string) error {
	return j.note(ctx, "UPDATE entries SET detail = NULL WHERE incident = ? AND incident <> '' AND detail IS NOT NULL", incident)
}

// Scrub empties the log beside the file into it, so that what was removed is not left
// there. It does not wait: done is false where somebody was reading just then.
func (j *Journal) Scrub(ctx context.Context) (done bool, err error) {
	j.clerk.Lock()
	defer j.clerk.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.lost != nil:
		return false, j.lost
	case j.write == nil:
		return false, ErrReadOnly
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := j.write.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return false, j.explain(err, 0)
	}
	var busy, frames, moved int
	err = j.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	_, restored := j.write.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout.Milliseconds()))
	return err == nil && busy == 0, j.explain(errors.Join(err, restored), 0)
}

// Newest returns the newest entry of a kind; nil where there is none. It is checked
// against its hash.
func (j *Journal) Newest(ctx context.Context, kind string) ([]byte, error) {
	rows, err := j.read.QueryContext(ctx, j.selecting("WHERE kind = ? ORDER BY seq DESC LIMIT 1"), kind)
	if err != nil {
		return nil, j.explain(err, 0)
	}
	defer discard(rows)
	if !rows.Next() {
		return nil, j.explain(rows.Err(), 0)
	}
	var r row
	if err := r.scan(rows); err != nil {
		return nil, j.unreadable(err, r.seq)
	}
	if problem := r.altered(); problem != "" {
		return nil, &CorruptError{Path: j.path, Seq: r.seq, Problem: problem}
	}
	return r.whole(), nil
}
