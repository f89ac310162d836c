package rollbackd_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// TestExamplesLoad reads every configuration that is shipped, as a user would.
func TestExamplesLoad(t *testing.T) {
	for _, file := range examples(t) {
		t.Run(filepath.ToSlash(file), func(t *testing.T) {
			c, report := config.Load(file)
			for _, problem := range report.Errors {
				t.Error(problem)
			}
			if c == nil || len(c.Services) == 0 {
				t.Errorf("Load(%s) = %v, want a configuration with a service", file, c)
			}
		})
	}
}

// examples are the configurations below examples/.
func examples(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("examples", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".toml" && !entry.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Fatalf("found %q, want at least the smallest configuration and the demo's", files)
	}
	return files
}

// TestReadmeShowsTheSmallestConfiguration compares the README's first TOML block
// with the file of the same content, word for word.
func TestReadmeShowsTheSmallestConfiguration(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("examples/checkout.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(readme, []byte("\n```toml\n"))
	block, _, closed := bytes.Cut(rest, []byte("\n```\n"))
	if !found || !closed {
		t.Fatal("README.md has no TOML block")
	}
	if diff := cmp.Diff(string(file), string(block)+"\n"); diff != "" {
		t.Errorf("README.md shows another configuration than examples/checkout.toml (-file +README):\n%s", diff)
	}
}

// TestEveryFolderIsExplained holds the list of folders in docs/architecture.md
// to what is there.
func TestEveryFolderIsExplained(t *testing.T) {
	body, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	folders := 0
	for _, entry := range entries {
		// A name with a dot belongs to a tool; bin holds what is built.
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin" {
			continue
		}
		folders++
		if !bytes.Contains(body, []byte("`"+entry.Name()+"/`")) {
			t.Errorf("docs/architecture.md does not say what `%s/` is for", entry.Name())
		}
	}
	if folders < 5 {
		t.Fatalf("found %d folders: this test must run in the repository's root", folders)
	}
}

// TestDependenciesAreJustified holds docs/dependencies.md to go.mod: each direct
// dependency has a row, and no row is left of one that went.
func TestDependenciesAreJustified(t *testing.T) {
	want := directDependencies(t)
	body, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(body)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		path := strings.Trim(cells[1], " `")
		if strings.Contains(path, ".") {
			got[path] = strings.TrimSpace(cells[2])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/dependencies.md has other modules or versions than go.mod (-go.mod +document):\n%s", diff)
	}
}

// directDependencies are the versions in go.mod of what is required directly,
// by module path.
func directDependencies(t *testing.T) map[string]string {
	t.Helper()
	body, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]string{}
	required := false
	for line := range strings.Lines(string(body)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "require":
			required = true
		case len(fields) == 1 && fields[0] == ")":
			required = false
		case required && len(fields) == 2:
			direct[fields[0]] = fields[1]
		}
	}
	if len(direct) == 0 {
		t.Fatal("found no direct dependency in go.mod")
	}
	return direct
}
