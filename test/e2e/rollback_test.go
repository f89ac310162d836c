package e2e_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

// soon is long enough for anything that takes seconds, on a busy machine too.
const soon = 3 * time.Minute

// TestTheThreeTriggers deploys a bad v2 for each of the README's triggers. Each
// is rolled back, once and only once.
func TestTheThreeTriggers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		trigger string
		bad     world.Behaviour
	}{
		{"errors", world.Behaviour{Errors: 0.08}},
		{"slow", world.Behaviour{Latency: 800 * time.Millisecond}},
		{"health", world.Behaviour{Unhealthy: true}},
	}
	for _, tt := range tests {
		t.Run(tt.trigger, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Options{Program: program, Bus: true})
			w.Heartbeat(t, w.Bus.Connect(t), "i1", 500*time.Millisecond)
			w.Start()
			w.AwaitWell("errors", "slow", "health")
			w.Behave("v2", tt.bad)
			w.Deploy(t, "v2")

			closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
			checkRolledBack(t, closed, tt.trigger, "v2", "v1")
			checkOnce(t, w)
		})
	}
}

// checkRolledBack checks what the API says of an incident that was rolled back.
func checkRolledBack(t *testing.T, i world.Incident, trigger, from, to string) {
	t.Helper()
	if i.Outcome != "rolled_back" || i.Rollback == nil {
		t.Fatalf("incident %s: outcome %q, rollback %+v, want rolled_back", i.ID, i.Outcome, i.Rollback)
	}
	type view struct{ Mode, Trigger, Version, Previous, State, From, To, Verified string }
	got := view{
		i.Mode, i.Triggers[0].Name, i.Deployment.Version, i.Deployment.Previous, i.Rollback.State, i.Rollback.From, i.Rollback.To,
		i.Verification.State,
	}
	if diff := cmp.Diff(view{"live", trigger, from, to, "completed", from, to, "passed"}, got); diff != "" {
		t.Errorf("incident %s (-want +got):\n%s", i.ID, diff)
	}
	for _, step := range i.Rollback.Steps {
		if step.State != "done" || step.Attempts != 1 {
			t.Errorf("step %q is %s after %d attempts, want done after 1", step.Name, step.State, step.Attempts)
		}
	}
}

// checkOnce checks from the service's side that it was rolled back from v2 to v1
// just once, and that nothing more comes of it.
func checkOnce(t *testing.T, w *world.World) {
	t.Helper()
	w.Inbox.Await(t, "closed", soon)
	w.AwaitTicks(3)
	if w.Current() != "v1" || w.Running() != "v1" {
		t.Errorf("current is %s and %s runs, want v1", w.Current(), w.Running())
	}
	if diff := cmp.Diff([]string{"begin restart 1 v1", "end restart 1 v1"}, w.Steps()); diff != "" {
		t.Errorf("the restart step (-want +got):\n%s", diff)
	}
	if n := len(w.Daemon.Incidents(t, w.Name)); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
	if n := w.Daemon.Sum(t, "rollbackd_rollbacks_total", "service", w.Name); n != 1 {
		t.Errorf("rollbackd_rollbacks_total is %g, want 1", n)
	}
	for _, event := range []string{"acting", "closed"} {
		if n := len(w.Inbox.Messages(event)); n != 1 {
			t.Errorf("people were told %q in %d messages, want one: %+v", event, n, w.Inbox.Deliveries(""))
		}
	}
}

// TestABadVersionAfterARolledBackOne deploys a bad v3 after a bad v2 was undone:
// "the one before" is v2 by every record, and v1 is the right one.
func TestABadVersionAfterARolledBackOne(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program})
	w.Start()
	w.AwaitWell("errors", "slow")
	for number, version := range []string{"v2", "v3"} {
		w.Behave(version, world.Behaviour{Errors: 0.08})
		w.Deploy(t, version)
		closed := w.Daemon.AwaitIncident(t, w.Name, soon, func(i world.Incident) bool {
			return i.State == "closed" && i.Deployment.Version == version
		})
		checkRolledBackTo(t, closed, version, "v1")
		if n := len(w.Daemon.Incidents(t, w.Name)); n != number+1 {
			t.Errorf("after %s: %d incidents, want %d", version, n, number+1)
		}
	}
	want := []string{"begin restart 1 v1", "end restart 1 v1", "begin restart 1 v1", "end restart 1 v1"}
	if diff := cmp.Diff(want, w.Steps()); diff != "" {
		t.Errorf("the restart steps (-want +got):\n%s", diff)
	}
	var versions []struct{ Version, Standing string }
	w.Daemon.Get(t, "/api/v1/services/checkout/versions", &versions)
	quarantined := []string{}
	for _, v := range versions {
		if v.Standing == "quarantined" {
			quarantined = append(quarantined, v.Version)
		}
	}
	slices.Sort(quarantined)
	if diff := cmp.Diff([]string{"v2", "v3"}, quarantined); diff != "" {
		t.Errorf("quarantined versions (-want +got):\n%s", diff)
	}
	checkMetrics(t, w)
}

// checkMetrics runs Prometheus's own linter over /metrics.
func checkMetrics(t *testing.T, w *world.World) {
	t.Helper()
	promtool := exec.Command(world.Need(t, "promtool"), "check", "metrics")
	promtool.Stdin = strings.NewReader(w.Daemon.Metrics(t))
	if out, err := promtool.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func checkRolledBackTo(t *testing.T, i world.Incident, from, to string) {
	t.Helper()
	if i.Outcome != "rolled_back" || i.Rollback == nil || i.Rollback.From != from || i.Rollback.To != to || i.Rollback.State != "completed" {
		t.Fatalf("incident %s: outcome %q, rollback %+v, want %s rolled back to %s", i.ID, i.Outcome, i.Rollback, from, to)
	}
}
