package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Errors that a caller can tell apart. A damaged file is a *CorruptError.
var (
	// ErrInUse says that another process has the journal open for writing.
	ErrInUse = errors.New("journal is in use")
	// ErrFull says that the disk is full. The journal is whole, and the same
	// entry can be appended once there is room.
	ErrFull = errors.New("journal: disk full")
	// ErrLost says that a write failed half-way in the operating system. What
	// is on the disk is then not known, so nothing more is written until the
	// daemon starts again and reads the file back.
	ErrLost = errors.New("journal is lost until the daemon is started again")
	// ErrReadOnly is the answer to a write where OpenReadOnly opened the file.
	ErrReadOnly = errors.New("journal was opened for reading only")
)

// Options are the journal's limits. The zero value reserves nothing, warns of
// nothing and logs nothing.
type Options struct {
	// MinFree is the free space in bytes below which Low reports true.
	MinFree uint64
	// Reserve is the size in bytes of the file that is kept beside the journal
	// to be given up when the disk is full. Zero keeps none.
	Reserve int64
	// Logger takes what is worth a person's attention but stops nothing; nil
	// logs nothing.
	Logger hclog.Logger
}

// Meta is what an entry can be found by. The texts must not hold a line break.
type Meta struct {
	At       time.Time
	Kind     string
	Service  string
	Incident string
	// Lasting is the entry as it stays once RemoveDetails was called for its
	// incident: the same bytes without one piece of them. Nil, or anything else, is an
	// entry that always stays as it is.
	Lasting []byte
	// Spend is true for an entry that must be written even when the disk is full,
	// as one that a rollback in flight needs in order to finish: for it the
	// reserve is given up, and what is then free is kept for such entries.
	Spend bool
	// Summary is that of the entry's incident after it; nil leaves the one there is.
	Summary *Summary
}

// Outgoing is one message to one receiver, to be delivered at least once.
type Outgoing struct {
	// ID is the message's own, the same for every receiver and every attempt.
	ID       string
	Receiver string
	At       time.Time
	Payload  []byte
}

// Journal is an open journal. All methods may be called at the same time from
// several goroutines; reading never waits for writing.
type Journal struct {
	path    string
	options Options
	log     hclog.Logger
	lock    *os.File // nil where read-only
	read    *sql.DB
	columns string // of a row, in a file of its version

	// clerk lets one bookkeeper of the outbox at a time compete for mu, so that
	// an entry waits for at most one of them, however many receivers there are.
	clerk sync.Mutex
	mu    sync.Mutex // guards all below
	write *sql.DB    // one connection; nil where read-only
	head  row
	lost  error
	// release gives up the reserve; it fails where there is none.
	release func() error
	// free is the space that is left.
	free func() (uint64, error)

	// spent is true once the reserve was given up. It and trouble are set under mu,
	// and read without it: nobody who asks waits for a disk.
	spent atomic.Bool
	// trouble is how the newest entries fared; nil for well.
	trouble atomic.Pointer[Trouble]
}

// Open opens the journal for writing and makes it, for its owner alone, if it
// is not there; so with its directory, whose parent must exist. It checks the
// newest entries; Replay and Verify check all of them. It fails with ErrInUse
// while another process writes, and with a *CorruptError on a damaged file.
func Open(ctx context.Context, path string, o Options) (*Journal, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, options: o, log: o.Logger, lock: lock, columns: columns}
	if j.log == nil {
		j.log = hclog.NewNullLogger()
	}
	j.release, j.free = j.removeReserve, j.statFree
	if err := j.open(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// open does the part of Open that needs the lock.
func (j *Journal) open(ctx context.Context) (err error) {
	made, err := createFile(j.path)
	defer func() {
		if err != nil && made {
			err = errors.Join(err, unmake(j.path))
		}
	}()
	if err != nil {
		return err
	}
	if err := j.keepReserve(); err != nil {
		j.log.Warn("no space is reserved for a full disk", "journal", j.path, "err", err)
	}
	if j.write, err = database(j.path, writing); err != nil {
		return err
	}
	if j.read, err = database(j.path, reading); err != nil {
		return err
	}
	if err := prepareSchema(ctx, j.write); err != nil {
		return j.explain(err, 0)
	}
	return j.loadHead(ctx)
}

// OpenReadOnly opens an existing journal for reading, whether or not a daemon
// is writing to it. Head is that of the moment of opening.
func OpenReadOnly(ctx context.Context, path string) (*Journal, error) {
	j, err := openUnread(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := j.loadHead(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// openUnread opens an existing journal for reading, and reads none of its entries.
func openUnread(ctx context.Context, path string) (*Journal, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	mode := reading
	if !canHoldWAL(path) {
		mode = frozen
	}
	j := &Journal{path: path, log: hclog.NewNullLogger(), release: func() error { return ErrReadOnly }}
	j.free = j.statFree
	if j.read, err = database(path, mode); err != nil {
		return nil, err
	}
	if j.columns, err = columnsOf(ctx, j.read); err != nil {
		return nil, errors.Join(j.explain(err, 0), j.Close())
	}
	return j, nil
}

// Close closes the journal and lets another process have it. Nothing is lost
// without it: every entry is durable already.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, db := range []*sql.DB{j.read, j.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
		j.lock = nil
	}
	if j.lost == nil {
		j.lost = errors.New("journal is closed")
	}
	return errors.Join(errs...)
}

// Head is the newest entry's number and hash: 0 and "" while there is none.
func (j *Journal) Head() (seq uint64, hash string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head.seq, j.head.hash
}
