package story_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestThePointOfNoReturn deploys a v2 that loses every fourth order, with a
// migration that v1 cannot read. Where the migration can be undone the shop goes
// back; where it cannot, nothing but the way forward is touched; and however it
// ends, the maintenance page is off again.
func TestThePointOfNoReturn(t *testing.T) {
	t.Parallel()
	p := world.NewPostgres(t)
	t.Run("the migration can be undone", func(t *testing.T) {
		t.Parallel()
		canGoBack(t, newSite(t, p, "can_go_back"))
	})
	t.Run("the migration is marked irreversible", func(t *testing.T) {
		t.Parallel()
		cannotGoBack(t, newSite(t, p, "cannot_go_back"))
	})
	t.Run("a step fails in the middle", func(t *testing.T) {
		t.Parallel()
		failsInTheMiddle(t, newSite(t, p, "fails_in_the_middle"))
	})
	t.Run("it becomes irreversible between two steps", func(t *testing.T) {
		t.Parallel()
		passesThePoint(t, newSite(t, p, "passes_the_point"))
	})
}

func canGoBack(t *testing.T, s *site) {
	t.Helper()
	s.deploy(t, "true")
	after := s.state(t)
	closed := s.daemon.AwaitIncident(t, "shop", soon, world.InState("closed"))
	type view struct{ Outcome, State, From, To, Verified string }
	got := view{closed.Outcome, closed.Rollback.State, closed.Rollback.From, closed.Rollback.To, closed.Verification.State}
	if diff := cmp.Diff(view{"rolled_back", "completed", "v2", "v1", "passed"}, got); diff != "" {
		t.Errorf("the incident (-want +got):\n%s", diff)
	}
	checkSteps(t, s, "maintenance on", "migrate down", "restart a", "restart b", "reload", "maintenance off")
	for _, step := range closed.Rollback.Steps {
		want := "done"
		if step.Section == "forward" {
			want = "skipped"
		}
		if step.State != want {
			t.Errorf("step %s %s is %s, want %s", step.Name, step.Unit, step.State, want)
		}
	}
	s.traffic.await(t, "200 v1", 20)
	if seen := s.traffic.seen(); seen["503"] == 0 || seen["500 v2"] == 0 {
		t.Errorf("the users saw %v, want v2's errors and then the maintenance page", seen)
	}
	now := s.state(t)
	for _, name := range []string{"blue-a", "blue-b"} {
		if now.Nodes[name] == after.Nodes[name] || !strings.HasPrefix(now.Nodes[name], "v1 ") {
			t.Errorf("%s runs %s, before the rollback %s; want v1, restarted", name, now.Nodes[name], after.Nodes[name])
		}
		after.Nodes[name] = now.Nodes[name]
	}
	after.Current, after.Migrations = "v1", "1"
	if diff := cmp.Diff(after, now); diff != "" {
		t.Errorf("what the rollback left (-want +got):\n%s", diff)
	}
}

func cannotGoBack(t *testing.T, s *site) {
	t.Helper()
	s.deploy(t, "false")
	after := s.state(t)
	held := s.daemon.AwaitIncident(t, "shop", soon, world.InState("held"))
	checkPastReturn(t, s, held)
	checkSteps(t, s, "new prices off", "maintenance off")
	s.traffic.await(t, "200 v2", 20)
	if seen := s.traffic.seen(); seen["503"] > 0 {
		t.Errorf("the users saw %v, want no maintenance page: nothing on the way back was begun", seen)
	}
	after.NewPrices = "f"
	if diff := cmp.Diff(after, s.state(t)); diff != "" {
		t.Errorf("what changed beside the flag (-want +got):\n%s", diff)
	}
	// The flag was the fault: the incident ends by itself, and not as a rollback.
	closed := s.daemon.AwaitIncident(t, "shop", soon, world.InState("closed"))
	if closed.Outcome != "fixed_forward" {
		t.Errorf("the outcome is %s, want fixed_forward", closed.Outcome)
	}
}

func failsInTheMiddle(t *testing.T, s *site) {
	t.Helper()
	put(t, filepath.Join(s.root, "down.sql"), migrateDown+"SELECT 1 / 0;\n")
	s.deploy(t, "true")
	after := s.state(t)
	held := s.daemon.AwaitIncident(t, "shop", soon, world.InState("held"))
	if held.Rollback.State != "partial" || held.Decision.HeldBy != "blocked" {
		t.Errorf("the rollback is %s, the incident held by %s; want partial, blocked", held.Rollback.State, held.Decision.HeldBy)
	}
	checkSteps(t, s, "maintenance on", "migrate down", "maintenance off")
	if seen := s.traffic.seen(); seen["503"] == 0 {
		t.Errorf("the users saw %v, want the maintenance page for a while", seen)
	}
	checkTold(t, s, "failed", "FAILED shop")
	// The transaction of the migration was undone by the database: all is as it was.
	if diff := cmp.Diff(after, s.state(t)); diff != "" {
		t.Errorf("what the rollback left (-want +got):\n%s", diff)
	}
}

func passesThePoint(t *testing.T, s *site) {
	t.Helper()
	mark := append([]string{"psql"}, s.postgres.Arguments(s.database)...)
	put(t, filepath.Join(s.root, "hook"), strings.Join(mark, " ")+" --command 'UPDATE migrations SET reversible = false WHERE number = 2'\n")
	s.deploy(t, "true")
	after := s.state(t)
	held := s.daemon.AwaitIncident(t, "shop", soon, world.InState("held"))
	checkPastReturn(t, s, held)
	checkSteps(t, s, "maintenance on", "new prices off", "maintenance off")
	if step := held.Rollback.Step("migrate down"); step == nil || step.State != "skipped" || step.Attempts != 0 {
		t.Errorf("the migration's step is %+v, want it never begun", step)
	}
	after.NewPrices = "f"
	if diff := cmp.Diff(after, s.state(t)); diff != "" {
		t.Errorf("what changed beside the flag (-want +got):\n%s", diff)
	}
	s.traffic.await(t, "200 v2", 20)
	closed := s.daemon.AwaitIncident(t, "shop", soon, world.InState("closed"))
	if closed.Outcome != "unresolved" {
		t.Errorf("the outcome is %s, want unresolved: a part of the way back was begun", closed.Outcome)
	}
}

// checkPastReturn checks an incident that the point of no return holds.
func checkPastReturn(t *testing.T, s *site, i world.Incident) {
	t.Helper()
	if i.Rollback == nil || i.Rollback.State != "partial" || i.Decision.HeldBy != "point_of_no_return" {
		t.Fatalf("the rollback is %+v, the incident held by %s; want partial, point_of_no_return", i.Rollback, i.Decision.HeldBy)
	}
	checkTold(t, s, "failed", "FAILED shop")
}

// checkTold checks that a person knows that the rollback did not end well.
func checkTold(t *testing.T, s *site, event, first string) {
	t.Helper()
	told := s.inbox.Await(t, event, soon)
	if !strings.HasPrefix(told.FirstLine, first) {
		t.Errorf("people were told %q, want %s …", told.FirstLine, first)
	}
}

func checkSteps(t *testing.T, s *site, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.steps()); diff != "" {
		t.Errorf("what the plan ran (-want +got):\n%s", diff)
	}
}
