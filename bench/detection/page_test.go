package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePageIsOurs holds docs/detection.md to the code: its marks, the heads of
// its tables, and a table for every rate and trigger.
func TestThePageIsOurs(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("..", "..", "docs", "detection.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := intoPage(string(body), "new tables\n"); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), beginMark)
	written, _, _ := strings.Cut(rest, endMark)
	// Empty results give the page's own heads and first columns.
	p := everything()
	for line := range strings.Lines(p.tables(results{})) {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| trigger") && !strings.HasPrefix(line, "| noise") && !strings.HasPrefix(line, "|---") {
			cells := strings.Split(line, "|")
			line = strings.Join(cells[:2], "|") + "|"
		}
		if !strings.Contains(written, line) {
			t.Errorf("docs/detection.md lacks %q: run make detection", strings.TrimSpace(line))
		}
	}
	if strings.Count(written, p.glanceHeader()) != len(p.rates) || strings.Count(written, p.detailHeader()) != len(p.contenders) {
		t.Errorf("docs/detection.md has other tables than the code writes: run make detection")
	}
}

func TestIntoPageLeavesTheProseAlone(t *testing.T) {
	page := "# Detection\n\n" + beginMark + "\nold\n" + endMark + "\n\nprose\n"
	got, err := intoPage(page, "new\n")
	if want := "# Detection\n\n" + beginMark + "\n\nnew\n\n" + endMark + "\n\nprose\n"; err != nil || got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	if again, err := intoPage(got, "new\n"); err != nil || again != got {
		t.Errorf("once more: %q (%v), want no change", again, err)
	}
}

func FuzzIntoPage(f *testing.F) {
	f.Add("a\n"+beginMark+"\nb\n"+endMark+"\nc", "t")
	f.Add(endMark+beginMark+"\n", "")
	f.Fuzz(func(t *testing.T, page, tables string) {
		got, err := intoPage(page, tables)
		if err != nil {
			return
		}
		before, _, _ := strings.Cut(page, beginMark)
		if !strings.HasPrefix(got, before) || !strings.Contains(got, tables) {
			t.Errorf("intoPage(%q, %q) = %q, want what was before and the tables", page, tables, got)
		}
	})
}

func TestCells(t *testing.T) {
	of := func(deployments int, seconds ...int) outcome { return outcome{deployments, delays(seconds...)} }
	many := make([]int, 999)
	for _, c := range []struct{ got, want string }{
		{delayCell(of(10)), "–"},
		{delayCell(of(3, 135, 135, 200)), "2:15 / 3:20"},
		{delayCell(of(4, 75, 3599)), "50%: 1:15 / 59:59"},
		{delayCell(of(1000, many...)), ">99%: 0:00 / 0:00"},
		{delayCell(of(300, 60)), "<1%: 1:00 / 1:00"},
		{falseCell(of(4000)), "0 (0–1.0)"},
		{falseCell(of(1000, 1, 2, 3, 4, 5)), "5.0 (2.1–12)"},
		{thousandth(0.00997), "10"},
		{fault{}.String(), "healthy"},
		{fault{errors: 0.05}.String(), "5%"},
		{fault{gone: true}.String(), "gone"},
		{contender{when: "a", keys: "b = 1"}.String(), "a, b = 1"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
