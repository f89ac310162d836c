package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

func begin() time.Time { return time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC) }

func open(tb testing.TB, path string, o journal.Options) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = j.Close() })
	return j
}

func fresh(tb testing.TB) (*journal.Journal, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "journal.db")
	return open(tb, path, journal.Options{}), path
}

func add(tb testing.TB, j *journal.Journal, m journal.Meta, entry string, out ...journal.Outgoing) uint64 {
	tb.Helper()
	if m.At.IsZero() {
		m.At = begin()
	}
	seq, err := j.Append(tb.Context(), []byte(entry), m, out)
	if err != nil {
		tb.Fatal(err)
	}
	return seq
}

// fill appends n entries, "entry 1" and so on.
func fill(tb testing.TB, j *journal.Journal, n int) {
	tb.Helper()
	for i := range n {
		m := journal.Meta{Kind: "decided", Service: "checkout", Incident: fmt.Sprintf("inc-%d", i%7), At: begin().Add(time.Duration(i) * time.Second)}
		add(tb, j, m, fmt.Sprintf("entry %d", i+1))
	}
}

func replay(tb testing.TB, j *journal.Journal) []string {
	tb.Helper()
	var got []string
	err := j.Replay(tb.Context(), func(seq uint64, entry []byte) error {
		if want := uint64(len(got) + 1); seq != want {
			return fmt.Errorf("got number %d, want %d", seq, want)
		}
		got = append(got, string(entry))
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func TestReplayGivesBackWhatWasAppended(t *testing.T) {
	j, path := fresh(t)
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprintf("entry %d", i+1))
	}
	fill(t, j, 1000)
	if diff := cmp.Diff(want, replay(t, j)); diff != "" {
		t.Errorf("before closing (-want +got):\n%s", diff)
	}
	seq, hash := j.Head()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, path, journal.Options{})
	if diff := cmp.Diff(want, replay(t, again)); diff != "" {
		t.Errorf("after opening again (-want +got):\n%s", diff)
	}
	gotSeq, gotHash := again.Head()
	if gotSeq != seq || gotHash != hash || seq != 1000 || len(hash) != 64 {
		t.Errorf("head is %d %s, was %d %s", gotSeq, gotHash, seq, hash)
	}
	if err := again.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if got := add(t, again, journal.Meta{Kind: "closed"}, "one more"); got != 1001 {
		t.Errorf("the next entry is number %d, want 1001", got)
	}
}

