package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// position is where a key stands.
type position struct {
	file string
	line int
}

// walk is what every reader of a table shares: where the keys stand, and what
// was found wrong so far.
type walk struct {
	// main is the file's name, dir the folder that relative files start from.
	main, dir string
	places    map[string]position
	report    Report
	// asked are the keys each kind of table was asked for, for the test that
	// holds keys.go against the readers.
	asked map[string][]string
	// settings are put over what the files have.
	settings []Setting
	// sketching is true while nothing is read and the readers say what they take.
	sketching bool
}

func newWalk(name string) *walk {
	return &walk{main: name, dir: filepath.Dir(name), places: map[string]position{}, asked: map[string][]string{}}
}

// at makes a problem at a path: at its line, or that of the nearest table above
// that has one.
func (w *walk) at(p *path, text string) Problem {
	for q := p; q != nil; q = q.up {
		if place, ok := w.places[q.text]; ok {
			return Problem{File: place.file, Line: place.line, Key: p.String(), Text: text}
		}
	}
	return Problem{File: w.main, Key: p.String(), Text: text}
}

func (w *walk) errorf(p *path, format string, args ...any) {
	w.report.Errors = append(w.report.Errors, w.at(p, fmt.Sprintf(format, args...)))
}

func (w *walk) warnf(p *path, format string, args ...any) {
	w.report.Warnings = append(w.report.Warnings, w.at(p, fmt.Sprintf(format, args...)))
}

// table is one table being read. Its readers return the default, and note a
// problem, where a value is of the wrong type or out of range, so that reading
// goes on and finds the other mistakes.
type table struct {
	*walk
	// kind is the table's name with its free parts in capitals:
	// [services.NAME]. It is "" for the root.
	kind string
	path *path
	vals map[string]any
	// known are the keys that were asked for; what is left over at done is not
	// a key of this table.
	known map[string]bool
	// sketch is nil while a file is read.
	sketch *sketch
}

func (w *walk) table(kind string, p *path, vals map[string]any) *table {
	t := &table{walk: w, kind: kind, path: p, vals: vals, known: map[string]bool{}}
	if w.sketching {
		t.sketch = newSketch(kind, t.known)
	}
	return t
}

// key is the path of one of the table's keys.
func (t *table) key(name string) *path { return t.path.key(name) }

func (t *table) get(key string) (any, bool) {
	t.known[key] = true
	v, ok := t.vals[key]
	return v, ok
}

// has tells whether the key is written. It marks it as known. In a sketch each key is
// there, so that what is read only where it is written is read.
func (t *table) has(key string) bool {
	_, ok := t.get(key)
	return ok || t.sketch != nil
}

// later refuses keys that CONTRACT.md has and this version does not carry out.
func (t *table) later(keys ...string) {
	t.refuses(keys...)
	for _, k := range keys {
		if t.has(k) {
			t.errorf(t.key(k), "%q is not implemented in this version", k)
		}
	}
}

// done reports the keys that nothing asked for.
func (t *table) done() {
	t.asked[t.kind] = append(t.asked[t.kind], slices.Collect(maps.Keys(t.known))...)
	for _, k := range slices.Sorted(maps.Keys(t.vals)) {
		if t.known[k] {
			continue
		}
		if instead, secret := inlineSecret(k); secret {
			t.errorf(t.key(k), "a secret may not stand in the file: %s", instead)
			continue
		}
		t.errorf(t.key(k), "unknown key %q%s", k, hintFor(k, t.kind, slices.Sorted(maps.Keys(t.known))))
	}
}

// value reads a key of type T; name says what was wanted, for the problem.
func value[T any](t *table, key, name string) (T, bool) {
	var zero T
	t.says(key, valueForm(reflect.TypeFor[T](), name))
	raw, ok := t.get(key)
	if !ok {
		return zero, false
	}
	v, ok := raw.(T)
	if !ok {
		t.errorf(t.key(key), "want %s, not %s", name, typeName(raw))
		return zero, false
	}
	return v, true
}

