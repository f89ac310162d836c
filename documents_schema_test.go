package rollbackd_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// TestSchemaHasEveryKeyOfThePage holds the schema that `rollbackd schema` prints to the
// keys on docs/configuration.md: each that means something is in it, and none that is
// refused by name. What it says of a table leads to that table's section.
func TestSchemaHasEveryKeyOfThePage(t *testing.T) {
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	type table struct {
		Title, Description string
		Properties         map[string]any
	}
	var schema struct {
		table
		Definitions map[string]table
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := anchors(string(page))
	got := map[string][]string{"The top of the file": slices.Sorted(maps.Keys(schema.Properties))}
	for name, definition := range schema.Definitions {
		if name == "http" {
			continue // Prometheus's own, under their own names
		}
		keys := slices.AppendSeq(got[definition.Title], maps.Keys(definition.Properties))
		slices.Sort(keys)
		got[definition.Title] = slices.Compact(keys)
		if _, anchor, _ := strings.Cut(definition.Description, "/docs/configuration.md#"); !slices.Contains(sections, anchor) {
			t.Errorf("%s: the schema leads to %q, and docs/configuration.md has no such section", definition.Title, definition.Description)
		}
	}
	want := map[string][]string{}
	for title, section := range configurationSections(t) {
		keys := []string{}
		for _, row := range section.rows {
			keys = append(keys, row.keys...)
		}
		slices.Sort(keys)
		want[title] = keys
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the schema has other keys than docs/configuration.md (-page +schema):\n%s", diff)
	}
}
