package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// deniedError says that the daemon's socket is not for whoever asks.
type deniedError struct{ path string }

// Error says who may open it.
func (e *deniedError) Error() string {
	return fmt.Sprintf("this user may not open the daemon's socket %s: %s", e.path, whoMay(e.path))
}

// denied makes an error of a connection say that permission is missing, where that
// is what keeps us out.
func denied(address string, err error) error {
	path, local := strings.CutPrefix(address, "unix:")
	if !local || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &deniedError{strings.TrimPrefix(path, "//")}
}

// whoMay is who may open a socket: what keeps others out is itself, or the nearest
// of its folders that can be looked at.
func whoMay(path string) string {
	const asRoot = "try it as root"
	info, err := os.Stat(path)
	shut := path
	for err != nil {
		parent := filepath.Dir(shut)
		if parent == shut {
			return asRoot
		}
		shut = parent
		info, err = os.Stat(shut)
	}
	owned, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return asRoot
	}
	// Nobody is to be made a member of root's own group for this. A socket is opened by writing to it, what is in a folder by passing through it.
	needed := fs.FileMode(0o020)
	if info.IsDir() {
		needed = 0o010
	}
	if info.Mode()&needed == 0 || owned.Gid == 0 {
		return fmt.Sprintf("%s is open to %s and root alone, to no group of users (%s)", shut, ownerName(owned.Uid), asRoot)
	}
	return fmt.Sprintf("%s is for %s and the members of the group %s (usermod -aG adds one, who must log in again; or %s)",
		shut, ownerName(owned.Uid), groupName(owned.Gid), asRoot)
}

// ownerName is a user's name; the number where there is none.
func ownerName(uid uint32) string {
	id := decimal(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// groupName is a group's name; the number where there is none.
func groupName(gid uint32) string {
	id := decimal(gid)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

func decimal(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
