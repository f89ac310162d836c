package journal

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Row is one entry as it is stored, for who checks the record or copies it.
type Row struct {
	Seq                     uint64
	At                      time.Time // UTC
	Kind, Service, Incident string
	// Entry is the entry, without its details where those were removed.
	Entry []byte
	// Details says which part of it may be removed, or was; nil for an entry that
	// always stays as it is.
	Details    *Details
	Prev, Hash string
}

// Details are a part of an entry that may be removed without touching the chain.
type Details struct {
	// At is where in the entry they are, or were; Length is in bytes, zero once they
	// were removed.
	At, Length int
	// Salt is 16 random bytes in hex, empty once they were removed. Hash is SHA-256
	// over salt and details, in hex.
	Salt, Hash string
}

// Removed tells whether the entry had details, and has them no longer.
func (r Row) Removed() bool { return r.Details != nil && r.Details.Salt == "" }

func (r row) exported() Row {
	out := Row{
		Seq: r.seq, At: time.Unix(0, r.at).UTC(), Kind: r.kind, Service: r.service, Incident: r.incident,
		Entry: r.whole(), Prev: r.prev, Hash: r.hash,
	}
	if r.detail.hash != "" || r.detail.salted != nil {
		out.Details = &Details{At: r.detail.at, Hash: r.detail.hash}
		salt := r.detail.salted[:min(saltSize, len(r.detail.salted))] // shorter is something else put there
		out.Details.Salt = hex.EncodeToString(salt)
		out.Details.Length = len(r.detail.salted) - len(salt)
	}
	return out
}

// stored is r as it would be in a file. It fails where details are said to be where
// the entry has no room for them.
func (r Row) stored() (row, error) {
	s := row{
		seq: r.Seq, at: r.At.UnixNano(), kind: r.Kind, service: r.Service, incident: r.Incident, entry: r.Entry, prev: r.Prev, hash: r.Hash,
	}
	d := r.Details
	if d == nil {
		return s, nil
	}
	s.detail = details{at: d.At, hash: d.Hash}
	if d.At < 0 || d.Length < 0 || d.At > len(r.Entry) || d.Length > len(r.Entry)-d.At {
		return s, fmt.Errorf("details of %d bytes at %d do not fit into its %d bytes", d.Length, d.At, len(r.Entry))
	}
	if d.Salt == "" {
		return s, nil
	}
	salt, err := hex.DecodeString(d.Salt)
	if err != nil || len(salt) != saltSize {
		return s, fmt.Errorf("the salt %.40q is not %d bytes in hex", d.Salt, saltSize)
	}
	end := d.At + d.Length
	s.detail.salted = slices.Concat(salt, r.Entry[d.At:end])
	s.entry = slices.Concat(r.Entry[:d.At], r.Entry[end:])
	return s, nil
}

// Follow says what is wrong with a row as the one after before, the zero Row for
// the first; nil where nothing is. The error names no number.
func (r Row) Follow(before Row) error {
	s, err := r.stored()
	if err != nil {
		return err
	}
	if problem := s.follows(row{seq: before.Seq, hash: before.Hash}); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// batch is how many rows are read at once by who looks at all of them: a slow reader
// must not keep the log of a daemon that writes from being folded into the file.
const batch = 500

// Inspection is a journal that is looked at as it is, damaged or not. Its methods are
// for one goroutine.
type Inspection struct {
	j *Journal
	// Seq and Hash are the end that the file names, Newest is the highest number that
	// an entry had at that moment.
	Seq    uint64
	Hash   string
	Newest int64
}

// Inspect opens an existing journal for looking at it, whether or not a daemon is
// writing to it. It fails with a *CorruptError where the file cannot even say where
// it ends. Close it.
func Inspect(ctx context.Context, path string) (*Inspection, error) {
	j, err := openUnread(ctx, path)
	if err != nil {
		return nil, err
	}
	i := &Inspection{j: j}
	const query = "SELECT seq, hash, (SELECT coalesce(max(seq), 0) FROM entries) FROM head"
	err = j.read.QueryRowContext(ctx, query).Scan(&i.Seq, &i.Hash, &i.Newest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = &CorruptError{Path: j.path, Problem: "it does not say where it ends"}
	case err != nil:
		err = j.unreadable(err, 0)
	default:
		return i, nil
	}
	return nil, errors.Join(err, i.Close())
}

// Rows gives fn every row in the order of their numbers, unchecked; those too that
// are written meanwhile. It stops at fn's first error, and with a *CorruptError at a
// row that cannot be read.
func (i *Inspection) Rows(ctx context.Context, fn func(Row) error) error {
	last, where := uint64(0), ""
	for {
		query := i.j.selecting(where + " ORDER BY seq LIMIT ?")
		rows, err := i.rows(ctx, query, last+1, batch)
		for _, r := range rows {
			if err := fn(r.exported()); err != nil {
				return err
			}
			last = r.seq
		}
		if err != nil || len(rows) == 0 {
			return err
		}
		where = fmt.Sprintf("WHERE seq > %d", last)
	}
}

// rows reads rows, and on an error those before it; next is the number of the first.
func (i *Inspection) rows(ctx context.Context, query string, next uint64, arguments ...any) ([]row, error) {
	rows, err := i.j.read.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, i.j.explain(err, next)
	}
	defer discard(rows)
	var found []row
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return found, i.j.unreadable(err, next)
		}
		found, next = append(found, r), r.seq+1
	}
	return found, i.j.explain(rows.Err(), next)
}

// After returns the row that was written after the one with this hash, wherever it
// is stored; ok is false where there is none.
func (i *Inspection) After(ctx context.Context, hash string) (r Row, ok bool, err error) {
	rows, err := i.rows(ctx, i.j.selecting("WHERE prev = ? LIMIT 1"), 0, hash)
	if err != nil || len(rows) == 0 {
		return Row{}, false, err
	}
	return rows[0].exported(), true, nil
}

// Structure checks what SQLite itself knows of the file: its pages, its indices, and
// that no column holds what it must not.
func (i *Inspection) Structure(ctx context.Context) error { return i.j.structure(ctx) }

// Close lets the file go.
func (i *Inspection) Close() error { return i.j.Close() }
