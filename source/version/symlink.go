package version

import (
	"fmt"
	"os"
	"path/filepath"
)

// readLink is the version that a link names: the base name of what it points to.
// A link that dangles names nothing that could be running, and a thing that is no
// link does not say which of its neighbours it is.
func readLink(path string) (string, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", fmt.Errorf("deployment.symlink: want a symbolic link to the running release: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("deployment.symlink: %s points to %s, which cannot be read: %w", path, target, err)
	}
	base := filepath.Base(target)
	if base == "." || base == ".." || base == string(filepath.Separator) {
		return "", fmt.Errorf("deployment.symlink: %s points to %q, which names no version", path, target)
	}
	return base, nil
}
