package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrCorrupt is what every *CorruptError is, for errors.Is.
var ErrCorrupt = errors.New("journal is damaged")

// CorruptError says where a journal is damaged.
type CorruptError struct {
	Path string
	// Seq is the first entry that cannot be trusted; 0 where the file cannot
	// be read far enough to tell.
	Seq     uint64
	Problem string
}

// Error names the file, the entry and what to do.
func (e *CorruptError) Error() string {
	where := "the file"
	if e.Seq > 0 {
		where = fmt.Sprintf("entry %d", e.Seq)
	}
	return fmt.Sprintf("journal %s is damaged at %s: %s: nothing is decided on a part of it; restore a copy, or move it aside with its -wal and -shm files "+
		"to start with an empty one, which knows of no deployment, lock, quarantined version or unfinished rollback",
		e.Path, where, e.Problem)
}

// Is makes every CorruptError an ErrCorrupt.
func (*CorruptError) Is(target error) bool { return target == ErrCorrupt }

// recent is how many of the newest entries Open checks: enough to find what a
// crash or a failing disk did lately, few enough to start at once.
const recent = 256

// row is one entry as it is stored.
type row struct {
	seq                     uint64
	at                      int64
	kind, service, incident string
	entry                   []byte // without its details
	detail                  details
	prev, hash              string
}

// digest is the hash of the row: SHA-256 over the hash before it, its number,
// what it can be found by, each on a line of its own, and then its bytes. In a row
// with details the hashes of both its parts stand for the bytes, and the first line
// says so: no bytes of an entry can be taken for them.
func (r row) digest() string {
	text := fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s\n%s\n", r.prev, r.seq, r.at, r.kind, r.service, r.incident)
	if r.detail.hash == "" {
		return hexSum(append(text, r.entry...))
	}
	return hexSum(fmt.Appendf([]byte("form 2\n"), "%s%s\n%d\n%s\n", text, hexSum(r.entry), r.detail.at, r.detail.hash))
}

// altered says what is wrong with a row by itself; "" where nothing is.
func (r row) altered() string {
	switch {
	case r.hash != r.digest():
		return "its content does not match its hash"
	case r.detail.salted != nil && r.detail.hash == "":
		return "it was given details that it never had"
	case r.detail.salted != nil && r.detail.hash != hexSum(r.detail.salted):
		return "its details do not match their hash"
	}
	return ""
}

// follows says what is wrong with r as the entry after before; "" where nothing is.
func (r row) follows(before row) string {
	switch {
	case r.seq != before.seq+1:
		return fmt.Sprintf("it is missing (the next one is entry %d)", r.seq)
	case r.prev != before.hash:
		return "it does not follow the entry before it"
	}
	return r.altered()
}

// successor is the entry after r, with its hash.
func (r row) successor(entry []byte, m Meta) row {
	next := row{
		seq: r.seq + 1, at: m.At.UnixNano(), kind: m.Kind, service: m.Service, incident: m.Incident,
		entry: entry, prev: r.hash,
	}
	if d, ok := divide(entry, m.Lasting); ok {
		next.entry, next.detail = m.Lasting, d
	}
	next.hash = next.digest()
	return next
}

// columns are those of a row; undivided gives the same of a file in which no entry
// has details yet.
const (
	columns   = "seq, at, kind, service, incident, entry, prev, hash, detail, detail_at, detail_hash"
	undivided = "seq, at, kind, service, incident, entry, prev, hash, NULL, 0, ''"
)

// selecting is a query for rows; the rest of it says which.
func (j *Journal) selecting(rest string) string {
	return "SELECT " + j.columns + " FROM entries " + rest
}

func (r *row) scan(rows *sql.Rows) error {
	return rows.Scan(&r.seq, &r.at, &r.kind, &r.service, &r.incident, &r.entry, &r.prev, &r.hash,
		&r.detail.salted, &r.detail.at, &r.detail.hash)
}

