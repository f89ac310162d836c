package rollbackd_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// TestConfigurationPageHasEveryKey holds docs/configuration.md to the keys that
// package config knows, both ways.
func TestConfigurationPageHasEveryKey(t *testing.T) {
	got := map[string][]string{}
	for title, section := range configurationSections(t) {
		keys := section.refused
		for _, row := range section.rows {
			keys = append(keys, row.keys...)
		}
		slices.Sort(keys)
		got[title] = keys
	}
	if diff := cmp.Diff(configurationKeys(t), got); diff != "" {
		t.Errorf("docs/configuration.md has other keys than config/keys.go (-code +page):\n%s", diff)
	}
}

// TestConfigurationPageHasTheDefaults holds the defaults that are written as one
// value to those that are filled into the smallest configuration.
func TestConfigurationPageHasTheDefaults(t *testing.T) {
	c, report := config.Load("examples/checkout.toml")
	if c == nil {
		t.Fatal(report.Err())
	}
	text, err := c.Effective("")
	if err != nil {
		t.Fatal(err)
	}
	effective := map[string]any{}
	if _, err := toml.Decode(string(text), &effective); err != nil {
		t.Fatal(err)
	}
	places := map[string][]string{
		"[prometheus]": {"prometheus"}, "[nats]": {"nats"}, "[decide]": {"decide"}, "[decide.within]": {"decide", "within"},
		"[guards]": {"guards"}, "[guards.correlated]": {"guards", "correlated"}, "[journal]": {"journal"}, "[web]": {"web"},
		"[matrix]": {"matrix"}, "[metrics.NAME]": {"metrics", "error_rate"}, "[services.NAME]": {"services", "checkout"},
		"[services.NAME.triggers.NAME]": {"services", "checkout", "triggers", "errors"},
		"[services.NAME.deployment]":    {"services", "checkout", "deployment"}, "[services.NAME.health]": {"services", "checkout", "health"},
		"[plans.NAME]": {"services", "checkout", "rollback"}, "[plans.NAME.verify]": {"services", "checkout", "rollback", "verify"},
	}
	compared := 0
	sections := configurationSections(t)
	for title, place := range places {
		table := effective
		for _, name := range place {
			table, _ = table[name].(map[string]any)
		}
		for _, row := range sections[title].rows {
			value, filled := table[row.keys[0]]
			if row.otherwise == "" || !filled {
				continue
			}
			compared++
			var want struct{ V any }
			if _, err := toml.Decode("V = "+row.otherwise, &want); err != nil || fmt.Sprint(want.V) != fmt.Sprint(value) {
				t.Errorf("docs/configuration.md: %s %s: the page says %s, the configuration %v", title, row.keys[0], row.otherwise, value)
			}
		}
	}
	if compared < 25 {
		t.Errorf("compared %d defaults, want at least 25: the page's tables or the effective configuration have changed", compared)
	}
}

// keyRow is one row of a table on the configuration page. otherwise is the
// default where the page writes it as one value, else empty.
type keyRow struct {
	keys      []string
	otherwise string
}

type keySection struct {
	rows    []keyRow
	refused []string
}

// configurationSections are the page's tables of keys, by the heading above.
func configurationSections(t *testing.T) map[string]keySection {
	t.Helper()
	body, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	words := func(text string) (all []string) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return all
	}
	_, tables, _ := strings.Cut(string(body), "\n## Tables\n")
	tables, _, _ = strings.Cut(tables, "\n## ")
	sections, title := map[string]keySection{}, ""
	for line := range strings.Lines(tables) {
		if heading, is := strings.CutPrefix(line, "### "); is {
			title = strings.Trim(heading, "`\n")
		}
		section := sections[title]
		if refused, is := strings.CutPrefix(line, "Refused by name:"); is {
			section.refused = append(section.refused, words(refused)...)
		}
		if cells := strings.Split(line, " | "); len(cells) >= 4 && strings.HasPrefix(line, "| `") {
			row := keyRow{keys: words(cells[0])}
			if m := regexp.MustCompile("^`([^`]+)`$").FindStringSubmatch(strings.TrimSpace(cells[2])); m != nil {
				row.otherwise = m[1]
			}
			section.rows = append(section.rows, row)
		}
		if title != "" {
			sections[title] = section
		}
	}
	return sections
}

// configurationKeys are the keys in config/keys.go, by kind of table. They are
// read from the source: package config has no other use for showing them.
func configurationKeys(t *testing.T) map[string][]string {
	t.Helper()
	texts := map[string]string{"laterKinds": strings.Join(returnedWords(t, "config/step.go", "laterKinds"), " ")}
	keys := map[string][]string{}
	ast.Inspect(function(t, "config/keys.go", "allKeys"), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			texts[n.Names[0].Name] = constant(t, n.Values[0], texts)
		case *ast.CompositeLit:
			if len(n.Elts) != 2 || n.Type != nil {
				return true
			}
			kind := constant(t, n.Elts[0], texts)
			if kind == "" {
				kind = "The top of the file"
			}
			keys[kind] = strings.Fields(constant(t, n.Elts[1], texts))
			slices.Sort(keys[kind])
		}
		return true
	})
	if len(keys) < 20 {
		t.Fatalf("found only the tables %q in config/keys.go", slices.Sorted(maps.Keys(keys)))
	}
	return keys
}

// function finds a function in a source file.
func function(t *testing.T, file, name string) *ast.FuncDecl {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		if f, is := d.(*ast.FuncDecl); is && f.Name.Name == name {
			return f
		}
	}
	t.Fatalf("%s has no function %s", file, name)
	return nil
}

// returnedWords are the string literals within a function.
func returnedWords(t *testing.T, file, name string) (words []string) {
	t.Helper()
	ast.Inspect(function(t, file, name), func(n ast.Node) bool {
		if lit, is := n.(*ast.BasicLit); is {
			words = append(words, constant(t, lit, nil))
		}
		return true
	})
	return words
}

// constant is the text of an expression: a literal, a name, a sum, or
// strings.Join of a function's words.
func constant(t *testing.T, e ast.Expr, texts map[string]string) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case *ast.Ident:
		return texts[e.Name]
	case *ast.BinaryExpr:
		return constant(t, e.X, texts) + constant(t, e.Y, texts)
	case *ast.CallExpr:
		if list, is := e.Args[0].(*ast.CallExpr); is {
			return constant(t, list.Fun, texts)
		}
	}
	t.Fatalf("an expression in config/keys.go that this test cannot read: %T", e)
	return ""
}
