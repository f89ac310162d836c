// Package rollbackd_test holds the rules of the house: who imports whom, that
// the brain stays pure, and that what the documents promise is there.
package rollbackd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v2"
)

const module = "github.com/rollbackd/rollbackd"

// anything is what stands in the row of a package that may import all others.
const anything = "*"

// arrows says which of our top-level packages each may import, itself aside.
// .golangci.yml says the same to the linter; docs/architecture.md says why.
func arrows() map[string][]string {
	return map[string][]string{
		"trigger":   {},
		"action":    {},
		"journal":   {},
		"notify":    {},
		"evaluator": {"trigger"},
		"incident":  {"evaluator", "trigger"},
		"source":    {"incident", "trigger"},
		"publish":   {"incident", "journal", "source"},
		"record":    {"incident", "journal"},
		"responder": {"action", "incident", "journal", "notify", "trigger"},
		"report":    {"chart", "evaluator", "incident", "trigger"},
		"web":       {"chart", "evaluator", "incident", "journal", "report", "trigger"},
		"config":    {"evaluator", "incident", "notify", "trigger"},
		"wiring":    {"config", "incident", "source", "trigger"},
		"engine":    {},
		"chart":     {},
		"scenario":  {"action", "config", "engine", "evaluator", "incident", "journal", "notify", "responder", "source", "trigger", "wiring"},
		"backtest":  {"action", "chart", "config", "evaluator", "incident", "source", "trigger", "wiring"},
		"daemon":    {anything},
		"cmd":       {anything},
		"tools":     {},
		"bench":     {anything},
	}
}

// importersOf names those that may import a package at the top of the house.
func importersOf() map[string][]string {
	return map[string][]string{"cmd": {}, "daemon": {"cmd", "bench"}, "tools": {}, "bench": {}}
}

// source is one Go file that is part of a build.
type source struct {
	path    string // slash-separated, from the root
	top     string // its top-level folder
	file    *ast.File
	files   *token.FileSet
	imports []string
}

func TestImportsPointDown(t *testing.T) {
	rows := arrows()
	for _, s := range sources(t) {
		allowed, known := rows[s.top]
		if !known {
			t.Errorf("%s: folder %q has no row in arrows(): decide what it may import, and add it to .golangci.yml and docs/architecture.md", s.path, s.top)
			continue
		}
		for _, to := range ours(s.imports) {
			if to == s.top {
				continue
			}
			if !slices.Contains(allowed, to) && !slices.Contains(allowed, anything) {
				t.Errorf("%s imports %s: %s may import only %q", s.path, to, s.top, allowed)
			}
			if from, restricted := importersOf()[to]; restricted && !slices.Contains(from, s.top) {
				t.Errorf("%s imports %s, which only %q may", s.path, to, from)
			}
		}
	}
}

func TestPrometheusServerStaysInItsPlace(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			server := strings.HasPrefix(imported, "github.com/prometheus/prometheus/")
			if server && s.top != "config" && s.top != "engine" {
				t.Errorf("%s imports %s: Prometheus's own packages belong in config and engine only", s.path, imported)
			}
		}
	}
}

func TestTheBrainIsPure(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if s.top != "trigger" && s.top != "evaluator" && s.top != "incident" {
			continue
		}
		seen++
		for _, imported := range s.imports {
			if impure(imported) {
				t.Errorf("%s imports %s: the brain does no I/O, waits for nothing and leaves nothing to chance", s.path, imported)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if what := sideEffect(n); what != "" {
				t.Errorf("%s: %s: time comes into the brain as an argument, and it starts nothing", s.files.Position(n.Pos()), what)
			}
			return true
		})
	}
	if seen == 0 {
		t.Fatal("found no file of trigger, evaluator or incident")
	}
}

// impure tells whether a package has no place in the brain.
func impure(imported string) bool {
	if imported == "net/url" {
		return false
	}
	for _, root := range []string{
		"net", "os", "syscall", "database", "log", "context", "sync", "math/rand", "crypto/rand", "runtime", "unsafe", "io/fs",
		"github.com/hashicorp/go-hclog", "github.com/benbjohnson/clock",
	} {
		if imported == root || strings.HasPrefix(imported, root+"/") {
			return true
		}
	}
	return false
}

// sideEffect names what a node does that the brain must not; empty for nothing.
func sideEffect(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "go statement"
	case *ast.SelectorExpr:
		from, ok := n.X.(*ast.Ident)
		clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local"}
		if ok && from.Name == "time" && slices.Contains(clock, n.Sel.Name) {
			return "time." + n.Sel.Name
		}
	}
	return ""
}

func TestNamesSayWhatIsInside(t *testing.T) {
	bags := []string{
		"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "model", "models", "shared", "testutil", "types",
		"util", "utils",
	}
	for _, s := range sources(t) {
		file := strings.TrimSuffix(path.Base(s.path), ".go")
		for _, name := range []string{s.file.Name.Name, file} {
			if slices.Contains(bags, name) {
				t.Errorf("%s: %q names a bag; name what is in it", s.path, name)
			}
		}
	}
}

// TestLinterHoldsTheSameArrows compares .golangci.yml with the table above.
func TestLinterHoldsTheSameArrows(t *testing.T) {
	body, err := os.ReadFile(".golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
						Allow []string
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(body, &config); err != nil {
		t.Fatal(err)
	}
	linter := map[string][]string{}
	for _, rule := range config.Linters.Settings.Depguard.Rules {
		if len(rule.Deny) == 0 || rule.Deny[0].Pkg != module {
			continue
		}
		for _, glob := range rule.Files {
			if top, found := strings.CutPrefix(glob, "**/"); found {
				top = strings.TrimSuffix(top, "/**")
				linter[top] = slices.DeleteFunc(ours(rule.Allow), func(to string) bool { return to == top })
			}
		}
	}
	want := map[string][]string{}
	for top, allowed := range arrows() {
		if !slices.Contains(allowed, anything) && top != "tools" {
			want[top] = allowed
		}
	}
	if diff := cmp.Diff(want, linter); diff != "" {
		t.Errorf(".golangci.yml holds other arrows than arrows_test.go (-test +linter):\n%s", diff)
	}
}

// ours are the top-level folders of those imports that are this module's, each
// once, in alphabetical order.
func ours(imports []string) []string {
	tops := []string{}
	for _, imported := range imports {
		if inside, found := strings.CutPrefix(imported, module+"/"); found {
			top, _, _ := strings.Cut(inside, "/")
			tops = append(tops, top)
		}
	}
	slices.Sort(tops)
	return slices.Compact(tops)
}

// sources are all files of this module that are built, tests aside.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name, entry)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		s := source{path: filepath.ToSlash(name), files: token.NewFileSet()}
		s.top, _, _ = strings.Cut(s.path, "/")
		if s.file, err = parser.ParseFile(s.files, name, nil, parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, spec := range s.file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		found = append(found, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("found no Go file: this test must run in the module's root")
	}
	return found
}

// skipFolder keeps out of what is not part of this module's build.
func skipFolder(name string, entry fs.DirEntry) error {
	if name == "." {
		return nil
	}
	if strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") || entry.Name() == "testdata" || entry.Name() == "bin" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}
