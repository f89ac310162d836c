package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

func message(id, receiver string) journal.Outgoing {
	return journal.Outgoing{ID: id, Receiver: receiver, At: begin(), Payload: []byte("payload of " + id)}
}

// ids are those that are due at a time, in the order in which they are tried.
func ids(t *testing.T, j *journal.Journal, receiver string, now time.Time) []string {
	t.Helper()
	waiting, err := j.Due(t.Context(), receiver, now, 10)
	if err != nil {
		t.Fatal(err)
	}
	var due []string
	for _, d := range waiting {
		if !d.Due.After(now) {
			due = append(due, d.ID)
		}
	}
	return due
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOutboxKeepsTheOrderOfEachIncident(t *testing.T) {
	j, _ := fresh(t)
	add(t, j, journal.Meta{Incident: "a"}, "1", message("a1", "ops"), message("a1", "boss"))
	add(t, j, journal.Meta{Incident: "a"}, "2", message("a2", "ops"))
	add(t, j, journal.Meta{Incident: "b"}, "3", message("b1", "ops"))
	add(t, j, journal.Meta{}, "4", message("x1", "ops"))
	add(t, j, journal.Meta{}, "5", message("x2", "ops"))

	check := func(when string, now time.Time, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, ids(t, j, "ops", now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("at first", begin(), "a1", "b1", "x1", "x2")
	later := begin().Add(time.Minute)
	must(t, j.Postpone(t.Context(), journal.Delivery{ID: "a1", Receiver: "ops", Due: later, Attempts: 1, LastError: "refused"}))
	check("while a1 waits, a2 waits behind it", begin(), "b1", "x1", "x2")
	check("the least tried come first", later, "b1", "x1", "x2", "a1")
	must(t, j.Delivered(t.Context(), "a1", "ops", later))
	check("after a1", begin(), "a2", "b1", "x1", "x2")
	must(t, j.GiveUp(t.Context(), journal.Delivery{ID: "a2", Receiver: "ops", Attempts: 9, LastError: "gone"}, later))
	check("after a2", begin(), "b1", "x1", "x2")
	if diff := cmp.Diff([]string{"a1"}, ids(t, j, "boss", begin())); diff != "" {
		t.Errorf("another receiver has its own (-want +got):\n%s", diff)
	}
	fates := map[string]string{"a1": "delivered", "a2": "given_up", "b1": "waiting", "none": ""}
	for id, want := range fates {
		if got, _, err := j.Fate(t.Context(), id, "ops"); got != want || err != nil {
			t.Errorf("fate of %s: got %q (%v), want %q", id, got, err, want)
		}
	}
}

func TestARefusedMessageHoldsBackNoOther(t *testing.T) {
	later := begin().Add(time.Minute)
	tests := []struct {
		name string
		give journal.Delivery
		want []string
	}{
		{"failed once", journal.Delivery{Attempts: 1}, []string{"b1"}},
		{"failed twice", journal.Delivery{Attempts: 2}, []string{"b1"}},
		{"failed three times", journal.Delivery{Attempts: 3}, []string{"a2", "b1"}},
		{"refused", journal.Delivery{Attempts: 1, Refused: true}, []string{"a2", "b1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, _ := fresh(t)
			for _, id := range []string{"a1", "a2", "a3", "b1"} {
				add(t, j, journal.Meta{Incident: id[:1]}, id, message(id, "ops"), message(id, "boss"))
			}
			tt.give.ID, tt.give.Receiver, tt.give.Due = "a1", "ops", later
			must(t, j.Postpone(t.Context(), tt.give))
			if diff := cmp.Diff(tt.want, ids(t, j, "ops", begin())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"a1", "b1"}, ids(t, j, "boss", begin())); diff != "" {
				t.Errorf("another receiver (-want +got):\n%s", diff)
			}
			must(t, j.Delivered(t.Context(), "a2", "ops", begin()))
			if got := ids(t, j, "ops", later); !slices.Contains(got, "a1") {
				t.Errorf("got %q, want a1 tried again", got)
			}
		})
	}
}

func TestWaitingIsCountedByReceiver(t *testing.T) {
	j, _ := fresh(t)
	add(t, j, journal.Meta{}, "1", message("m", "ops"), message("m", "former"))
	add(t, j, journal.Meta{}, "2", message("n", "former"))
	must(t, j.Delivered(t.Context(), "m", "ops", begin()))
	got, err := j.Waiting(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[string]int{"former": 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all, err := j.Backlogs(t.Context())
	must(t, err)
	want := journal.Backlog{Receiver: "former", Messages: 2, Since: begin()}
	if diff := cmp.Diff([]journal.Backlog{want}, all); diff != "" {
		t.Errorf("before an attempt (-want +got):\n%s", diff)
	}
	must(t, j.Postpone(t.Context(), journal.Delivery{ID: "m", Receiver: "former", Due: begin(), Attempts: 1, LastError: "refused"}))
	all, err = j.Backlogs(t.Context())
	must(t, err)
	want.Failed, want.LastError = true, "refused"
	if diff := cmp.Diff([]journal.Backlog{want}, all); diff != "" {
		t.Errorf("after one that failed (-want +got):\n%s", diff)
	}
}

func TestAnOlderJournalIsBroughtUpToDate(t *testing.T) {
	j, path := fresh(t)
	add(t, j, journal.Meta{Incident: "a"}, "1", message("a1", "ops"))
	must(t, j.Close())
	tamper(t, path, "DROP INDEX entries_with_details", "DROP TRIGGER entries_are_final",
		"ALTER TABLE entries DROP COLUMN detail", "ALTER TABLE entries DROP COLUMN detail_at", "ALTER TABLE entries DROP COLUMN detail_hash",
		"CREATE TRIGGER entries_are_final BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'a journal entry is never changed'); END")
	tamper(t, path, "ALTER TABLE outbox RENAME TO newer", "DROP INDEX outbox_of_incident", "DROP INDEX outbox_waiting",
		`CREATE TABLE outbox (n INTEGER PRIMARY KEY, id TEXT NOT NULL, receiver TEXT NOT NULL, incident TEXT NOT NULL, at INTEGER NOT NULL, payload BLOB NOT NULL,
			state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')), due INTEGER NOT NULL DEFAULT 0,
			attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '', ended INTEGER NOT NULL DEFAULT 0, UNIQUE (id, receiver)) STRICT`,
		"CREATE INDEX outbox_waiting ON outbox (receiver, incident, n) WHERE state = 'waiting'",
		"INSERT INTO outbox (id, receiver, incident, at, payload) SELECT id, receiver, incident, at, payload FROM newer", "DROP TABLE newer", "DROP TABLE kept", "DROP TABLE summaries", "PRAGMA user_version = 1")
	old, err := journal.OpenReadOnly(t.Context(), path)
	must(t, err)
	if diff := cmp.Diff([]string{"1"}, replay(t, old)); diff != "" {
		t.Errorf("read as it is (-want +got):\n%s", diff)
	}
	must(t, old.Close())
	look, err := journal.Inspect(t.Context(), path)
	must(t, err)
	must(t, look.Rows(t.Context(), func(r journal.Row) error { return r.Follow(journal.Row{}) }))
	must(t, look.Close())
	for range 2 {
		j = open(t, path, journal.Options{})
		if diff := cmp.Diff([]string{"a1"}, ids(t, j, "ops", begin())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must(t, j.Close())
	}
	j = open(t, path, journal.Options{})
	must(t, j.Withhold(t.Context(), "a1", "ops", begin())) // which version 2 did not know
	if got, _, err := j.Fate(t.Context(), "a1", "ops"); got != "withheld" || err != nil {
		t.Errorf("got %q (%v), want withheld", got, err)
	}
}

func TestOutboxSurvivesClosing(t *testing.T) {
	j, path := fresh(t)
	add(t, j, journal.Meta{Incident: "a"}, "1", message("a1", "ops"))
	want := journal.Delivery{
		ID: "a1", Receiver: "ops", Incident: "a", At: begin(), Due: begin().Add(time.Hour), Payload: []byte("payload of a1"),
		Attempts: 3, LastError: "timeout", Refused: true,
	}
	must(t, j.Postpone(t.Context(), want))
	must(t, j.Close())

	got, err := open(t, path, journal.Options{}).Due(t.Context(), "ops", begin(), 5)
	must(t, err)
	if diff := cmp.Diff([]journal.Delivery{want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSameMessageIsNotQueuedTwice(t *testing.T) {
	j, _ := fresh(t)
	add(t, j, journal.Meta{}, "1", message("m", "ops"))
	must(t, j.Delivered(t.Context(), "m", "ops", begin()))
	add(t, j, journal.Meta{}, "2", message("m", "ops"))
	if got := ids(t, j, "ops", begin()); got != nil {
		t.Errorf("%q is due again", got)
	}
}

func TestEntryAndItsMessagesAreOneWrite(t *testing.T) {
	j, path := fresh(t)
	add(t, j, journal.Meta{}, "before")
	tamper(t, path, "ALTER TABLE outbox RENAME TO hidden")
	if _, err := j.Append(t.Context(), []byte("half"), journal.Meta{}, []journal.Outgoing{message("m", "ops")}); err == nil {
		t.Fatal("an entry was acknowledged although its message could not be written")
	}
	tamper(t, path, "ALTER TABLE hidden RENAME TO outbox")
	add(t, j, journal.Meta{}, "after")
	if diff := cmp.Diff([]string{"before", "after"}, replay(t, j)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFullDisk(t *testing.T) {
	big := []byte(strings.Repeat("x", 100_000))
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path, journal.Options{Reserve: 1 << 20})
	add(t, j, journal.Meta{}, "before")
	must(t, j.Limit(t.Context()))

	if _, err := j.Append(t.Context(), big, journal.Meta{Kind: "opened"}, nil); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != 1<<20 {
		t.Fatalf("the reserve was touched for an entry that may not spend it: %v", err)
	}

	j.AfterRelease(func() error { return j.Unlimit(t.Context()) })
	if _, err := j.Append(t.Context(), big, journal.Meta{Kind: "step_ended", Spend: true}, nil); err != nil {
		t.Fatalf("with the reserve: %v", err)
	}
	if _, err := os.Stat(path + ".reserve"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the reserve is still there (%v)", err)
	}
	must(t, j.Limit(t.Context()))
	if _, err := j.Append(t.Context(), big, journal.Meta{Spend: true}, nil); !errors.Is(err, journal.ErrFull) {
		t.Errorf("with the reserve spent: got %v, want ErrFull", err)
	}
	must(t, j.Unlimit(t.Context()))
	add(t, j, journal.Meta{}, "after")
	if got := replay(t, j); len(got) != 3 || got[2] != "after" {
		t.Errorf("got %d entries, want before, the one that spent the reserve, and after", len(got))
	}
	must(t, j.Close())

	open(t, path, journal.Options{Reserve: 1 << 20})
	if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != 1<<20 {
		t.Errorf("the next start did not make the reserve again: %v", err)
	}
}

func TestWhatWasTheReserveIsKeptForThoseWhoMaySpendIt(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{Reserve: 1 << 20})
	add(t, j, journal.Meta{}, "before")
	j.SetFree(1 << 10)
	add(t, j, journal.Meta{}, "little is left, but the disk is not full")
	must(t, j.Limit(t.Context()))
	j.AfterRelease(func() error { return j.Unlimit(t.Context()) })
	big := []byte(strings.Repeat("x", 100_000))
	if _, err := j.Append(t.Context(), big, journal.Meta{Kind: "opened", Spend: true}, nil); err != nil {
		t.Fatal(err)
	}
	j.SetFree(1 << 20)
	if _, err := j.Append(t.Context(), []byte("new"), journal.Meta{Kind: "planned"}, nil); !errors.Is(err, journal.ErrFull) {
		t.Errorf("something new on what was the reserve: got %v, want ErrFull", err)
	}
	add(t, j, journal.Meta{Kind: "aborted", Spend: true}, "a person's no")
	j.SetFree(1 << 30)
	add(t, j, journal.Meta{Kind: "planned"}, "there is room again")
}

// TestAReserveGivenToOthersIsKeptForThoseWhoMaySpendIt: what a step needs for its
// files is not for a new rollback to use up.
func TestAReserveGivenToOthersIsKeptForThoseWhoMaySpendIt(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{Reserve: 1 << 20})
	must(t, j.SpendReserve())
	j.SetFree(1 << 20)
	if _, err := j.Append(t.Context(), []byte("new"), journal.Meta{Kind: "planned"}, nil); !errors.Is(err, journal.ErrFull) {
		t.Errorf("something new on what was the reserve: got %v, want ErrFull", err)
	}
	add(t, j, journal.Meta{Kind: "step_ended", Spend: true}, "the end of a step")
	j.SetFree(1 << 30)
	add(t, j, journal.Meta{Kind: "planned"}, "there is room again")
}

func TestReserveFollowsItsOption(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	for _, size := range []int64{4096, 8192, 0} {
		j := open(t, path, journal.Options{Reserve: size})
		info, err := os.Stat(path + ".reserve")
		switch {
		case size == 0 && !errors.Is(err, fs.ErrNotExist):
			t.Errorf("no reserve wanted, but there is one (%v)", err)
		case size > 0 && (err != nil || info.Size() != size):
			t.Errorf("want a reserve of %d bytes: %v %v", size, info, err)
		}
		if err := j.SpendReserve(); (err == nil) != (size > 0) {
			t.Errorf("spending %d bytes: %v", size, err)
		}
		must(t, j.Close())
	}
}

func TestLowOnSpace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	for minFree, want := range map[uint64]bool{1: false, 1 << 62: true} {
		j := open(t, path, journal.Options{MinFree: minFree})
		free, err := j.Free()
		must(t, err)
		low, err := j.Low()
		must(t, err)
		if low != want {
			t.Errorf("with %d free and %d asked for, low is %v", free, minFree, low)
		}
		must(t, j.Close())
	}
}
