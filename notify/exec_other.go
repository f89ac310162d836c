//go:build !unix

package notify

import (
	"os"
	"syscall"
)

// Without process groups only the program itself is ended.
func ownGroup() *syscall.SysProcAttr { return nil }

func endGroup(p *os.Process) error { return p.Kill() }

func killGroup(*os.Process) {}
