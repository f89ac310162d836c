package web

import (
	"fmt"
	"net"
	"syscall"
)

// peerUID is the user ID of the process on the other end, from the kernel.
func peerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var option error
	err = raw.Control(func(fd uintptr) {
		cred, option = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if option != nil {
		return 0, fmt.Errorf("SO_PEERCRED: %w", option)
	}
	return cred.Uid, nil
}
