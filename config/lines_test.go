package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

func TestLines(t *testing.T) {
	const src = `# a comment with [brackets] and key = "value"
top = 1
"quoted \"key\"" = 'x = 1'
dotted.a.b = 2 # trailing
[table] # [not.a.table]
text = """
[fake]
fake = 1
\""" still
"""
literal = '''
[fake2]''' # x
after = true
[table."with dot.in it"]
inline = { a = 1, b = { c = [1, 2] }, 'd e' = "}" }
[[list]]
name = "first"
[list.sub]
x = 1
[[list]]
name = "second"
[[list.deep]]
y = 1
[[list.deep]]
y = 2
array = [
  { n = 1 },
  # comment ]
  { n = 2,
    m = 3 }, 1979-05-27 07:32:32,
]
`
	want := map[string]int{
		"top": 2, `"quoted \"key\""`: 3, "dotted": 4, "dotted.a": 4, "dotted.a.b": 4,
		"table": 5, "table.text": 6, "table.literal": 11, "table.after": 13,
		`table."with dot.in it"`: 14, `table."with dot.in it".inline`: 15, `table."with dot.in it".inline.a`: 15,
		`table."with dot.in it".inline.b.c[1]`: 15, `table."with dot.in it".inline."d e"`: 15,
		"list[0]": 16, "list[0].name": 17, "list[0].sub": 18, "list[0].sub.x": 19,
		"list[1]": 20, "list[1].name": 21, "list[1].deep[0].y": 23, "list[1].deep[1]": 24, "list[1].deep[1].y": 25,
		"list[1].deep[1].array": 26, "list[1].deep[1].array[0].n": 27, "list[1].deep[1].array[1]": 29,
		"list[1].deep[1].array[1].m": 30, "list[1].deep[1].array[2]": 30,
	}
	_, lines := config.ScannedKeys(src)
	for key, line := range want {
		if lines[key] != line {
			t.Errorf("%s: line %d, want %d", key, lines[key], line)
		}
	}
	for key := range lines {
		if strings.Contains(key, "fake") {
			t.Errorf("found a key %q within a string", key)
		}
	}
}

// The library takes some of TOML 1.1; a file is to be read by everybody.
func TestOnlyTOML10(t *testing.T) {
	const table = "an inline table must end on the line where it begins (TOML 1.0): write it on one line, or as a [table] of its own"
	for src, want := range map[string]string{
		"[vars]\na = { b = 1,\n c = 2 }\n":                        "2: " + table,
		"[vars]\na = {\n}\n":                                      "2: " + table,
		"[vars]\na = { b = 1 # c\n}\n":                            "2: " + table,
		"[vars]\na = { b = 1,\n c = { d = 2,\r\n} }\n":            "2: " + table + "\n3: " + table,
		"[vars]\na = { b = 1,\n}\nc = \"\\e\"\n":                  "2: " + table + "\n4: TOML 1.0 has no escape \\e: write \\u and four digits",
		"[vars]\na = [{ b = 1 },\n { b = 2, }]\n":                 "3: TOML 1.0 has no comma after the last key of an inline table",
		"[vars]\na = \"\"\"\n\\x41\"\"\"\n":                       "3: TOML 1.0 has no escape \\x: write \\u and four digits",
		"[vars]\na = { b = [\n1, # c\n2,\n], c = 1 }\n":           "",
		"[vars]\na = { b = \"\"\"\n{,}\n\"\"\", c = '''\n''' }\n": "",
		"[vars]\na = '\\e\\x41'\nb = \"\\\\e\\u001b\"\n":          "",
		"[vars]\na = [\n{ b = 1 },\n]\nd = {}\n":                  "",
	} {
		var vals map[string]any
		if _, err := toml.Decode(src, &vals); err != nil {
			t.Errorf("%q is refused by the library already: %v", src, err)
		}
		_, report := config.Parse("rollbackd.toml", []byte(src))
		var got []string
		for _, p := range report.Errors {
			if p.Key == "" {
				got = append(got, strings.TrimPrefix(p.String(), "rollbackd.toml:"))
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", src, diff)
		}
	}
}

func TestScannerAgreesWithDecoder(t *testing.T) {
	for _, src := range []string{
		"a.\"b.c\".'d' = 1\n",
		"\ufeffa = 1\r\nb = 2\r\n",
		"[a.b]\n[a]\nx = 1\n[[a.c]]\n[a.c.d]\ny = {z = {w = 1}}\n",
		"x = [[1, 2], [\"]\", '}'], [{a = 1}, {b.c = 2}]]\n",
		"s = \"a \\\" b \\\\\"\nt = 'a \\'\nu = \"\"\"a\"\" \\\"\"\"\"\"\"\nv = '''''''\n",
		"\"\\u0041\\t\" = 1\n\"\" = 2\n",
		"d = 1979-05-27 07:32:32 # c\ne = +1_000.5e-3\n",
		"a = {}\nb = []\n[c]\n[[d]]\n[[d]]\n",
	} {
		compareKeys(t, src)
	}
}

// compareKeys holds the scanner against the decoder's own list of keys. A file
// that does not decode has no lines to be wrong about.
func compareKeys(t *testing.T, src string) {
	t.Helper()
	var vals map[string]any
	md, err := toml.Decode(src, &vals)
	got, lines := config.ScannedKeys(src)
	if err != nil {
		return
	}
	var want []string
	for _, k := range md.Keys() {
		want = append(want, strings.Join(k, "\x00"))
	}
	if diff := cmp.Diff(count(want), count(got)); diff != "" {
		t.Errorf("keys of %q (-decoder +scanner):\n%s", src, diff)
	}
	for key, line := range lines {
		if line < 1 || line > strings.Count(src, "\n")+1 {
			t.Errorf("%q is on line %d of %q", key, line, src)
		}
	}
}

func count(keys []string) map[string]int {
	out := map[string]int{}
	for _, k := range keys {
		out[k]++
	}
	return out
}

// FuzzParse never panics whatever the text, and gives a configuration exactly
// where there are no errors; what it prints of one means the same again.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.toml", "testdata/good/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data))
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		// A pattern could name any file of this machine.
		if strings.Contains(src, "include") || strings.Contains(src, "config_file") {
			return
		}
		compareKeys(t, src)
		c, report := config.Parse("rollbackd.toml", []byte(src))
		if (c == nil) != (len(report.Errors) > 0) {
			t.Fatalf("configuration %v beside %d errors", c != nil, len(report.Errors))
		}
		for _, p := range report.Errors {
			if p.Text == "" || p.File != "rollbackd.toml" {
				t.Errorf("malformed problem %q", p)
			}
		}
		if c == nil {
			return
		}
		c.BrainOptions()
		text, err := c.Effective("")
		if err != nil {
			t.Errorf("effective: %v", err)
		}
		if strings.Contains(string(text), "<secret>") {
			return
		}
		again, report := config.Parse("rollbackd.toml", text)
		if again == nil || again.Hash() != c.Hash() {
			t.Errorf("the effective configuration means something else: %v\n%s", report.Err(), text)
		}
	})
}
