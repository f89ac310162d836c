package journal_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"github.com/rollbackd/rollbackd/journal"
)

func write(tb testing.TB, path string, content []byte) string {
	tb.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// tamper changes a closed journal behind its back.
func tamper(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	connector, err := sqlite.NewConnector(path)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// sealed is the path of a closed journal with n entries.
func sealed(tb testing.TB, n int) string {
	tb.Helper()
	j, path := fresh(tb)
	fill(tb, j, n)
	if err := j.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// damage is where a journal is found to be damaged; -1 where it is not.
func damage(tb testing.TB, err error) int {
	tb.Helper()
	if err == nil {
		return -1
	}
	corrupt, ok := errors.AsType[*journal.CorruptError](err)
	if !ok || !errors.Is(err, journal.ErrCorrupt) {
		tb.Fatalf("got %v, want a *CorruptError", err)
	}
	return int(corrupt.Seq)
}

func TestTamperingIsFoundAndNamed(t *testing.T) {
	const unlock = "DROP TRIGGER entries_are_final"
	tests := []struct {
		name       string
		statements []string
		want       int
	}{
		{"a changed entry", []string{unlock, "UPDATE entries SET entry = x'00' WHERE seq = 5"}, 5},
		{"a changed number", []string{unlock, "UPDATE entries SET seq = 99 WHERE seq = 10"}, 10},
		{"a changed time", []string{unlock, "UPDATE entries SET at = at + 1 WHERE seq = 3"}, 3},
		{"a changed incident", []string{unlock, "UPDATE entries SET incident = 'inc-9' WHERE seq = 4"}, 4},
		{"a changed service", []string{unlock, "UPDATE entries SET service = 'cart' WHERE seq = 1"}, 1},
		{"text between two columns", []string{unlock, "UPDATE entries SET kind = 'decidedc', service = 'heckout' WHERE seq = 2"}, 2},
		{"an entry in the middle gone", []string{"DELETE FROM entries WHERE seq = 6"}, 6},
		{"the first gone", []string{"DELETE FROM entries WHERE seq = 1"}, 1},
		{"the last gone", []string{"DELETE FROM entries WHERE seq = 10"}, 10},
		{"all gone", []string{"DELETE FROM entries"}, 1},
		{"the end not known", []string{"DELETE FROM head"}, 0},
		{"an entry forged at the end", []string{
			"INSERT INTO entries SELECT 11, at, kind, service, incident, entry, hash, hash, NULL, 0, '' FROM entries WHERE seq = 10",
		}, 11},
		{"two entries exchanged", []string{
			unlock,
			"UPDATE entries SET entry = (SELECT entry FROM entries e WHERE e.seq = 15 - entries.seq) WHERE seq IN (7, 8)",
		}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := sealed(t, 10)
			tamper(t, path, tt.statements...)
			_, err := journal.Open(t.Context(), path, journal.Options{})
			if got := damage(t, err); got != tt.want {
				t.Errorf("found at entry %d, want %d: %v", got, tt.want, err)
			}
		})
	}
}

// TestForgedEntryIsFoundByItsSuccessor has somebody change an entry and work out
// its new hash: only the entry after it gives that away.
func TestForgedEntryIsFoundByItsSuccessor(t *testing.T) {
	path := sealed(t, 10)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var at int64
	var prev, incident string
	const query = "SELECT at, prev, incident FROM entries WHERE seq = 5"
	if err := db.QueryRowContext(t.Context(), query).Scan(&at, &prev, &incident); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%s\n5\n%d\ndecided\ncheckout\n%s\nforged", prev, at, incident))
	tamper(t, path, "DROP TRIGGER entries_are_final",
		fmt.Sprintf("UPDATE entries SET entry = CAST('forged' AS BLOB), hash = '%x' WHERE seq = 5", hash))
	_, err = journal.Open(t.Context(), path, journal.Options{})
	if got := damage(t, err); got != 6 {
		t.Errorf("found at entry %d, want 6: %v", got, err)
	}
}

func TestOldDamageIsFoundByReplayAndNotByOpen(t *testing.T) {
	path := sealed(t, 400)
	tamper(t, path, "DROP TRIGGER entries_are_final", "UPDATE entries SET entry = x'00' WHERE seq = 20")
	j := open(t, path, journal.Options{})
	given := 0
	err := j.Replay(t.Context(), func(uint64, []byte) error { given++; return nil })
	if got := damage(t, err); got != 20 || given != 19 {
		t.Errorf("replay stopped at entry %d after giving %d, want 20 after 19", got, given)
	}
	if got := damage(t, j.Verify(t.Context())); got != 20 {
		t.Errorf("verify stopped at entry %d, want 20", got)
	}
	if _, err := j.Entries(t.Context(), "inc-5"); damage(t, err) != 20 {
		t.Errorf("entries of the incident: got %v, want entry 20 to be named", err)
	}
}

// try makes one change to a closed journal behind its back.
func try(tb testing.TB, path, statement string) error {
	tb.Helper()
	connector, err := sqlite.NewConnector(path)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(tb.Context(), statement)
	return err
}

func TestFlippedBitNamesTheEntry(t *testing.T) {
	path := sealed(t, 300)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []int{101, 144, 250, 299} {
		// SQLite may have left copies in the unused parts of its pages.
		entry := fmt.Appendf(nil, "entry %d", seq)
		if !bytes.Contains(content, entry) {
			t.Fatalf("entry %d is not in the file", seq)
		}
		flipped := bytes.ReplaceAll(content, entry, fmt.Appendf(nil, "entrx %d", seq))
		r, err := journal.OpenReadOnly(t.Context(), write(t, filepath.Join(t.TempDir(), "flipped.db"), flipped))
		if err == nil {
			err = r.Verify(t.Context())
			_ = r.Close()
		}
		if got := damage(t, err); got != seq {
			t.Errorf("found at entry %d, want %d", got, seq)
		}
	}
}

func TestTruncatedFileIsFound(t *testing.T) {
	path := sealed(t, 300)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lengths []int
	for length := len(content) - 1; length > 0; length -= len(content) / 23 {
		lengths = append(lengths, length)
	}
	for _, length := range append(lengths, 4096, 4095, 512, 511, 100, 99, 16, 1, 0) {
		path := write(t, filepath.Join(t.TempDir(), "short.db"), content[:length])
		j, err := journal.Open(t.Context(), path, journal.Options{})
		if err == nil {
			err = j.Verify(t.Context())
			_ = j.Close()
		}
		if damage(t, err) < 0 {
			t.Errorf("cut at %d of %d: not found", length, len(content))
		}
		if err != nil && !strings.Contains(err.Error(), "restore a copy, or move it aside") {
			t.Errorf("cut at %d: %v does not say what to do", length, err)
		}
	}
}

// FuzzReplay overwrites a part of a good journal. Reading it must never panic,
// and must never give an entry that was not written, at its place.
func FuzzReplay(f *testing.F) {
	path := sealed(f, 40)
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte("SQLite format 4"))
	f.Add(uint32(100), []byte{0xff, 0xff, 0xff})
	f.Add(uint32(bytes.Index(content, []byte("entry 7"))), []byte("entry 8"))
	f.Add(uint32(bytes.Index(content, []byte("CREATE TABLE entries"))), []byte("CREATE VIEW"))
	f.Add(uint32(len(content)-10), bytes.Repeat([]byte{1}, 5000))
	f.Add(uint32(4096), bytes.Repeat([]byte{0}, 4096))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		damaged := bytes.Clone(content)
		copy(damaged[int(at)%len(damaged):], patch)
		j, err := journal.OpenReadOnly(t.Context(), write(t, filepath.Join(t.TempDir(), "journal.db"), damaged))
		if err != nil {
			return
		}
		defer func() { _ = j.Close() }()
		var got, want []string
		_ = j.Replay(t.Context(), func(seq uint64, entry []byte) error {
			got, want = append(got, string(entry)), append(want, fmt.Sprintf("entry %d", seq))
			return nil
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_ = j.Verify(t.Context())
		_, _ = j.Entries(t.Context(), "inc-1")
		_, _ = j.Incidents(t.Context(), journal.Query{State: "open"})
		_, _ = j.Due(t.Context(), "ops", begin(), 10)
	})
}
