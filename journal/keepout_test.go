package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollbackd/rollbackd/journal"
)

func TestKeepOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	release, err := journal.KeepOut(path)
	if err != nil {
		t.Errorf("where nobody ever was: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.KeepOut(path); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("while it is open: %v, want ErrInUse", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if release, err = journal.KeepOut(path); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), path, journal.Options{}); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("opened while others are kept out: %v, want ErrInUse", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(t.Context(), path, journal.Options{}); err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// A lock that cannot be looked at says nothing: neither that somebody has the
// journal nor that nobody does.
func TestKeepOutWithoutSight(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.KeepOut(filepath.Join(file, "journal.db")); !errors.Is(err, journal.ErrUnknownUse) {
		t.Errorf("error %v, want ErrUnknownUse", err)
	}
}
