package incident_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// TestWhoWaitsForWhom: an incident that asks waits for a person from the question
// on; an acknowledgement answers for the person, and changes nothing else.
func TestWhoWaitsForWhom(t *testing.T) {
	w := asking(t, nil)
	asked := w.incident("shop")
	if asked.State != incident.AwaitingApproval || !asked.WaitsForPerson() {
		t.Fatalf("%s does not wait for a person", asked.State)
	}
	since := asked.UnansweredSince()
	if since.IsZero() || since.Before(asked.OpenedAt) || since.After(w.now) {
		t.Errorf("waited for since %s, opened at %s", since, asked.OpenedAt)
	}
	w.run(5 * time.Minute)
	if got := w.incident("shop").UnansweredSince(); !got.Equal(since) {
		t.Errorf("five minutes later it is said to wait since %s, and not since %s", got, since)
	}
	w.say(incident.Command{Verb: "ack", Actor: "alice"})
	if acked := w.incident("shop"); !acked.UnansweredSince().IsZero() || !acked.WaitsForPerson() {
		t.Errorf("acknowledged: unanswered since %s, waits %t", acked.UnansweredSince(), acked.WaitsForPerson())
	}
	w.say(incident.Command{Verb: "veto", Actor: "alice"})
	if vetoed := w.incident("shop"); vetoed.WaitsForPerson() || !vetoed.UnansweredSince().IsZero() {
		t.Errorf("vetoed: unanswered since %s, waits %t", vetoed.UnansweredSince(), vetoed.WaitsForPerson())
	}
}
