package scenario_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHazardsPage holds docs/hazards.md to the corpus: it is written from it, and
// out of date as soon as a case, a test or a sentence changes.
func TestHazardsPage(t *testing.T) {
	const path = "../docs/hazards.md"
	want := page(loadHazards(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/hazards.md is out of date; make hazards writes it anew (-there +wanted):\n%s", diff)
	}
}

const aboutHazards = `# Hazards

<!-- Written by make hazards from scenario/testdata/hazards and scenario/testdata/page/hazards.toml. Change those. -->

How an automatic rollback goes wrong, what rollbackd does about it, and what shows that it does. The scenarios are [test files](testing.md): read one, change it, and run it with ` + "`rollbackd test`" + `. They are played with every
build. Each hazard is looked at from four sides: it **fires**; it is **just under** what fires; a **fault** comes in the middle of it; and the **recovery**. The numbers are how many cases and tests show which side.

`

// page is the page.
func page(all []*hazard) string {
	var b strings.Builder
	b.WriteString(aboutHazards)
	table := func(row func(h *hazard) string) {
		for _, h := range all {
			if text := row(h); text != "" {
				b.WriteString(text)
			}
		}
	}
	b.WriteString("| | hazard | what rollbackd does | shown by | fires | just under | fault | recovery |\n|---|---|---|---|---|---|---|---|\n")
	total := 0
	table(func(h *hazard) string {
		if h.Waiting != "" {
			return ""
		}
		row := fmt.Sprintf("| H%d | %s | %s | %s |", h.Number, h.Title, h.Does, strings.Join(h.proofs, ", "))
		for _, side := range sidesOfAHazard() {
			row += fmt.Sprintf(" %d |", h.counts[side])
		}
		for _, n := range h.counts {
			total += n
		}
		return row + "\n"
	})
	fmt.Fprintf(&b, "\n%d cases and tests in all, those beside the four sides included.\n", total)
	b.WriteString("\n## What is not there yet\n\nParts of hazards above that nothing is done about in this version:\n\n")
	table(func(h *hazard) string {
		if h.NotYet == "" || h.Waiting != "" {
			return ""
		}
		return fmt.Sprintf("- H%d, %s. %s\n", h.Number, lower(h.Title), h.NotYet)
	})
	b.WriteString("\n## Waiting\n\nHazards that wait for something that is not built, and are not counted:\n\n")
	table(func(h *hazard) string {
		if h.Waiting == "" {
			return ""
		}
		return fmt.Sprintf("- H%d, %s. %s\n", h.Number, lower(h.Title), h.Waiting)
	})
	return b.String()
}

// lower is a title inside a sentence; names keep their letters.
func lower(title string) string {
	for _, name := range []string{"Prometheus", "NATS", "A to B"} {
		if strings.HasPrefix(title, name) {
			return title
		}
	}
	return strings.ToLower(title[:1]) + title[1:]
}
