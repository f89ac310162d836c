package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

const (
	// forty is how many services break at once.
	forty = 40
	// eventually is long enough for all of them.
	eventually = 4 * time.Minute
	// alone takes the guard against common causes away, so that the others show.
	alone = "correlated = { services = 41, share = \"100%\" }\n"
)

// TestFortyServicesAtOnce breaks forty services with forty deployments in one
// moment. Whatever guard is the narrowest decides how many act, and the rest are
// held by it and say so.
func TestFortyServicesAtOnce(t *testing.T) {
	t.Parallel()
	t.Run("max_concurrent", func(t *testing.T) {
		t.Parallel()
		f := world.NewFleet(t, world.FleetOptions{Program: program, Size: forty, Guards: alone + "max_concurrent = 3\nmax_per_hour = 40"})
		f.BreakAll(t)
		// The first three are kept inside their step: all others must wait for them.
		awaitStates(t, f, map[string]int{"rolling_back": 3, "held by concurrency": forty - 3})
		awaitInside(t, f, 3) // planned and checked first, so a little later
		checkActing(t, f, 3, 3, 0)
		f.Open(t)
		awaitStates(t, f, map[string]int{"closed rolled_back": forty})
		checkActing(t, f, 0, 3, forty)
	})
	t.Run("max_per_hour", func(t *testing.T) {
		t.Parallel()
		f := world.NewFleet(t, world.FleetOptions{Program: program, Size: forty, Guards: alone + "max_concurrent = 2\nmax_per_hour = 5"})
		f.BreakAll(t)
		awaitStates(t, f, map[string]int{"rolling_back": 2, "held by concurrency": forty - 2})
		f.Open(t)
		awaitStates(t, f, map[string]int{"closed rolled_back": 5, "held by budget": forty - 5})
		checkActing(t, f, 0, 2, 5)
	})
	t.Run("correlated", func(t *testing.T) {
		t.Parallel()
		f := world.NewFleet(t, world.FleetOptions{Program: program, Size: forty})
		f.BreakAll(t)
		// Each has a deployment of its own that explains it, and none explains the
		// others: nothing goes by itself.
		awaitStates(t, f, map[string]int{"held by correlated": forty})
		checkActing(t, f, 0, 0, 0)
	})
}

// awaitStates waits until the newest incidents of all services are in states like
// these, by how many.
func awaitStates(t *testing.T, f *world.Fleet, want map[string]int) {
	t.Helper()
	world.Await(t, fmt.Sprintf("the incidents to be %v", want), eventually, func() (bool, string) {
		got := map[string]int{}
		for _, i := range f.Daemon.Newest(t) {
			got[standing(i)]++
		}
		return cmp.Equal(want, got), fmt.Sprint(got)
	})
}

// standing is an incident's state in a few words.
func standing(i world.Incident) string {
	switch {
	case i.State == "closed":
		return "closed " + i.Outcome
	case i.Decision.HeldBy != "":
		return i.State + " by " + i.Decision.HeldBy
	}
	return i.State
}

// awaitInside waits until so many rollbacks are inside their step.
func awaitInside(t *testing.T, f *world.Fleet, want int) {
	t.Helper()
	world.Await(t, fmt.Sprintf("%d rollbacks to be inside their step", want), eventually, func() (bool, string) {
		now, _, _ := f.Acting()
		return now == want, fmt.Sprint(now)
	})
}

// checkActing checks how many rollbacks are inside their step, were at the most
// at the same time, and are done with it.
func checkActing(t *testing.T, f *world.Fleet, now, most, ended int) {
	t.Helper()
	type acting struct{ Now, Most, Ended int }
	var got acting
	got.Now, got.Most, got.Ended = f.Acting()
	if diff := cmp.Diff(acting{now, most, ended}, got); diff != "" {
		t.Errorf("rollbacks inside their step (-want +got):\n%s", diff)
	}
}
