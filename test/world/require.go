package world

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Require finds a program, also where Debian keeps those that are on nobody's
// path. Without it the test fails and says what to install: what it shows has no
// substitute.
func Require(t testing.TB, program string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	places, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(places) // the newest comes last
	for _, dir := range append([]string{"/usr/sbin"}, places...) {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed (make components installs it; on Debian, as root: apt-get install %s)", program, debianPackage(program))
	return ""
}
