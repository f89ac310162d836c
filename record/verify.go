package record

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbackd/rollbackd/journal"
)

// Verify reads a whole journal and checks every entry of it, whether or not a daemon
// writes to it meanwhile. heads are what was published of it elsewhere; without one a
// record that was rewritten from some entry to its end cannot be told from the true
// one. It fails with an *AlteredError; the summary then is of what comes before.
func Verify(ctx context.Context, path string, heads []Head) (Summary, error) {
	return read(ctx, path, heads, func(journal.Row) error { return nil })
}

// read checks a journal and gives fn each row that is what was written.
func read(ctx context.Context, path string, heads []Head, fn func(journal.Row) error) (sum Summary, err error) {
	i, err := journal.Inspect(ctx, path)
	if err != nil {
		return Summary{}, named(path, err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	c := newChecker(heads)
	c.own = Head{Seq: i.Seq, Hash: i.Hash}
	err = i.Rows(ctx, func(r journal.Row) error {
		if wrong := c.take(r); wrong != nil {
			wrong.Source = path
			return moved(ctx, i, c, wrong)
		}
		return fn(r)
	})
	if err == nil {
		err = finish(ctx, i, c, path)
	}
	return c.sum, named(path, err)
}

// finish checks what only the end of the file shows.
func finish(ctx context.Context, i *journal.Inspection, c *checker, path string) error {
	if wrong := c.end(); wrong != nil {
		wrong.Source = path
		return wrong
	}
	if uint64(max(i.Newest, 0)) > i.Seq {
		return &AlteredError{Source: path, Seq: i.Seq + 1, Problem: fmt.Sprintf("it was added behind entry %d, with which the journal ended", i.Seq)}
	}
	return i.Structure(ctx)
}

// moved tells an entry that was moved from one that was altered or is gone.
func moved(ctx context.Context, i *journal.Inspection, c *checker, wrong *AlteredError) error {
	if wrong.Seq != c.last.Seq+1 {
		return wrong
	}
	there, ok, err := i.After(ctx, c.last.Hash)
	if err != nil || !ok || there.Seq == c.last.Seq+1 {
		return wrong // what was found first counts more than that the search failed
	}
	as := there
	as.Seq = c.last.Seq + 1
	if as.Follow(c.last) != nil {
		return wrong
	}
	if at := altered(there, ""); wrong.Kind == "" {
		wrong.At, wrong.Kind, wrong.Service, wrong.Incident = at.At, at.Kind, at.Service, at.Incident
	}
	wrong.Problem = fmt.Sprintf("the order was altered: what belongs here is stored as entry %d", there.Seq)
	return wrong
}

// named turns damage that SQLite found into an *AlteredError.
func named(path string, err error) error {
	damaged, is := errors.AsType[*journal.CorruptError](err)
	if !is {
		return err
	}
	return &AlteredError{Source: path, Seq: damaged.Seq, Problem: "the file is damaged: " + damaged.Problem}
}
