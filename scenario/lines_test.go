package scenario_test

import (
	"os"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/scenario"
)

func TestLinesOfKeys(t *testing.T) {
	text := `# a comment with [brackets] and "quotes
config = "x.toml" # one more ]

[[case]]
name = "first [[case]]"
values = { "error_rate checkout" = "1 2" }
events = [
  { at = "1s" }, # inside
  { at = "2s" },
]
[case.steps]
"previous release" = { exit = 0 }
'with.dots'.takes = "1s"
[[case.expect]]
end = true
[[case]]
name = """
[[case]]
not = "a key" \"""" # four quotes
until = '''x = 1
[y]'''
[[case.expect]]
at = "1m"
[[case.expect]]
by = "2m"
`
	want := map[string]int{
		"config":                           2,
		"case":                             4,
		"case[0]":                          4,
		"case[0].name":                     5,
		"case[0].values":                   6,
		"case[0].events":                   7,
		"case[0].events[0]":                8,
		"case[0].events[1]":                9,
		"case[0].steps":                    11,
		`case[0].steps."previous release"`: 12,
		`case[0].steps."with.dots"`:        13,
		`case[0].steps."with.dots".takes`:  13,
		"case[0].expect":                   14,
		"case[0].expect[0]":                14,
		"case[0].expect[0].end":            15,
		"case[1]":                          16,
		"case[1].name":                     17,
		"case[1].until":                    20,
		"case[1].expect":                   22,
		"case[1].expect[0]":                22,
		"case[1].expect[0].at":             23,
		"case[1].expect[1]":                24,
		"case[1].expect[1].by":             25,
	}
	if diff := cmp.Diff(want, scenario.LinesOf(text)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestEveryTopLevelKeyHasALine holds the scanner against the TOML library over
// the whole corpus: every header and key outside inline tables is found.
func TestEveryTopLevelKeyHasALine(t *testing.T) {
	for _, path := range corpus(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var values map[string]any
		md, err := toml.Decode(string(data), &values)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines := scenario.LinesOf(string(data))
		for _, key := range md.Keys() {
			if len(key) != 1 {
				continue
			}
			if lines[scenario.PathOf(key...)] == 0 {
				t.Errorf("%s: no line for %s", path, key)
			}
		}
		cases, _ := values["case"].([]map[string]any)
		for i, c := range cases {
			for name := range c {
				at := scenario.PathOf("case") + indexed(i)
				if lines[at+"."+name] == 0 {
					t.Errorf("%s: no line for %s.%s", path, at, name)
				}
			}
		}
	}
}
