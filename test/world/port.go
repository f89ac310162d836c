package world

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// KeepPort is a TCP port of 127.0.0.1 that is the test's own until its end. Whoever
// is told of it may listen there, again after a pause too; while nobody does,
// connections are refused. A port that is merely found free is anybody's by the time
// that it is used.
func KeepPort(t testing.TB) int {
	t.Helper()
	// A socket that is bound and does not listen keeps the port from those who take
	// any, and not from those who ask for it, where both say SO_REUSEADDR, as Go does.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(os.NewSyscallError("setsockopt", err))
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(os.NewSyscallError("getsockname", err))
	}
	return name.(*syscall.SockaddrInet4).Port
}

// local is a port's address.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