// str reads a string that must not be empty where it is written.
func (t *table) str(key, otherwise string) string {
	v, ok := value[string](t, key, "a string")
	t.says(key, object{"minLength": 1})
	t.otherwise(key, otherwise)
	if ok && v == "" {
		t.errorf(t.key(key), "must not be empty")
	}
	if !ok || v == "" {
		return otherwise
	}
	return v
}

// text reads a string that may be empty.
func (t *table) text(key, otherwise string) string {
	t.otherwise(key, otherwise)
	if v, ok := value[string](t, key, "a string"); ok {
		return v
	}
	return otherwise
}

// required is a string that must be there and not be empty.
func (t *table) required(key string) string {
	if !t.must(key, "") {
		return ""
	}
	v, ok := value[string](t, key, "a string")
	t.says(key, object{"minLength": 1})
	if ok && v == "" {
		t.errorf(t.key(key), "must not be empty")
	}
	return v
}

// must tells whether a key is there that cannot be left out, and reports it where it
// is not.
func (t *table) must(key, hint string) bool {
	if t.sketch != nil {
		t.sketch.required[key] = true
	}
	if !t.has(key) {
		t.missing(key, hint)
		return false
	}
	return true
}

// missing reports a key that is not there; hint goes after it. Where a mistyped
// form of it stands in the table, done reports that, and once is enough.
func (t *table) missing(key, hint string) {
	listed := keysOf(t.kind)
	for k := range t.vals {
		if !slices.Contains(listed, k) && trigger.Nearest(k, []string{key}) != "" {
			t.known[key] = true
			return
		}
	}
	t.errorf(t.path, "%q is missing%s", key, hint)
}

func (t *table) choice(key, otherwise string, allowed ...string) string {
	v, ok := value[string](t, key, "a string")
	t.says(key, object{"enum": allowed})
	t.otherwise(key, otherwise)
	if !ok {
		return otherwise
	}
	if !slices.Contains(allowed, v) {
		t.errorf(t.key(key), "unknown value %q%s", v, meant(v, allowed))
		return otherwise
	}
	return v
}

func (t *table) boolean(key string, otherwise bool) bool {
	v, ok := value[bool](t, key, "true or false")
	t.otherwise(key, otherwise)
	if !ok {
		return otherwise
	}
	return v
}

func (t *table) integer(key string, otherwise, least int) int {
	v, ok := value[int64](t, key, "a whole number")
	t.says(key, object{"minimum": least})
	if otherwise >= least {
		t.otherwise(key, otherwise)
	}
	if !ok {
		return otherwise
	}
	if v < int64(least) {
		t.errorf(t.key(key), "must be at least %d, not %d", least, v)
		return otherwise
	}
	return int(v)
}

// number reads a whole or decimal number that is not negative.
func (t *table) number(key string) float64 {
	t.says(key, object{"type": "number", "minimum": 0})
	raw, ok := t.get(key)
	if !ok {
		return 0
	}
	var v float64
	switch n := raw.(type) {
	case int64:
		v = float64(n)
	case float64:
		v = n
	default:
		t.errorf(t.key(key), "want a number, not %s", typeName(raw))
		return 0
	}
	if !(v >= 0) || v > 1e15 {
		t.errorf(t.key(key), "must be a finite number that is not negative")
		return 0
	}
	return v
}

// duration reads a Prometheus duration longer than zero.
func (t *table) duration(key string, otherwise time.Duration) time.Duration {
	return t.durationFrom(key, otherwise, 1)
}

// durationOrZero reads a Prometheus duration that may be "0s".
func (t *table) durationOrZero(key string, otherwise time.Duration) time.Duration {
	return t.durationFrom(key, otherwise, 0)
}

