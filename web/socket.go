package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketMode lets the owner and the group send commands, and nobody else.
const socketMode fs.FileMode = 0o660

// answerWithin is how long a daemon that holds the socket may take to answer.
const answerWithin = time.Second

// socket is a listening unix socket. Closing it removes its file.
type socket struct {
	*net.UnixListener
	path string
	lock *os.File
}

// listenSocket listens at path. The file of a daemon that is gone is replaced;
// a daemon that lives, or a file that is no socket, is an error.
func listenSocket(ctx context.Context, path string) (*socket, error) {
	lock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	listener, err := replaceSocket(ctx, path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &socket{UnixListener: listener, path: path, lock: lock}, nil
}

// lockSocket keeps two daemons that start at once from each taking the other's
// new socket for a stale one. The kernel drops the lock with the process.
func lockSocket(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: another daemon uses it", path), lock.Close())
	}
	return lock, nil
}

// replaceSocket makes the socket in a directory that only we can enter and
// moves it into place with its mode set: at no moment can anyone else connect.
func replaceSocket(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := checkStale(ctx, path); err != nil {
		return nil, err
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	defer func() { _ = os.Remove(private) }() // empty by then, or of no further use
	name := filepath.Join(private, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false)
	err = os.Chmod(name, socketMode)
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name)
		return nil, errors.Join(fmt.Errorf("socket %s: %w", path, err), listener.Close())
	}
	return listener, nil
}

// checkStale returns an error unless path is free or left behind by a daemon
// that is gone.
func checkStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("socket %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("socket %s: there is a file that is not a socket; move it away", path)
	}
	dialer := net.Dialer{Timeout: answerWithin}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("socket %s: another daemon answers on it", path), conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("socket %s: cannot tell whether another daemon uses it: %w", path, err)
}

// Close stops listening and removes the socket's file. The lock file stays: a
// daemon that waits for it may have it open already.
func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil // closed before; the path may be another daemon's by now
	}
	remove := os.Remove(s.path)
	if errors.Is(remove, fs.ErrNotExist) {
		remove = nil
	}
	return errors.Join(err, remove, s.lock.Close())
}
