package page

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestContrast computes, from the colours that the style sheet names, how well
// every text stands out from each ground that it can stand on, in both schemes.
// WCAG 2.2 wants 4.5 for text and 3 for the outlines of controls.
func TestContrast(t *testing.T) {
	grounds := []string{"paper", "panel", "good-ground", "dim-ground", "act-ground", "warn-ground", "bad-ground"}
	for scheme, colours := range schemes(t) {
		check := func(text, ground string, least float64) {
			got := contrast(t, colours[text], colours[ground])
			if got < least {
				t.Errorf("%s: %s on %s is %.2f, want at least %g", scheme, text, ground, got, least)
			}
		}
		for _, ground := range grounds {
			for _, text := range []string{"text", "soft", "link"} {
				check(text, ground, 4.5)
			}
		}
		for _, tone := range []string{"good", "dim", "act", "warn", "bad"} {
			check(tone, "paper", 4.5)
			check(tone, "panel", 4.5)
			check(tone, tone+"-ground", 4.5)
			check("on-fill", tone, 4.5)
		}
		check("edge", "paper", 3)
		check("edge", "panel", 3)
	}
}

// schemes are the colours of the light and of the dark, by name.
func schemes(t *testing.T) map[string]map[string]string {
	t.Helper()
	css, err := static.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("the style sheet has no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "}\n}")
	named := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`)
	all := map[string]map[string]string{}
	for scheme, text := range map[string]string{"light": light, "dark": dark} {
		all[scheme] = map[string]string{}
		for _, found := range named.FindAllStringSubmatch(text, -1) {
			all[scheme][found[1]] = found[2]
		}
		if len(all[scheme]) < 15 {
			t.Fatalf("the %s scheme has %d colours", scheme, len(all[scheme]))
		}
	}
	return all
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("%q is no colour", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		part, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		v := float64(part) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// TestOtherColoursAreNotUsed: what the contrast test does not see must not exist.
func TestOtherColoursAreNotUsed(t *testing.T) {
	css, err := static.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(css), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(`).FindString(line); found != "" {
			t.Errorf("style.css:%d: %s is no colour of the two schemes", n+1, found)
		}
	}
}

func TestTheScriptIsSmall(t *testing.T) {
	js, err := static.ReadFile("static/live.js")
	if err != nil {
		t.Fatal(err)
	}
	if len(js) >= 6<<10 {
		t.Errorf("live.js is %d bytes, want under %d", len(js), 6<<10)
	}
}

// TestTheBrowserListensToEveryKind compares with the kinds that the brain has: a
// browser is told of nothing that it does not listen to by name.
func TestTheBrowserListensToEveryKind(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../incident/entry.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := kinds()
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type == nil || fmt.Sprint(spec.Type) != "Kind" {
			return true
		}
		n++
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || !slices.Contains(known, word) {
			t.Errorf("no browser listens to %s (%v)", spec.Values[0].(*ast.BasicLit).Value, err)
		}
		return true
	})
	if n < 40 {
		t.Errorf("found %d kinds", n)
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain → ä\n\t": "plain → ä\n\t", "\x1b[31m": "␛[31m", "a\u202eb": "a⟨U+202E⟩b", "\x00\r\x7f\u0085": "␀␍␡⟨U+0085⟩", "\u200bx\ufeff": "⟨U+200B⟩x⟨U+FEFF⟩",
		"👩\u200d🚒": "👩\u200d🚒",
	} {
		if got := string(visible([]byte(text))); got != want {
			t.Errorf("visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add([]byte("a\x1b[31m\u202e\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		shown := visible(text)
		for _, r := range string(shown) {
			if hidden(r) {
				t.Fatalf("visible(%q) holds %U", text, r)
			}
		}
		if again := visible(shown); string(again) != string(shown) {
			t.Errorf("what is visible changes: %q, %q", shown, again)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("one\ntwo <&>\n", 10)
	f.Fuzz(func(t *testing.T, output string, room int) {
		if room < 0 || room > 1<<20 {
			return
		}
		left := room
		shown := cut(output, &left)
		if left < 0 || left > room {
			t.Fatalf("%d left of %d", left, room)
		}
		if shown != output && !strings.HasPrefix(shown, "… cut here") {
			t.Errorf("%q was changed to %q", output, shown)
		}
	})
}
