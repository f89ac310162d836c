package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
)

// Durable is a journal on a disk, for worlds that are to use a real one.
type Durable interface {
	// Append makes an entry durable.
	Append(e incident.Entry, line []byte) error
	// Reopen is what a start does: it opens the journal again after the daemon was
	// killed, and gives all of its entries, in order.
	Reopen() ([][]byte, error)
}

// PlayOn plays a case whose daemon keeps its journal on d: every entry goes there,
// and every start reads it back from there. Steps that are requests are carried
// out by the daemon's own runner, which keeps its files in a folder, over a network
// that is made up. Everything else is as in Play.
func (f *File) PlayOn(ctx context.Context, c *Case, d Durable, folder string) Verdict {
	w := newWorld(c)
	w.durable, w.carried = d, newCarried(ctx, folder)
	w.play()
	if err := w.readBack(); err != nil {
		w.fault("in the end: %v", err)
	}
	return f.verdict(w)
}

// append hands an entry to the journal on disk, where there is one.
func (w *world) append(e incident.Entry, line []byte) {
	if w.durable == nil {
		return
	}
	if err := w.durable.Append(e, line); err != nil {
		w.fault("the journal on disk does not take an entry: %v", err)
	}
}

// readBack opens the journal on disk again. It must hold what was written, to the byte.
func (w *world) readBack() error {
	if w.durable == nil {
		return nil
	}
	lines, err := w.durable.Reopen()
	if err != nil {
		return fmt.Errorf("the journal on disk cannot be opened again: %w", err)
	}
	if len(lines) != len(w.journal.lines) {
		return fmt.Errorf("the journal on disk has %d entries, and %d were written", len(lines), len(w.journal.lines))
	}
	for i, line := range lines {
		if string(line) != string(w.journal.lines[i]) {
			return errors.New("the journal on disk gives an entry back that was not written like that")
		}
	}
	w.journal.lines = lines
	return nil
}