// walk gives fn every entry after the one given, in order and checked, and
// returns the last. All are from one moment, whatever is written meanwhile.
func (j *Journal) walk(ctx context.Context, after row, fn func(row) error) (last row, err error) {
	rows, err := j.read.QueryContext(ctx, j.selecting("WHERE seq > ? ORDER BY seq"), after.seq)
	if err != nil {
		return after, j.explain(err, after.seq+1)
	}
	defer discard(rows)
	last = after
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return last, j.unreadable(err, last.seq+1)
		}
		if problem := r.follows(last); problem != "" {
			return last, &CorruptError{Path: j.path, Seq: last.seq + 1, Problem: problem}
		}
		if err := fn(r); err != nil {
			return last, fmt.Errorf("journal entry %d of %s: %w", r.seq, time.Unix(0, r.at).UTC().Format(time.RFC3339), err)
		}
		last = r
	}
	return last, j.explain(rows.Err(), last.seq+1)
}

// loadHead reads the head and checks the newest entries against it.
func (j *Journal) loadHead(ctx context.Context) error {
	want, err := j.storedHead(ctx)
	if err != nil {
		return err
	}
	var from row
	if want.seq > recent {
		from.seq = want.seq - recent
		const query = "SELECT hash FROM entries WHERE seq = ?"
		err := j.read.QueryRowContext(ctx, query, from.seq).Scan(&from.hash)
		if errors.Is(err, sql.ErrNoRows) {
			return &CorruptError{Path: j.path, Seq: from.seq, Problem: "it is missing"}
		}
		if err != nil {
			return j.unreadable(err, from.seq)
		}
	}
	last, err := j.walk(ctx, from, func(row) error { return nil })
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.head = row{seq: last.seq, hash: last.hash}
	return j.matches(want, last)
}

// storedHead reads what the file says its newest entry is.
func (j *Journal) storedHead(ctx context.Context) (head row, err error) {
	err = j.read.QueryRowContext(ctx, "SELECT seq, hash FROM head").Scan(&head.seq, &head.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return head, &CorruptError{Path: j.path, Problem: "it does not say where it ends"}
	}
	if err != nil {
		return head, j.unreadable(err, 0)
	}
	return head, nil
}

// matches compares the last entry found with what the head promised. The head
// is read first, so entries written in between are more, never fewer.
func (j *Journal) matches(head, last row) error {
	switch {
	case last.seq < head.seq:
		return &CorruptError{Path: j.path, Seq: last.seq + 1, Problem: fmt.Sprintf("it is missing (the journal ended with entry %d)", head.seq)}
	case last.seq == head.seq && last.hash != head.hash:
		return &CorruptError{Path: j.path, Seq: last.seq, Problem: "it is not the entry that the journal ended with"}
	}
	return nil
}

// explain turns an SQLite error into one of this package's own. Where it means
// a damaged file, seq is the entry that was being read (0: none).
func (j *Journal) explain(err error, seq uint64) error {
	if err == nil {
		return nil
	}
	switch code := codeOf(err); {
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB, code == sqlite3.SQLITE_IOERR_SHORT_READ:
		return &CorruptError{Path: j.path, Seq: seq, Problem: err.Error()}
	case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %s: %w", ErrFull, j.path, err)
	}
	return fmt.Errorf("journal %s: %w", j.path, err)
}

// unreadable is for a row that was found but whose values are not of the kind
// that was written: that is damage too, unless reading as a whole was stopped.
func (j *Journal) unreadable(err error, seq uint64) error {
	if codeOf(err) != 0 || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return j.explain(err, seq)
	}
	return &CorruptError{Path: j.path, Seq: seq, Problem: err.Error()}
}

// codeOf is SQLite's extended result code, 0 where err is not from SQLite.
func codeOf(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// discard closes rows. What went wrong while reading them, rows.Err has said.
func discard(rows *sql.Rows) { _ = rows.Close() }