func TestAnyBytesSurvive(t *testing.T) {
	j, _ := fresh(t)
	want := []string{"", "\x00", "\xff\xfe", strings.Repeat("é", 100_000), `{"a":1}`, "'; DROP TABLE entries; --"}
	for _, entry := range want {
		add(t, j, journal.Meta{Kind: entryKind(entry)}, entry)
	}
	if _, err := j.Append(t.Context(), nil, journal.Meta{}, nil); err != nil {
		t.Errorf("nil entry: %v", err)
	}
	if diff := cmp.Diff(append(want, ""), replay(t, j)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func entryKind(entry string) string { return fmt.Sprintf("%d bytes", len(entry)) }

func TestReplayStopsAtTheFirstErrorOfItsReader(t *testing.T) {
	j, _ := fresh(t)
	fill(t, j, 3)
	stop := errors.New("not understood")
	calls := 0
	err := j.Replay(t.Context(), func(seq uint64, _ []byte) error {
		calls++
		if seq == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "entry 2") || calls != 2 {
		t.Errorf("got %v after %d calls, want the reader's error at entry 2", err, calls)
	}
}

func TestMetaWithLineBreakIsRefused(t *testing.T) {
	j, _ := fresh(t)
	if _, err := j.Append(t.Context(), nil, journal.Meta{Service: "a\nb"}, nil); err == nil {
		t.Error("accepted: two different entries could have the same hash")
	}
}

func TestCancelledAppendWritesNothing(t *testing.T) {
	j, _ := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Append(ctx, []byte("x"), journal.Meta{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := replay(t, j); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	j, path := fresh(t)
	_, err := journal.Open(t.Context(), path, journal.Options{})
	if !errors.Is(err, journal.ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
	if pid := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(err.Error(), pid) {
		t.Errorf("%q does not name %s", err, pid)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, journal.Options{})
}

func TestReadingBesideTheWriter(t *testing.T) {
	j, path := fresh(t)
	fill(t, j, 2)
	r, err := journal.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	fill(t, j, 1)
	if got := replay(t, r); len(got) != 3 {
		t.Errorf("got %d entries, want the 3 there are by now", len(got))
	}
	if _, err := r.Append(t.Context(), nil, journal.Meta{}, nil); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("append: got %v, want ErrReadOnly", err)
	}
	if err := r.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	fill(t, j, 1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody writes any more: the file alone must be enough.
	r, err = journal.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if seq, _ := r.Head(); seq != 4 {
		t.Errorf("head is %d, want 4", seq)
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		path func(t *testing.T, dir string) string
		want string
	}{
		{"missing parent", func(_ *testing.T, dir string) string { return filepath.Join(dir, "a", "b", "journal.db") }, "no such file"},
		{"not a database", func(t *testing.T, dir string) string {
			t.Helper()
			return write(t, filepath.Join(dir, "journal.db"), []byte(strings.Repeat("This is a text. ", 100)))
		}, "not a database"},
		{"somebody else's database", func(t *testing.T, dir string) string {
			t.Helper()
			path := filepath.Join(dir, "other.db")
			tamper(t, write(t, path, nil), "CREATE TABLE theirs (a)")
			return path
		}, "not a journal of rollbackd"},
		{"a newer version", func(t *testing.T, dir string) string {
			t.Helper()
			path := filepath.Join(dir, "journal.db")
			tamper(t, write(t, path, nil), "PRAGMA user_version = 9")
			return path
		}, "version 9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t, t.TempDir())
			j, err := journal.Open(t.Context(), path, journal.Options{})
			if err == nil {
				_ = j.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want something with %q", err, tt.want)
			}
		})
	}
	if _, err := journal.OpenReadOnly(t.Context(), filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a missing file: got %v, want fs.ErrNotExist", err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := open(t, filepath.Join(dir, "journal.db"), journal.Options{Reserve: 4096})
	fill(t, j, 1)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want nothing for group and others", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestIncidentsAndTheirEntries(t *testing.T) {
	j, _ := fresh(t)
	at := func(minutes int) time.Time { return begin().Add(time.Duration(minutes) * time.Minute) }
	add(t, j, journal.Meta{Kind: "opened", Service: "a", Incident: "a-1", At: at(0)}, "a-1 opened")
	add(t, j, journal.Meta{Kind: "opened", Service: "b", Incident: "b-1", At: at(1)}, "b-1 opened")
	add(t, j, journal.Meta{Kind: "closed", Service: "a", Incident: "a-1", At: at(2)}, "a-1 closed")
	add(t, j, journal.Meta{Kind: "opened", Service: "a", Incident: "a-2", At: at(3)}, "a-2 opened")
	add(t, j, journal.Meta{Kind: "config", At: at(4)}, "config")
	add(t, j, journal.Meta{Kind: "opened", Service: "c", Incident: "c-1", At: at(-2)}, "c-1 opened")
	for _, kind := range []string{"closed", "reopened", "closed", "reopened"} {
		add(t, j, journal.Meta{Kind: kind, Service: "c", Incident: "c-1", At: at(-2)}, "c-1 "+kind)
	}
	add(t, j, journal.Meta{Kind: "opened", Service: "d", Incident: "d-1", At: at(-1)}, "d-1 opened")
	for _, kind := range []string{"closed", "reopened", "closed"} {
		add(t, j, journal.Meta{Kind: kind, Service: "d", Incident: "d-1", At: at(-1)}, "d-1 "+kind)
	}

	tests := []struct {
		name  string
		query journal.Query
		want  []string
	}{
		{"all, newest first", journal.Query{Since: at(0)}, []string{"a-2", "b-1", "a-1"}},
		{"opened again", journal.Query{Service: "c", State: "open"}, []string{"c-1"}},
		{"opened again is not closed", journal.Query{Service: "c", State: "closed"}, nil},
		{"closed once more", journal.Query{Service: "d", State: "closed"}, []string{"d-1"}},
		{"closed once more is not open", journal.Query{Service: "d", State: "open"}, nil},
		{"one service", journal.Query{Service: "a"}, []string{"a-2", "a-1"}},
		{"unknown service", journal.Query{Service: "x"}, nil},
		{"open", journal.Query{State: "open"}, []string{"c-1", "a-2", "b-1"}},
		{"closed", journal.Query{State: "closed"}, []string{"d-1", "a-1"}},
		{"since, its own moment included", journal.Query{Since: at(1)}, []string{"a-2", "b-1"}},
		{"limit", journal.Query{Service: "a", Limit: 1}, []string{"a-2"}},
		{"everything at once", journal.Query{Service: "a", State: "open", Since: at(1), Limit: 5}, []string{"a-2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := j.Incidents(t.Context(), tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := j.Incidents(t.Context(), journal.Query{State: "half"}); err == nil {
		t.Error("an unknown state was accepted")
	}
	for incident, want := range map[string][][]byte{
		"a-1": {[]byte("a-1 opened"), []byte("a-1 closed")}, "none": nil, "": nil,
	} {
		got, err := j.Entries(t.Context(), incident)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entries of %q (-want +got):\n%s", incident, diff)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	j, _ := fresh(b)
	entry := []byte(strings.Repeat("x", 2000))
	out := []journal.Outgoing{{Receiver: "ops", Payload: entry}}
	for i := 0; b.Loop(); i++ {
		out[0].ID = fmt.Sprint(i)
		if _, err := j.Append(b.Context(), entry, journal.Meta{Kind: "decided", Service: "checkout", Incident: "i"}, out); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAFailedFirstOpenLeavesNoEmptyJournal: an empty one would be taken for one
// that has lost everything.
func TestAFailedFirstOpenLeavesNoEmptyJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := journal.Open(ctx, path, journal.Options{}); err == nil {
		t.Fatal("opened although it was cancelled")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	add(t, open(t, path, journal.Options{}), journal.Meta{}, "well")
}
