package world

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// glance is the pause between two looks at something that is awaited.
const glance = 20 * time.Millisecond

// slow is long enough for what takes seconds, on a machine that is busy with all
// of a fleet.
const slow = 2 * time.Minute

// Await looks until done says true, and fails the test when that takes longer
// than within. What done saw last is shown then.
func Await(t testing.TB, what string, within time.Duration, done func() (ok bool, saw string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, saw := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s; saw %s", within, what, saw)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the test ended while it waited for %s; saw %s", what, saw)
		case <-time.After(glance):
		}
	}
}

// requireComponents is the variable that makes a missing program a failure: set
// it to 1 where everything was installed on purpose.
const requireComponents = "REQUIRE_COMPONENTS"

// Need finds a program on the path. Without it the test is skipped, and says
// which program is missing; with REQUIRE_COMPONENTS=1 it fails.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv(requireComponents) == "1" {
		t.Fatalf("%s is not installed, and %s=1 wants it", program, requireComponents)
	}
	t.Skipf("%s is not installed (on Debian: apt-get install %s)", program, debianPackage(program))
	return ""
}

func debianPackage(program string) string {
	switch program {
	case "promtool":
		return "prometheus"
	case "initdb", "postgres":
		return "postgresql"
	case "psql":
		return "postgresql-client"
	case "script":
		return "bsdutils"
	}
	return program
}
