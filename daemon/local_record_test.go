package daemon

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// failing is a record whose journal takes n entries and then no more.
func failing(t *testing.T, n int, lines *bytes.Buffer) *localRecord {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &localRecord{log: hclog.NewNullLogger(), journal: j}
	if lines != nil {
		r.lines = lines
	}
	for range n {
		if _, err := r.Append(t.Context(), []byte(`{"taken":true}`), journal.Meta{Kind: "k"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// Once the journal has an entry of this process it must take all of them: what
// is half in it would be gone on with by the daemon.
func TestTheJournalIsDoneWithoutFromTheFirstEntryOrNotAtAll(t *testing.T) {
	tests := []struct {
		name  string
		taken int
		asked bool
		lines string
	}{
		{"it fails at once", 0, true, "{\"n\":1}\n{\"n\":2}\n"},
		{"it fails later", 1, true, ""},
		{"nobody asked for that", 0, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines bytes.Buffer
			to := &lines
			if !tt.asked {
				to = nil
			}
			r := failing(t, tt.taken, to)
			for _, entry := range []string{`{"n":1}`, `{"n":2}`} {
				if _, err := r.Append(t.Context(), []byte(entry), journal.Meta{Kind: "k"}, nil); (err == nil) != (tt.lines != "") {
					t.Errorf("%s: error %v", entry, err)
				}
			}
			if lines.String() != tt.lines {
				t.Errorf("lines %q, want %q", lines.String(), tt.lines)
			}
			if without := r.without() != nil; without != (tt.lines != "") {
				t.Errorf("without the journal: %v", without)
			}
		})
	}
}

func TestAnUnfinishedRunIsNotDoneWithoutTheJournal(t *testing.T) {
	var lines bytes.Buffer
	unfinished := &incident.Run{ID: "checkout-1.1"}
	gone := &localRecord{log: hclog.NewNullLogger(), lines: &lines, why: errors.New("no space left")}
	err := gone.mayGoWithout(unfinished)
	if _, unusable := errors.AsType[*UnusableError](err); !unusable || !strings.Contains(err.Error(), "checkout-1.1") {
		t.Errorf("error %v, want an UnusableError that names the run", err)
	}
	if err := gone.mayGoWithout(nil); err != nil {
		t.Errorf("without such a run: %v", err)
	}
	// A journal that fails only later is not left either.
	r := failing(t, 0, &lines)
	if err := r.mayGoWithout(unfinished); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Append(t.Context(), []byte(`{}`), journal.Meta{Kind: "k"}, nil); err == nil || lines.Len() > 0 {
		t.Errorf("error %v and lines %q, want an error alone", err, lines.String())
	}
}

func TestProbeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := probe(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v, want nothing", left, err)
	}
	if err := probe(filepath.Join(dir, "nosuch")); err == nil {
		t.Error("want an error for a folder that is not there")
	}
}
