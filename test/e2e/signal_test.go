package e2e_test

import (
	"fmt"
	"testing"

	"github.com/rollbackd/rollbackd/test/world"
)

// onlyTold are triggers on what is said alone: nothing that could be measured is
// wrong with the service.
const onlyTold = `errors = { when = "error_rate > 1% for 3s", severity = "critical" }
told = { when = "event validation_failed", severity = "medium" }`

// TestASignalRollsBack says by NATS that v2 did not pass its validation: first as it
// is, so that a person is asked; the daemon is killed, and the question stands; then
// as critical, and v2 is undone.
func TestASignalRollsBack(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true, Triggers: onlyTold})
	c := w.Bus.Connect(t)
	w.Start()
	w.AwaitWell("errors", "told")
	awaitSource(t, w, 1)
	w.Deploy(t, "v2")
	world.Await(t, "v2 to be seen", soon, func() (bool, string) {
		running := w.Daemon.Service(t, w.Name).RunningVersion
		return running == "v2", running
	})
	subject := "rollbackd.v1.signal." + w.Name
	publish(t, c, subject, []byte(`{"name":"validation_fialed"}`))
	publish(t, c, subject, []byte(`{"name":"validation_failed","id":"1","by":"ci"}`))
	publish(t, c, subject, []byte(`{"name":"validation_failed","id":"1","by":"ci"}`))
	asked := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("awaiting_approval"))
	world.Await(t, "two signals to be refused", soon, func() (bool, string) {
		n := w.Daemon.Sum(t, "rollbackd_events_rejected_total")
		return n == 2, fmt.Sprint(n)
	})
	w.Daemon.Kill(t)
	w.Start()
	awaitSource(t, w, 1)
	w.Daemon.AwaitTrigger(t, w.Name, "told", soon, func(tr world.Trigger) bool { return tr.State == "firing" })
	publish(t, c, subject, []byte(`{"name":"validation_failed","id":"2","by":"ci","severity":"critical"}`))
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	if closed.ID != asked.ID {
		t.Errorf("incident %s was closed, want %s, that of before the crash", closed.ID, asked.ID)
	}
	checkRolledBack(t, closed, "told", "v2", "v1")
}
