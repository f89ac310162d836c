package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/trigger"
)

// findings collects every mistake of a test file.
type findings struct {
	file     string
	lines    lineIndex
	problems []config.Problem
}

func (f *findings) add(path, format string, args ...any) {
	f.problems = append(f.problems, config.Problem{
		File: f.file, Line: f.lines.of(path), Key: path, Text: fmt.Sprintf(format, args...),
	})
}

// table is a TOML table being read. Each key that is asked for is known from
// then on; finish reports those that nobody asked for.
type table struct {
	findings *findings
	path     string
	values   map[string]any
	asked    []string
}

// take gives the value of a key and remembers that the key exists.
func (t *table) take(key string) (any, bool) {
	t.asked = append(t.asked, key)
	v, ok := t.values[key]
	return v, ok
}

func (t *table) has(key string) bool { _, ok := t.values[key]; return ok }

func (t *table) problem(key, format string, args ...any) {
	t.findings.add(keyPath(t.path, key), format, args...)
}

// problems reports each of the errors that are joined in one.
func (t *table) problems(key string, err error) {
	if all, joined := err.(interface{ Unwrap() []error }); joined {
		for _, one := range all.Unwrap() {
			t.problem(key, "%v", one)
		}
	} else if err != nil {
		t.problem(key, "%v", err)
	}
}

func (t *table) line() int { return t.findings.lines.of(t.path) }

// read takes a key as a value of one type; a wrong type is a mistake.
func read[T any](t *table, key, want string) (T, bool) {
	v, ok := t.take(key)
	var none T
	if !ok {
		return none, false
	}
	typed, ok := v.(T)
	if !ok {
		t.problem(key, "expected %s, found %s", want, found(v))
	}
	return typed, ok
}

func found(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case int64, float64, bool:
		return fmt.Sprint(v)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	}
	return "a date"
}

func (t *table) text(key string) string {
	v, _ := read[string](t, key, "a string")
	return v
}

// needed is text that must be there and not empty.
func (t *table) needed(key string) string {
	v := t.text(key)
	if !t.has(key) {
		t.findings.add(t.path, "%s is missing", key)
	} else if _, isText := t.values[key].(string); isText && v == "" {
		t.problem(key, "must not be empty")
	}
	return v
}

func (t *table) boolean(key string) bool {
	v, _ := read[bool](t, key, "true or false")
	return v
}

func (t *table) integer(key string, smallest int64) (int, bool) {
	v, ok := read[int64](t, key, "a whole number")
	if ok && (v < smallest || v > maxRun) {
		t.problem(key, "%d is out of range (%d to %d)", v, smallest, maxRun)
		return 0, false
	}
	return int(v), ok
}

func (t *table) duration(key string) (time.Duration, bool) {
	text, ok := read[string](t, key, `a duration such as "90s"`)
	if !ok {
		return 0, false
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		t.problem(key, "%q is not a duration (write it as %q, %q or %q)", text, "90s", "1m30s", "2h")
		return 0, false
	}
	return time.Duration(d), true
}

// signedDuration is a duration that must be there and may be negative.
func (t *table) signedDuration(key string) time.Duration {
	text := t.needed(key)
	digits, negative := strings.CutPrefix(text, "-")
	d, err := model.ParseDuration(digits)
	if err != nil && text != "" {
		t.problem(key, "%q is not a duration (write it as %q or %q)", text, "1h", "-90s")
	}
	if negative {
		return -time.Duration(d)
	}
	return time.Duration(d)
}

// word is text that must be one of a few words.
func (t *table) word(key string, words ...string) string {
	v := t.text(key)
	if v != "" && !slices.Contains(words, v) {
		t.problem(key, "unknown value %q%s", v, suggestion(v, words))
		return ""
	}
	return v
}

func (t *table) table(key string) (*table, bool) {
	v, ok := read[map[string]any](t, key, "a table")
	return &table{findings: t.findings, path: keyPath(t.path, key), values: v}, ok
}

// tables reads an array of tables, in either of TOML's two spellings.
func (t *table) tables(key string) []*table {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	var list []map[string]any
	switch v := v.(type) {
	case []map[string]any:
		list = v
	case []any:
		for _, element := range v {
			if m, isTable := element.(map[string]any); isTable {
				list = append(list, m)
				continue
			}
			t.problem(key, "expected tables, found %s", found(element))
		}
	default:
		t.problem(key, "expected an array of tables ([[%s]]), found %s", keyPath(t.path, key), found(v))
	}
	tables := make([]*table, len(list))
	for i, m := range list {
		tables[i] = &table{findings: t.findings, path: indexPath(keyPath(t.path, key), i), values: m}
	}
	return tables
}

// finish reports the keys that nobody asked for.
func (t *table) finish() {
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if !slices.Contains(t.asked, key) {
			t.problem(key, "unknown key%s", suggestion(key, t.asked))
		}
	}
}

// exactlyOne checks that just one of some keys is there. Each of them is then known:
// of two, the one that is not read is not reported again.
func (t *table) exactlyOne(keys ...string) {
	t.asked = append(t.asked, keys...)
	var there []string
	for _, key := range keys {
		if t.has(key) {
			there = append(there, key)
		}
	}
	if len(there) != 1 {
		t.findings.add(t.path, "needs exactly one of %s; found %s", strings.Join(keys, ", "), orNone(there))
	}
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none of them"
	}
	return strings.Join(words, " and ")
}

// suggestion names the word that was probably meant, or else all words there are.
func suggestion(word string, words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	words = slices.Compact(words)
	switch near := trigger.Nearest(word, words); {
	case near != "":
		return fmt.Sprintf(" (did you mean %q?)", near)
	case len(words) == 0:
		return ""
	}
	return " (expected one of: " + strings.Join(words, ", ") + ")"
}
