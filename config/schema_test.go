package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/trigger"
)

// schema is a JSON Schema, as far as config.Schema uses it: a word that it does not
// know is a failure.
type schema struct {
	t    *testing.T
	root map[string]any
}

func readSchema(t *testing.T) schema {
	t.Helper()
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	s := schema{t: t}
	if err := json.Unmarshal(text, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

// problems are what a decoded file has that the schema does not take.
func (s schema) problems(vals map[string]any) []string { return s.check(s.root, vals, "") }

func (s schema) check(piece map[string]any, value any, at string) []string {
	var found []string
	wrong := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	for word, fact := range piece {
		switch word {
		case "$schema", "title", "description", "default", "definitions", "properties":
		case "$ref":
			name := strings.TrimPrefix(fact.(string), "#/definitions/")
			definition, ok := s.root["definitions"].(map[string]any)[name].(map[string]any)
			if !ok {
				s.t.Fatalf("%s: there is no definition %q", at, name)
			}
			found = append(found, s.check(definition, value, at)...)
		case "type":
			if !isType(fact, value) {
				wrong("%v is no %v", value, fact)
			}
		case "enum":
			if !slices.ContainsFunc(fact.([]any), func(one any) bool { return reflect.DeepEqual(one, value) }) {
				wrong("%v is none of %v", value, fact)
			}
		case "anyOf":
			if !slices.ContainsFunc(fact.([]any), func(one any) bool { return len(s.check(one.(map[string]any), value, at)) == 0 }) {
				wrong("%v is of no form", value)
			}
		case "pattern", "minLength", "maxLength":
			if text, ok := value.(string); ok && !fits(word, fact, text) {
				wrong("%q does not fit %s %v", text, word, fact)
			}
		case "minimum", "maximum":
			if n, ok := number(value); ok && (word == "minimum" && n < fact.(float64) || word == "maximum" && n > fact.(float64)) {
				wrong("%v is beyond the %s %v", n, word, fact)
			}
		case "items", "minItems":
			found = append(found, s.elements(word, fact, value, at)...)
		case "required", "additionalProperties":
			if table, ok := value.(map[string]any); ok {
				found = append(found, s.keys(piece, word, table, at)...)
			}
		default:
			s.t.Fatalf("%s: this test does not know the word %q", at, word)
		}
	}
	slices.Sort(found)
	return found
}

func (s schema) elements(word string, fact, value any, at string) (found []string) {
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return nil
	}
	if least, ok := fact.(float64); ok && word == "minItems" && list.Len() < int(least) {
		return []string{at + ": too few elements"}
	}
	for i := range list.Len() {
		if word == "items" {
			found = append(found, s.check(fact.(map[string]any), list.Index(i).Interface(), fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	return found
}

// keys checks a table: that what must be there is, and each key with what it takes.
func (s schema) keys(piece map[string]any, word string, table map[string]any, at string) (found []string) {
	if word == "required" {
		for _, key := range piece[word].([]any) {
			if _, ok := table[key.(string)]; !ok {
				found = append(found, fmt.Sprintf("%s: %s is missing", at, key))
			}
		}
		return found
	}
	properties, _ := piece["properties"].(map[string]any)
	for key, value := range table {
		form, ok := properties[key].(map[string]any)
		if !ok {
			form, ok = piece[word].(map[string]any)
		}
		if !ok {
			found = append(found, fmt.Sprintf("%s: unknown key %s", at, key))
			continue
		}
		found = append(found, s.check(form, value, strings.TrimPrefix(at+"."+key, "."))...)
	}
	return found
}

func isType(want, value any) bool {
	if several, ok := want.([]any); ok {
		return slices.ContainsFunc(several, func(one any) bool { return isType(one, value) })
	}
	switch value.(type) {
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case int64:
		return want == "integer" || want == "number"
	case float64:
		return want == "number"
	case map[string]any:
		return want == "object"
	case []any, []map[string]any:
		return want == "array"
	case time.Time:
		return false
	}
	return false
}

func fits(word string, fact any, text string) bool {
	switch word {
	case "pattern":
		return regexp.MustCompile(fact.(string)).MatchString(text)
	case "minLength":
		return len([]rune(text)) >= int(fact.(float64))
	}
	return len([]rune(text)) <= int(fact.(float64))
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	vals := map[string]any{}
	if _, err := toml.Decode(text, &vals); err != nil {
		t.Fatal(err)
	}
	return vals
}

// Each configuration that is shipped, shown or tried fits the schema.
func TestSchemaTakesWhatIsGood(t *testing.T) {
	s := readSchema(t)
	seen := 0
	for _, pattern := range []string{"testdata/good/*.toml", "../examples/*.toml", "../examples/*/*.toml", "../bench/*/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			vals := decoded(t, string(data))
			if inline, is := vals["inline"].(map[string]any); is {
				vals = inline
			}
			if vals["case"] != nil || len(vals) == 0 || vals["services"] == nil {
				continue // a test file, or something else
			}
			seen++
			if found := s.problems(vals); len(found) > 0 {
				t.Errorf("%s:\n%s", file, strings.Join(found, "\n"))
			}
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(readme), "\n```toml\n")
	example, _, closed := strings.Cut(example, "\n```\n")
	if !found || !closed {
		t.Fatal("README.md has no example")
	}
	if found := s.problems(decoded(t, example)); len(found) > 0 {
		t.Errorf("README.md:\n%s", strings.Join(found, "\n"))
	}
	if seen < 5 {
		t.Errorf("%d configurations were tried, want at least 5", seen)
	}
}

// What `check --print` shows, with every default written out, fits too.
func TestSchemaTakesTheEffectiveConfiguration(t *testing.T) {
	s := readSchema(t)
	for _, file := range []string{"testdata/good/full.toml", "testdata/good/smallest.toml"} {
		text, err := mustRead(t, file).Effective("")
		if err != nil {
			t.Fatal(err)
		}
		if found := s.problems(decoded(t, string(text))); len(found) > 0 {
			t.Errorf("%s:\n%s", file, strings.Join(found, "\n"))
		}
	}
}

// What is refused for its keys, its types and its words alone does not fit.
func TestSchemaRefusesWhatIsBad(t *testing.T) {
	s := readSchema(t)
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	byItself := regexp.MustCompile(`unknown (key|value|severity|event|day|unit) |is not implemented in this version|is not a (duration|size)|: want (a|an|true or false|PromQL)\b.*, not (a|an|true)|"[a-z_]+" is missing$|must not be empty$`)
	tried := 0
	for _, file := range files {
		said, err := os.ReadFile(strings.TrimSuffix(file, ".toml") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !byItself.Match(said) {
			continue
		}
		tried++
		if len(s.problems(decoded(t, string(text)))) == 0 {
			t.Errorf("%s fits the schema, and the readers say:\n%s", file, said)
		}
	}
	if tried < 50 {
		t.Errorf("%d files were tried, want at least 50", tried)
	}
}

// A key that is read past table's own methods, of which the schema would know nothing,
// is no schema at all.
func TestSchemaNamesWhatItDoesNotKnow(t *testing.T) {
	if got := config.MissedKeys("said", "refused", "unsaid", "also"); !slices.Equal(got, []string{"also", "unsaid"}) {
		t.Errorf("missed %q, want also and unsaid", got)
	}
}

// A severity for which silence is not said to be a yes has no default: an editor that
// fills one in would turn silence into a rollback.
func TestSchemaHasNoDefaultForSilence(t *testing.T) {
	definition, _ := readSchema(t).root["definitions"].(map[string]any)["decide.on_deadline"].(map[string]any)
	properties, _ := definition["properties"].(map[string]any)
	if len(properties) != len(trigger.Severities()) {
		t.Fatalf("got %v, want every severity", properties)
	}
	for name, form := range properties {
		if otherwise, has := form.(map[string]any)["default"]; has {
			t.Errorf("%s has the default %v, want none", name, otherwise)
		}
	}
}
