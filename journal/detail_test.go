package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"github.com/rollbackd/rollbackd/journal"
)

// divided appends an entry of an incident whose middle may be removed.
func divided(tb testing.TB, j *journal.Journal, incident string, at time.Time, middle string) {
	tb.Helper()
	m := journal.Meta{At: at, Kind: "step", Incident: incident, Lasting: []byte("<" + incident + ">")}
	add(tb, j, m, "<"+incident+middle+">")
}

func TestDetailsAreGivenBackUntilTheyAreRemoved(t *testing.T) {
	j, path := fresh(t)
	divided(t, j, "a", begin(), "-secret-")
	divided(t, j, "b", begin(), "-other-")
	add(t, j, journal.Meta{Incident: "a"}, "whole")
	seq, hash := j.Head()
	if diff := cmp.Diff([]string{"<a-secret->", "<b-other->", "whole"}, replay(t, j)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, j.RemoveDetails(t.Context(), "a"))
	want := []string{"<a>", "<b-other->", "whole"}
	for range 2 {
		if diff := cmp.Diff(want, replay(t, j)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must(t, j.Verify(t.Context()))
		got, err := j.Entries(t.Context(), "a")
		must(t, err)
		if diff := cmp.Diff("[<a> whole]", fmt.Sprintf("%s", got)); diff != "" {
			t.Errorf("entries of the incident (-want +got):\n%s", diff)
		}
		if s, h := j.Head(); s != seq || h != hash {
			t.Errorf("the head is %d %s, was %d %s", s, h, seq, hash)
		}
		must(t, j.Close())
		j = open(t, path, journal.Options{})
	}
}

func TestOnlyOnePieceIsADetail(t *testing.T) {
	j, _ := fresh(t)
	for _, tt := range []struct{ entry, lasting string }{
		{"abcdef", "abcdef"}, {"abc", "abcdef"}, {"abcdef", "ace"}, {"abcdef", "xyz"}, {"abcabc", "abc"}, {"aaaa", "aa"}, {"abc", ""}, {"", ""},
	} {
		m := journal.Meta{Incident: "i-" + tt.entry + tt.lasting, Lasting: []byte(tt.lasting)}
		add(t, j, m, tt.entry)
		got, err := j.Entries(t.Context(), m.Incident)
		must(t, err)
		if diff := cmp.Diff(tt.entry, string(bytes.Join(got, nil))); diff != "" {
			t.Errorf("with its details (-want +got):\n%s", diff)
		}
		must(t, j.RemoveDetails(t.Context(), m.Incident))
		got, err = j.Entries(t.Context(), m.Incident)
		must(t, err)
		if left := string(bytes.Join(got, nil)); left != tt.entry && left != tt.lasting {
			t.Errorf("%q without its details is %q, want %q", tt.entry, left, tt.lasting)
		}
	}
	must(t, j.Verify(t.Context()))
}

func TestNothingElseOfAnEntryCanBeChanged(t *testing.T) {
	j, path := fresh(t)
	divided(t, j, "a", begin(), "-secret-")
	add(t, j, journal.Meta{Incident: "a"}, "whole")
	must(t, j.Close())
	for _, change := range []string{
		"entry = x'00'", "at = 1", "kind = 'x'", "service = 'x'", "incident = 'x'", "prev = 'x'", "hash = 'x'", "seq = seq + 5", "detail = x'00'", "detail_at = 1",
		"detail_hash = ''", "detail = NULL, kind = 'x'", "detail = NULL, detail_hash = ''", "detail = NULL, entry = x'00'",
	} {
		for _, seq := range []int{1, 2} {
			if err := try(t, path, fmt.Sprintf("UPDATE entries SET %s WHERE seq = %d", change, seq)); err == nil {
				t.Errorf("entry %d: %s was done", seq, change)
			}
		}
	}
	if err := try(t, path, "UPDATE entries SET detail = NULL WHERE seq = 2"); err == nil {
		t.Error("details were removed where there are none")
	}
	must(t, try(t, path, "UPDATE entries SET detail = NULL WHERE seq = 1"))
	must(t, open(t, path, journal.Options{}).Verify(t.Context()))
}

// TestRemovedDetailsAreGoneFromTheFile writes outputs of many sizes between others,
// removes them and looks for them in the file and beside it.
func TestRemovedDetailsAreGoneFromTheFile(t *testing.T) {
	j, path := fresh(t)
	for i := range 300 {
		divided(t, j, fmt.Sprintf("old-%d", i%20), begin(), strings.Repeat(fmt.Sprintf("canary %d ", i), 1+i*i%700))
		divided(t, j, "young", begin(), strings.Repeat("kept ", i%50))
	}
	for i := range 20 {
		must(t, j.RemoveDetails(t.Context(), fmt.Sprintf("old-%d", i)))
	}
	must(t, j.Verify(t.Context()))
	if done, err := j.Scrub(t.Context()); !done || err != nil {
		t.Fatalf("scrubbed: %v, %v", done, err)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		must(t, err)
		if bytes.Contains(content, []byte("canary")) {
			t.Errorf("%s still holds what was removed", name)
		}
	}
	add(t, j, journal.Meta{}, "and on it goes")
}

// TestScrubbingWaitsForNobody has somebody read while it is done.
func TestScrubbingWaitsForNobody(t *testing.T) {
	j, path := fresh(t)
	fill(t, j, 10)
	reader := readingIn(t, path)
	began := time.Now()
	if done, err := j.Scrub(t.Context()); done || err != nil {
		t.Errorf("scrubbed under a reader: %v, %v", done, err)
	}
	if took := time.Since(began); took >= 5*time.Second { // what everything else waits for a reader
		t.Errorf("it took %s", took)
	}
	must(t, reader.Rollback())
	if done, err := j.Scrub(t.Context()); !done || err != nil {
		t.Errorf("scrubbed: %v, %v", done, err)
	}
}

// readingIn begins a transaction that reads.
func readingIn(t *testing.T, path string) *sql.Tx {
	t.Helper()
	connector, err := sqlite.NewConnector(path)
	must(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	var n int
	must(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM entries").Scan(&n))
	return tx
}

func TestWhatIsOutlivedHasClosedAndIsLongOver(t *testing.T) {
	j, _ := fresh(t)
	day := func(n int) time.Time { return begin().Add(time.Duration(n) * 24 * time.Hour) }
	closed := func(incident string, at time.Time) {
		add(t, j, journal.Meta{At: at, Kind: "closed", Incident: incident}, "closed")
	}
	divided(t, j, "second", day(2), "-x-")
	divided(t, j, "first", day(1), "-x-")
	divided(t, j, "open", day(1), "-x-")
	divided(t, j, "looked after", day(1), "-x-")
	divided(t, j, "", day(1), "-x-") // of no incident: nobody removes it
	add(t, j, journal.Meta{At: day(1), Kind: "step", Incident: "bare"}, "whole")
	closed("bare", day(2))
	closed("first", day(2))
	closed("second", day(3))
	closed("looked after", day(2))
	add(t, j, journal.Meta{At: day(5), Kind: "horizon", Incident: "looked after"}, "horizon")
	divided(t, j, "open again", day(1), "-x-")
	closed("open again", day(2))
	add(t, j, journal.Meta{At: day(2), Kind: "reopened", Incident: "open again"}, "reopened")
	divided(t, j, "closed again", day(1), "-x-")
	closed("closed again", day(2))
	add(t, j, journal.Meta{At: day(2), Kind: "reopened", Incident: "closed again"}, "reopened")
	closed("closed again", day(5))
	tests := []struct {
		before time.Time
		limit  int
		want   []string
	}{
		{day(2), 9, nil},
		{day(2).Add(1), 9, []string{"first"}},
		{day(5), 9, []string{"second", "first"}},
		{day(5), 1, []string{"second"}},
		{day(6), 9, []string{"second", "first", "looked after", "closed again"}},
	}
	for _, tt := range tests {
		got, err := j.Outlived(t.Context(), tt.before, tt.limit)
		must(t, err)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("before %s, at most %d (-want +got):\n%s", tt.before, tt.limit, diff)
		}
	}
	newest, err := j.Newest(t.Context(), "closed")
	must(t, err)
	if string(newest) != "closed" {
		t.Errorf("the newest is %q", newest)
	}
	if newest, err := j.Newest(t.Context(), "none"); newest != nil || err != nil {
		t.Errorf("got %q, %v of a kind that there is none of", newest, err)
	}
}

// BenchmarkRemoveDetails is what an entry may have to wait for.
func BenchmarkRemoveDetails(b *testing.B) {
	j, _ := fresh(b)
	for i := range b.N {
		for range 30 {
			divided(b, j, fmt.Sprint(i), begin(), strings.Repeat("x", 4096))
		}
	}
	b.ResetTimer()
	for i := range b.N {
		if err := j.RemoveDetails(context.Background(), fmt.Sprint(i)); err != nil {
			b.Fatal(err)
		}
	}
}
