package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrUnknownUse says that it cannot be told whether another process has the
// journal open.
var ErrUnknownUse = errors.New("it cannot be told whether the journal is in use")

// KeepOut takes the lock of a journal that cannot be opened for writing, without
// writing anything, so that no daemon begins while somebody acts without it. It
// fails with ErrInUse while another process writes, and with ErrUnknownUse where
// the lock cannot be looked at. release gives the lock back; it is never nil.
func KeepOut(path string) (release func() error, err error) {
	nothing := func() error { return nil }
	lock, err := os.Open(path + ".lock")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil // nobody ever had it
	case err != nil:
		return nothing, fmt.Errorf("%w: %w", ErrUnknownUse, err)
	}
	switch err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nothing, errors.Join(fmt.Errorf("%w (lock %s): is rollbackd running?", ErrInUse, path+".lock"), lock.Close())
	case err != nil:
		return nothing, errors.Join(fmt.Errorf("%w: lock %s: %w", ErrUnknownUse, path+".lock", err), lock.Close())
	}
	return lock.Close, nil
}
