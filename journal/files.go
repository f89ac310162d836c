package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// makeDirectory makes the journal's directory for its owner alone. Its parent
// must exist: a whole missing tree is more likely a typing error or a volume
// that is not mounted than a wish.
func makeDirectory(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return fmt.Errorf("journal directory: %w", err)
}

// smallestDatabase is SQLite's smallest page: no database has fewer bytes.
const smallestDatabase = 512

// createFile makes an empty file if there is none, and makes its name durable:
// SQLite syncs the directory for its log but not for the database itself. One that
// is there and has next to nothing in it has lost it: SQLite would begin anew in
// silence.
func createFile(path string) (made bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Stat(path)
		if err == nil && info.Size() < smallestDatabase {
			return false, &CorruptError{Path: path, Problem: fmt.Sprintf("it has %d bytes left", info.Size())}
		}
		return false, err
	}
	if err != nil {
		return false, fmt.Errorf("journal: %w", err)
	}
	if err := f.Close(); err != nil {
		return true, fmt.Errorf("journal: %w", err)
	}
	return true, syncDirectory(filepath.Dir(path))
}

// unmake removes a file that was made just now and never became a journal, so
// that the next start does not take it for one that has lost everything.
func unmake(path string) error {
	var errs []error
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// acquire takes the lock that keeps a second daemon out. The kernel frees it
// when the process ends, however it ends; steps do not inherit it.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		err = fmt.Errorf("%w by process %s (lock %s): is another rollbackd running?", ErrInUse, strings.TrimSpace(string(holder)), path)
		return nil, errors.Join(err, f.Close())
	}
	if err := writeHolder(f); err != nil {
		return nil, errors.Join(fmt.Errorf("journal lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// writeHolder leaves our process id for the one who finds the lock taken. On a
// full disk the lock is still good without it.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

// canHoldWAL tells whether a reader can have SQLite's shared memory beside the
// file: it is there, or it can be made.
func canHoldWAL(path string) bool {
	if _, err := os.Stat(path + "-wal"); err == nil {
		return true
	}
	const write = 2 // W_OK of access(2), which also knows read-only mounts
	return syscall.Access(filepath.Dir(path), write) == nil
}

func (j *Journal) reservePath() string { return j.path + ".reserve" }

// keepReserve makes the reserve anew where it is missing or of another size.
// It is filled with bytes that no file system can compress away.
func (j *Journal) keepReserve() error {
	path, size := j.reservePath(), j.options.Reserve
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if size <= 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		// Half a reserve would fill the disk and be taken for a whole one.
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// removeReserve gives the reserve back to the disk.
func (j *Journal) removeReserve() error { return os.Remove(j.reservePath()) }

// SpendReserve gives the reserve back to the disk, for a caller that must write
// something else. What is then free is kept for entries that may spend it, as
// after Append spent it. It is made again at the next Open. It fails with
// fs.ErrNotExist where there is none.
func (j *Journal) SpendReserve() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.release(); err != nil {
		return err
	}
	j.spent.Store(true)
	return nil
}

// Free is the space in bytes that is left for the journal.
func (j *Journal) Free() (bytes uint64, err error) { return j.free() }

func (j *Journal) statFree() (bytes uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(j.path), &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", filepath.Dir(j.path), err)
	}
	return s.Bavail * uint64(max(s.Bsize, 0)), nil
}

// Low tells whether less than Options.MinFree is left.
func (j *Journal) Low() (bool, error) {
	free, err := j.Free()
	return err == nil && free < j.options.MinFree, err
}
