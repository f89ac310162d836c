package journal_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/journal"
)

// inTrouble fails unless the journal says what is wanted of itself: nil is no trouble.
func inTrouble(t *testing.T, j *journal.Journal, since time.Time, want error) {
	t.Helper()
	got, is := j.Trouble()
	if is != (want != nil) || !errors.Is(got.Err, want) || !got.Since.Equal(since) {
		t.Errorf("trouble %v since %v (%v), want %v since %v", got.Err, got.Since, is, want, since)
	}
}

func TestTroubleWithAFullDisk(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{Reserve: 4 << 20})
	first := time.Date(2026, 3, 1, 3, 2, 0, 0, time.UTC)
	inTrouble(t, j, time.Time{}, nil)
	must(t, j.Limit(t.Context()))
	j.SetFree(1 << 10)
	big := []byte(strings.Repeat("x", 100_000))
	for i := range 2 {
		if _, err := j.Append(t.Context(), big, journal.Meta{Kind: "planned", At: first.Add(time.Duration(i) * time.Minute)}, nil); !errors.Is(err, journal.ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
	}
	inTrouble(t, j, first, journal.ErrFull)

	j.AfterRelease(func() error { return j.Unlimit(t.Context()) })
	if _, err := j.Append(t.Context(), big, journal.Meta{Kind: "opened", At: first.Add(2 * time.Minute), Spend: true}, nil); err != nil {
		t.Fatal(err)
	}
	j.SetFree(4 << 20)
	add(t, j, journal.Meta{Kind: "aborted", Spend: true}, "written on the reserve")
	inTrouble(t, j, first, journal.ErrFull)

	j.SetFree(1 << 30)
	inTrouble(t, j, time.Time{}, nil)
	j.SetFree(3 << 20) // nothing was refused this time, and all that is left is the reserve
	inTrouble(t, j, time.Time{}, journal.ErrFull)
	j.SetFree(1 << 30)
	add(t, j, journal.Meta{Kind: "planned"}, "there is room again")
	inTrouble(t, j, time.Time{}, nil)
}

// TestTroubleWhereTheDiskOnlyLooksFree: a quota, or a file system that is out of
// something else than bytes.
func TestTroubleWhereTheDiskOnlyLooksFree(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	at := time.Date(2026, 3, 1, 3, 2, 0, 0, time.UTC)
	j.SetFree(1 << 40)
	must(t, j.Limit(t.Context()))
	if _, err := j.Append(t.Context(), []byte(strings.Repeat("x", 100_000)), journal.Meta{Kind: "planned", At: at}, nil); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	inTrouble(t, j, at, journal.ErrFull)
	must(t, j.Unlimit(t.Context()))
	add(t, j, journal.Meta{Kind: "planned"}, "it is written")
	inTrouble(t, j, time.Time{}, nil)
}
