package rollbackd_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
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

// TestExampleTestFilesPass plays the test files that are shipped beside the
// configurations, as `rollbackd test` does.
func TestExampleTestFilesPass(t *testing.T) {
	files, err := filepath.Glob("examples/*_test.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no test file below examples/ (%v)", err)
	}
	var out bytes.Buffer
	result, err := scenario.Run(t.Context(), files, scenario.Options{Out: &out})
	if err != nil || !result.OK() || result.Passed < 3*len(files) {
		t.Errorf("passed %d, failed %d (%v):\n%s", result.Passed, result.Failed, err, out.String())
	}
}

// examples are the configurations below examples/; test files are none.
func examples(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("examples", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".toml" && !strings.HasSuffix(name, "_test.toml") && !entry.IsDir() {
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

// TestLinksLeadSomewhere follows the relative links of the documents, with the
// headings that they name.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	followed := 0
	for _, page := range append(pages, "README.md", "CHANGELOG.md") {
		body, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(body), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			followed++
			file, heading, _ := strings.Cut(m[1], "#")
			there := page
			if file != "" {
				there = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
			}
			target, err := os.ReadFile(there)
			if err != nil {
				t.Errorf("%s: %s leads nowhere: %v", page, m[1], err)
			} else if heading != "" && !slices.Contains(anchors(string(target)), heading) {
				t.Errorf("%s: %s: %s has no such heading", page, m[1], there)
			}
		}
	}
	if followed < 10 {
		t.Errorf("followed %d links, want at least 10", followed)
	}
}

// anchors are a page's headings as links name them.
func anchors(page string) (names []string) {
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for line := range strings.Lines(page) {
		if text := strings.TrimLeft(line, "#"); text != line {
			name := drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "")
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}

// TestWebhookPageHasEveryEvent holds the list of events to the code.
func TestWebhookPageHasEveryEvent(t *testing.T) {
	body, err := os.ReadFile("docs/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(body), "\n## Events\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)`").FindAllStringSubmatch(table, -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(incident.Events())), got); diff != "" {
		t.Errorf("docs/webhook.md has other events than the code (-code +page):\n%s", diff)
	}
}

// TestApiPageHasEveryMetric holds the list of metrics to the names in the code.
func TestApiPageHasEveryMetric(t *testing.T) {
	page, err := os.ReadFile("docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range []string{"responder/metrics.go", "source/observer.go", "daemon/metrics.go", "web/metrics.go", "notify/metrics.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"rollbackd_([a-z_]+)"|(?:counter|gauge|histogram)\("([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			names[m[1]+m[2]] = true
		}
	}
	for name := range names {
		if !bytes.Contains(page, []byte("`"+name+"`")) && !bytes.Contains(page, []byte("`"+name+"{")) {
			t.Errorf("docs/api.md does not speak of rollbackd_%s", name)
		}
	}
	if len(names) < 25 {
		t.Errorf("found %d metrics in the code, want at least 25", len(names))
	}
}
