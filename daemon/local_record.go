package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// localRecord is where the entries of a rollback without the daemon go: into the
// journal, or, where that cannot be and a person wants it all the same, onto
// lines of JSON. It never changes from the one to the other within a run: a run
// that is in the journal to its half would be gone on with by the daemon, and the
// steps that are not there would run twice.
type localRecord struct {
	log hclog.Logger
	// journal is nil where it could not be opened for writing.
	journal *journal.Journal
	// lines is nil where the journal must be written.
	lines io.Writer
	// whole is true where all of the journal was read.
	whole bool
	// why is the reason for doing without the journal.
	why error

	mu sync.Mutex
	// written is true once the journal took an entry; from then on it must take all.
	written bool
	seq     uint64
}

// openRecord opens the journal and replays it; where that fails, and a person
// wants it, it reads what can be read and does without.
func (l *Local) openRecord(ctx context.Context, lines io.Writer) error {
	c := l.h.config.Load()
	l.record = &localRecord{log: l.h.log, lines: lines, whole: true}
	err := l.openJournal(ctx)
	if err == nil {
		l.runs = runsBeside(c)
		return nil
	}
	if errors.Is(err, journal.ErrInUse) {
		return err
	}
	if answersAt(ctx, c.Web.Socket) {
		return fmt.Errorf("%w: a daemon answers at %s", journal.ErrInUse, c.Web.Socket)
	}
	if lines == nil {
		return &UnusableError{Err: err}
	}
	return l.goWithout(ctx, c.Journal.Path, err)
}

// openJournal opens and replays the journal, and makes sure that there is room.
func (l *Local) openJournal(ctx context.Context) error {
	if err := l.h.openJournal(ctx, l.h.config.Load()); err != nil {
		return err
	}
	var err error
	if l.downFrom, err = replay(ctx, l.h.journal, l.brain, nil); err != nil {
		return err
	}
	if err := probe(filepath.Dir(l.h.config.Load().Journal.Path)); err != nil {
		return err
	}
	l.record.journal = l.h.journal
	return nil
}

// probeSize is what must fit beside the journal before anything is begun: far
// more than the entries of one rollback take.
const probeSize = 1 << 20

// probe finds out whether a folder can be written to before it matters.
func probe(dir string) error {
	f, err := os.CreateTemp(dir, ".local-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// answersAt tells whether somebody listens on a daemon's socket.
func answersAt(ctx context.Context, socket string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was said on it
	return true
}

// goWithout is what a person wants who would rather act without a journal than
// not at all. The lock is held where it can be, so that no daemon begins meanwhile.
func (l *Local) goWithout(ctx context.Context, path string, why error) error {
	if err := l.Close(); err != nil { // gives back the lock of a journal that opened
		l.h.log.Debug("closing the journal that cannot be used", "err", err)
	}
	l.h.journal = nil
	release, err := journal.KeepOut(path)
	l.h.parts.later("lock", release)
	switch {
	case errors.Is(err, journal.ErrInUse):
		return err
	case err != nil:
		l.h.log.Warn("make sure that no daemon runs: the journal's lock cannot be looked at", "err", err)
	}
	if l.runs, err = os.MkdirTemp("", "rollbackd-local-"); err != nil {
		return fmt.Errorf("no place for the output of steps ($TMPDIR names another): %w", err)
	}
	l.h.log.Warn("what the steps write is kept here", "folder", l.runs)
	l.record.why = why
	l.brain = incident.New(l.brain.Options())
	l.downFrom, err = readOnly(ctx, path, l.brain)
	if err != nil {
		l.record.whole = false
		l.h.log.Warn("the journal is not known to its end: versions, quarantines and locks may be missing", "err", err)
	}
	return nil
}

// readOnly gives the brain what can be read of a journal.
func readOnly(ctx context.Context, path string, brain *incident.Brain) (time.Time, error) {
	j, err := journal.OpenReadOnly(ctx, path)
	if err != nil {
		return time.Time{}, err
	}
	last, err := replay(ctx, j, brain, nil)
	return last, errors.Join(err, j.Close())
}

// mayGoWithout refuses to do without the journal where it holds a run that the
// daemon would go on with.
func (r *localRecord) mayGoWithout(unfinished *incident.Run) error {
	if unfinished == nil {
		return nil
	}
	if r.why != nil {
		return &UnusableError{Err: fmt.Errorf(
			"it holds the unfinished rollback %s, which the daemon goes on with: done without the journal, its steps would run twice; copy the configuration, give it another journal.path, and use that: %w",
			unfinished.ID, r.why)}
	}
	r.lines = nil
	return nil
}

// Append makes an entry durable; see responder.Recorder.
func (r *localRecord) Append(ctx context.Context, entry []byte, m journal.Meta, out []journal.Outgoing) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == nil {
		seq, err := r.journal.Append(ctx, entry, m, out)
		if err == nil {
			r.written = true
		}
		if err == nil || r.written || r.lines == nil {
			return seq, err
		}
		r.log.Warn("the journal cannot be written: going on without it", "err", err)
		r.why = err
	}
	if _, err := fmt.Fprintf(r.lines, "%s\n", entry); err != nil {
		return 0, fmt.Errorf("an entry could not be written out: %w", err)
	}
	r.seq++
	return r.seq, nil
}

// without is why the journal is done without; nil while it is written.
func (r *localRecord) without() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// waiting is how many messages are in the journal's outbox.
func (r *localRecord) waiting(ctx context.Context) (n int) {
	if r.without() != nil {
		return 0
	}
	waiting, err := r.journal.Waiting(ctx)
	if err != nil {
		r.log.Debug("the messages that wait cannot be counted", "err", err)
	}
	for _, messages := range waiting {
		n += messages
	}
	return n
}
