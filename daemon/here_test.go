package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalAndReportFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		look func(string) string
		path string
		want string // empty for no problem
	}{
		{journalProblem, file, ""},
		{journalProblem, filepath.Join(dir, "new.db"), ""},
		{journalProblem, filepath.Join(dir, "var", "new.db"), ""},
		{journalProblem, filepath.Join(dir, "no", "var", "new.db"), "cannot be made: there is no " + filepath.Join(dir, "no")},
		{journalProblem, dir, dir + " is a folder"},
		{journalProblem, filepath.Join(file, "new.db"), file + " is a file"},
		{journalProblem, filepath.Join(file, "var", "new.db"), file + " is a file"},
		{folderProblem, dir, ""},
		{folderProblem, filepath.Join(dir, "a", "b", "c"), ""},
		{journalProblem, "/proc/nope/journal.db", "/proc/nope cannot be made: this user can make nothing in /proc"},
		{folderProblem, "/proc/nope/reports", "/proc/nope/reports cannot be made: this user can make nothing in /proc"},
		{folderProblem, file, file + " is a file"},
		{folderProblem, filepath.Join(file, "a", "b"), file + " is a file"},
	}
	for _, tt := range tests {
		if got := tt.look(tt.path); got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("looking made something: %v %v", left, err)
	}
}
