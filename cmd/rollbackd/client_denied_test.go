package main

import (
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// refusedBy makes a socket and says what a command of somebody who may not open it
// would print.
func refusedBy(t *testing.T, mode fs.FileMode) (path, text string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "r.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	connecting := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}
	e := &unreachableError{address: "unix:" + path, err: denied("unix:"+path, connecting)}
	return path, e.Error()
}

func TestASocketThatIsNotForUsSaysForWhom(t *testing.T) {
	path, text := refusedBy(t, 0o660)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	whose := "to no group of users"
	if id := groupIDOf(t, info); id != "0" {
		group, err := user.LookupGroupId(id)
		if err != nil {
			t.Fatal(err)
		}
		whose = "the members of the group " + group.Name
	}
	for _, want := range []string{"may not open the daemon's socket " + path, whose, "as root"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if strings.Contains(text, "is it running") {
		t.Errorf("it runs: %q", text)
	}
	if _, text := refusedBy(t, 0o600); !strings.Contains(text, "to no group of users") {
		t.Errorf("a socket for its owner alone: %q", text)
	}
}

func TestNoDaemonIsStillNoDaemon(t *testing.T) {
	err := os.NewSyscallError("connect", syscall.ENOENT)
	if e := (&unreachableError{address: "unix:/nowhere", err: denied("unix:/nowhere", err)}).Error(); !strings.Contains(e, "is it running?") {
		t.Errorf("got %q", e)
	}
}

// groupIDOf is the number of a file's group.
func groupIDOf(t *testing.T, info fs.FileInfo) string {
	t.Helper()
	owned, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("files have no group here")
	}
	return decimal(owned.Gid)
}
