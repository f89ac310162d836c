package scenario_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/rollbackd/rollbackd/scenario"
)

// hazards is how many the project counts.
const hazards = 52

// hazard is what the page says of one of them.
type hazard struct {
	Number  int
	Title   string
	Does    string
	NotYet  string `toml:"not_yet"`
	Waiting string
	// Tests are tests of the program's outside, by the side that they show.
	Tests map[string][]string

	files  []string
	counts map[string]int
	proofs []string
}

// sidesOfAHazard are those that each must have: "other" is a bonus.
func sidesOfAHazard() []string { return scenario.Sides()[:4] }

// TestEveryHazardHasItsSides holds the corpus to its promise: each hazard is shown
// from each side, in a scenario or a test, or is said to be waiting.
func TestEveryHazardHasItsSides(t *testing.T) {
	for i, h := range loadHazards(t) {
		switch {
		case h.Number != i+1:
			t.Fatalf("hazard %d stands in the place of %d", h.Number, i+1)
		case h.Title == "" || (h.Does == "" && h.Waiting == ""):
			t.Errorf("H%02d: it needs a title, and does or waiting", h.Number)
		case h.Waiting != "":
			continue // nothing is counted
		}
		for _, side := range sidesOfAHazard() {
			if h.counts[side] == 0 {
				t.Errorf("H%02d: nothing shows the side %q (%v)", h.Number, side, h.files)
			}
		}
	}
}

// loadHazards reads the sentences, and adds what the corpus and the tree have.
func loadHazards(t *testing.T) []*hazard {
	t.Helper()
	var page struct{ Hazard []*hazard }
	meta, err := toml.DecodeFile("testdata/page/hazards.toml", &page)
	if err != nil {
		t.Fatal(err)
	}
	if keys := meta.Undecoded(); len(keys) > 0 {
		t.Fatalf("unknown keys %v", keys)
	}
	if len(page.Hazard) != hazards {
		t.Fatalf("%d hazards, want %d", len(page.Hazard), hazards)
	}
	tests := testsOfTheTree(t)
	for _, h := range page.Hazard {
		h.counts = map[string]int{}
		h.addFiles(t)
		h.addTests(t, tests)
	}
	return page.Hazard
}

// addFiles counts the cases of the hazard's scenario files.
func (h *hazard) addFiles(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob(fmt.Sprintf("testdata/hazards/H%02d-*.toml", h.Number))
	if err != nil {
		t.Fatal(err)
	}
	h.files = found
	for _, path := range found {
		for _, c := range load(t, path).Cases {
			if c.Side == "" {
				t.Errorf("%s:%d: the case has no side", path, c.Line)
			}
			h.counts[c.Side]++
		}
		_, words, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".toml"), "-")
		h.proofs = append(h.proofs, fmt.Sprintf("[%s](../scenario/%s)", strings.ReplaceAll(words, "-", " "), path))
	}
}

// addTests counts the tests that are named for the hazard; each must be there.
func (h *hazard) addTests(t *testing.T, tree map[string]string) {
	t.Helper()
	for side := range h.Tests {
		if !slices.Contains(scenario.Sides(), side) {
			t.Errorf("H%02d: tests have no side %q", h.Number, side)
		}
	}
	for _, side := range scenario.Sides() {
		for _, name := range h.Tests[side] {
			path, there := tree[name]
			if !there {
				t.Errorf("H%02d: there is no test %q", h.Number, name)
			}
			h.counts[side]++
			_, short, isGo := strings.Cut(name, ": ")
			if !isGo {
				short = filepath.Base(name)
			}
			h.proofs = append(h.proofs, fmt.Sprintf("[%s](../%s)", short, path))
		}
	}
}

var goTest = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(t \*testing\.T\)`)

// testsOfTheTree are all Go tests as "folder: TestName" and all scripts by their
// path, with the file that each is in.
func testsOfTheTree(t *testing.T) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		slash := strings.TrimPrefix(filepath.ToSlash(path), "../")
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slash == ".git" || slash == "bin"):
			return filepath.SkipDir
		case strings.HasSuffix(slash, ".txtar"):
			tree[slash] = slash
		case strings.HasSuffix(slash, "_test.go"):
			text, err := os.ReadFile(path)
			for _, found := range goTest.FindAllStringSubmatch(string(text), -1) {
				tree[filepath.ToSlash(filepath.Dir(slash))+": "+found[1]] = slash
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestSideIsOneOfAFew: a side that is none is a mistake with its line, and one
// that is left out is none.
func TestSideIsOneOfAFew(t *testing.T) {
	const rest = "\nvalues = { \"error_rate checkout\" = \"1\" }\nexpect = [{ end = true, rollbacks = 0 }]\n"
	for _, side := range scenario.Sides() {
		if got := parse(t, "[[case]]\nname = \"x\"\nside = \""+side+"\""+rest).Cases[0].Side; got != side {
			t.Errorf("side %q was read as %q", side, got)
		}
	}
	if got := parse(t, "[[case]]\nname = \"x\""+rest).Cases[0].Side; got != "" {
		t.Errorf("a case without a side has %q", got)
	}
	_, err := scenario.Parse("testdata/x.toml", "config = \"config/base.toml\"\n[[case]]\nname = \"x\"\nside = \"recover\""+rest)
	if want := `testdata/x.toml:4: case[0].side: unknown value "recover" (did you mean "recovery"?)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