func (t *table) durationFrom(key string, otherwise, least time.Duration) time.Duration {
	text, ok := value[string](t, key, `a duration such as "5m"`)
	t.says(key, durationForm())
	if otherwise > 0 {
		t.otherwise(key, durationText(otherwise))
	}
	if !ok {
		return otherwise
	}
	d, err := parseDuration(text)
	if err != nil {
		t.errorf(t.key(key), "%v", err)
		return otherwise
	}
	if d < least {
		t.errorf(t.key(key), "must be longer than zero")
		return otherwise
	}
	return d
}

func (t *table) size(key string, otherwise int64) int64 {
	text, ok := value[string](t, key, `a size such as "64MiB"`)
	t.says(key, sizeForm())
	t.otherwise(key, sizeText(otherwise))
	if !ok {
		return otherwise
	}
	n, err := parseSize(text)
	if err != nil {
		t.errorf(t.key(key), "%v", err)
		return otherwise
	}
	return n
}

// strings reads an array of strings.
func (t *table) strings(key string) []string {
	t.says(key, object{"type": "array"})
	t.items(key, nil)
	raw, ok := t.get(key)
	if !ok {
		return nil
	}
	list, ok := raw.([]any)
	if !ok {
		t.errorf(t.key(key), "want an array of strings, not %s", typeName(raw))
		return nil
	}
	out := make([]string, 0, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			t.errorf(t.key(key).index(i), "want a string, not %s", typeName(v))
			continue
		}
		out = append(out, s)
	}
	return out
}

// sub is a table within this one; nil where it is not written.
func (t *table) sub(key, kind string) *table {
	if t.sketch != nil {
		return t.sketched(key, kind)
	}
	vals, ok := value[map[string]any](t, key, "a table")
	if !ok {
		return nil
	}
	return t.table(kind, t.key(key), vals)
}

// orEmpty is sub, with an empty table where none is written, so that its reader
// fills in the defaults.
func (t *table) orEmpty(key, kind string) *table {
	if s := t.sub(key, kind); s != nil {
		return s
	}
	return t.table(kind, t.key(key), nil)
}

// list is an array of tables, written as [[key]] or as inline tables.
func (t *table) list(key, kind string) []*table {
	if t.sketch != nil {
		element := t.sketched(key, kind)
		t.sketch.keys[key] = object{"type": "array", "items": element.sketch}
		return []*table{element}
	}
	raw, ok := t.get(key)
	if !ok {
		return nil
	}
	var items []any
	switch list := raw.(type) {
	case []map[string]any:
		for _, v := range list {
			items = append(items, v)
		}
	case []any:
		items = list
	default:
		t.errorf(t.key(key), "want an array of tables ([[%s]]), not %s", t.key(key), typeName(raw))
		return nil
	}
	var out []*table
	for i, v := range items {
		at := t.key(key).index(i)
		vals, ok := v.(map[string]any)
		if !ok {
			t.errorf(at, "want a table, not %s", typeName(v))
			continue
		}
		out = append(out, t.table(kind, at, vals))
	}
	return out
}

// names reads a table of tables whose keys are free names, in their order.
func (t *table) names(key, kind string, read func(name string, sub *table)) {
	group := t.sub(key, "")
	if group == nil {
		return
	}
	if group.sketch != nil {
		sub := t.table(kind, group.key(anyName), nil)
		read(anyName, sub)
		group.each(sub.sketch)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(group.vals)) {
		group.checkName(name)
		if sub := group.sub(name, kind); sub != nil {
			read(name, sub)
		}
	}
}

// checkName refuses names that could not stand in a subject, a path or a
// command line.
func (t *table) checkName(name string) {
	if !validName(name) {
		t.errorf(t.key(name), "a name is a letter or digit, then at most 127 of letters, digits, '_', '.' and '-'")
	}
}

// maxName bounds a name: subjects, files and messages hold it.
const maxName = 128

func validName(name string) bool {
	if name == "" || len(name) > maxName || strings.ContainsRune("_.-", rune(name[0])) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune("_.-", r)
	})
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a decimal number"
	case bool:
		return "true or false"
	case time.Time:
		return "a date or time"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	}
	return fmt.Sprintf("%T", v)
}
