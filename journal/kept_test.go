package journal_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

func kept(t *testing.T, j *journal.Journal, receiver, incident string) string {
	t.Helper()
	value, err := j.Kept(t.Context(), receiver, incident)
	must(t, err)
	return value
}

func TestWhatReceiversKeepOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{})
	add(t, j, journal.Meta{Incident: "a"}, "1", message("a1", "ops"), message("a1", "boss"))
	must(t, j.Keep(t.Context(), "ops", "a", "first"))
	must(t, j.Keep(t.Context(), "ops", "a", "second"))
	must(t, j.Keep(t.Context(), "boss", "a", "other"))
	must(t, j.Close())
	j = open(t, path, journal.Options{})
	got := []string{kept(t, j, "ops", "a"), kept(t, j, "boss", "a"), kept(t, j, "ops", "b")}
	if diff := cmp.Diff([]string{"second", "other", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatReceiversKeepIsDroppedLongAfter goes on for a year with an incident a day.
// What the last 30 days need is there, and so is what still has a message waiting;
// the table does not grow for ever.
func TestWhatReceiversKeepIsDroppedLongAfter(t *testing.T) {
	j, _ := fresh(t)
	const days = 365
	for day := range days {
		id := fmt.Sprint("inc-", day)
		at := begin().Add(time.Duration(day) * 24 * time.Hour)
		out := journal.Outgoing{ID: id + "/1", Receiver: "ops", At: at, Payload: []byte("x")}
		add(t, j, journal.Meta{Incident: id, At: at}, id, out)
		must(t, j.Keep(t.Context(), "ops", id, "thread"))
		if day != 3 {
			must(t, j.Delivered(t.Context(), out.ID, "ops", at.Add(time.Minute)))
		}
	}
	var have []int
	for day := range days {
		if kept(t, j, "ops", fmt.Sprint("inc-", day)) != "" {
			have = append(have, day)
		}
	}
	if have[0] != 3 {
		t.Errorf("the oldest is of day %d, want day 3, whose message waits", have[0])
	}
	if n := len(have); n < 31 || n > 34 || have[n-31] != days-31 {
		t.Errorf("%d are kept, from day %d on; want those of 30 days and the one that waits", n, have[1])
	}
}

func TestWithheldIsAFateOfItsOwn(t *testing.T) {
	j, path := fresh(t)
	at := begin()
	for i := 1; i <= 5; i++ {
		id := fmt.Sprint("a", i)
		add(t, j, journal.Meta{Incident: "a"}, id, journal.Outgoing{ID: id, Receiver: "ops", At: at.Add(time.Duration(i) * time.Hour), Payload: []byte("x")},
			message(id, "boss"))
	}
	add(t, j, journal.Meta{Incident: "b"}, "b1", message("b1", "ops"))
	must(t, j.Delivered(t.Context(), "a1", "ops", at))
	must(t, j.Withhold(t.Context(), "a3", "ops", at))
	must(t, j.Withhold(t.Context(), "a4", "ops", at))
	must(t, j.Withhold(t.Context(), "a1", "ops", at)) // it was delivered: nothing changes
	must(t, j.Close())
	j = open(t, path, journal.Options{})
	for id, want := range map[string]string{"a1": "delivered", "a2": "waiting", "a3": "withheld", "a4": "withheld"} {
		if got, _, err := j.Fate(t.Context(), id, "ops"); got != want || err != nil {
			t.Errorf("fate of %s: got %q (%v), want %q", id, got, err, want)
		}
	}
	tests := []struct {
		id, receiver, incident string
		since                  time.Duration
		passed, withheld       int
	}{
		{"a1", "ops", "a", 0, 0, 0},
		{"a3", "ops", "a", 0, 2, 0},
		{"a4", "ops", "a", 0, 2, 1},
		{"a5", "ops", "a", 0, 2, 2},
		{"a5", "ops", "a", 90 * time.Minute, 1, 2}, // a1 is too long ago
		{"a5", "boss", "a", -time.Hour, 4, 0},
		{"b1", "ops", "b", 0, 0, 0},
		{"a5", "ops", "", 0, 0, 0}, // a message about the daemon
	}
	for _, tt := range tests {
		passed, withheld, err := j.Earlier(t.Context(), journal.Delivery{ID: tt.id, Receiver: tt.receiver, Incident: tt.incident}, at.Add(tt.since))
		if passed != tt.passed || withheld != tt.withheld || err != nil {
			t.Errorf("before %+v: got %d passed and %d withheld (%v)", tt, passed, withheld, err)
		}
	}
}
