package journal_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

func TestElder(t *testing.T) {
	j, _ := fresh(t)
	for _, id := range []string{"a1", "b1", "a2", "a3"} {
		add(t, j, journal.Meta{Incident: id[:1]}, id, message(id, "ops"), message(id, "boss"))
	}
	add(t, j, journal.Meta{}, "x1", message("x1", "ops"))
	add(t, j, journal.Meta{}, "x2", message("x2", "ops"))
	check := func(when string, d journal.Delivery, want string) {
		t.Helper()
		got, found, err := j.Elder(t.Context(), d)
		if err != nil || found != (want != "") || got.ID != want {
			t.Errorf("%s: %q, %v, %v, want %q", when, got.ID, found, err, want)
		}
	}
	a3 := journal.Delivery{ID: "a3", Receiver: "ops", Incident: "a"}
	check("the oldest", a3, "a1")
	late := journal.Delivery{
		ID: "a1", Receiver: "ops", Incident: "a", At: begin(), Due: begin().Add(time.Hour), Payload: []byte("payload of a1"),
		Attempts: 3, LastError: "refused", Refused: true,
	}
	must(t, j.Postpone(t.Context(), late))
	check("one that is not due and was refused", a3, "a1")
	got, _, err := j.Elder(t.Context(), a3)
	must(t, err)
	if diff := cmp.Diff(late, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, j.Delivered(t.Context(), "a1", "ops", begin()))
	check("the next oldest", a3, "a2")
	check("of another receiver", journal.Delivery{ID: "a3", Receiver: "boss", Incident: "a"}, "a1")
	must(t, j.GiveUp(t.Context(), journal.Delivery{ID: "a2", Receiver: "ops"}, begin()))
	check("none is left", a3, "")
	check("of another incident", journal.Delivery{ID: "b1", Receiver: "ops", Incident: "b"}, "")
	check("about the daemon", journal.Delivery{ID: "x2", Receiver: "ops"}, "")
	check("one that is not there", journal.Delivery{ID: "a9", Receiver: "boss", Incident: "a"}, "")
}
