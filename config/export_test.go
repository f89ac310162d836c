package config

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// ScannedKeys are the keys the line scanner finds, each joined with NULs, and
// its lines by path.
func ScannedKeys(src string) (keys []string, lines map[string]int) {
	lines, found := scanLines(src)
	for _, f := range found {
		keys = append(keys, strings.Join(f.Key, "\x00"))
	}
	return keys, lines
}

// AskedKeys reads a file and returns the keys each kind of table was asked for.
func AskedKeys(name string, data []byte) map[string][]string {
	w := newWalk(name)
	vals, ok := w.decode(name, data)
	if !ok {
		return nil
	}
	w.read(vals)
	for kind := range w.asked {
		slices.Sort(w.asked[kind])
		w.asked[kind] = slices.Compact(w.asked[kind])
	}
	return w.asked
}

// HintKeys are the keys that the hints know, by kind of table.
func HintKeys() map[string][]string {
	out := map[string][]string{}
	for _, t := range allKeys() {
		keys := strings.Fields(t.keys)
		slices.Sort(keys)
		out[t.kind] = keys
	}
	return out
}

// MissedKeys are the keys of a table that a reader asked for without a word on what
// they take, as a schema's maker sees it.
func MissedKeys(keys ...string) []string {
	w := newWalk("")
	w.sketching = true
	t := w.table("[x]", nil, nil)
	t.str("said", "")
	t.later("refused")
	for _, key := range keys {
		t.get(key)
	}
	return t.sketch.missed()
}

// Kinds are the names of a map of keys by kind.
func Kinds(m map[string][]string) []string { return slices.Sorted(maps.Keys(m)) }

// The parsers of values, for their tables.
func ParseSize(text string) (int64, error)    { return parseSize(text) }
func SizeText(n int64) string                 { return sizeText(n) }
func ParseShare(text string) (float64, error) { return parseShare(text) }
func ShareText(share float64) string          { return shareText(share) }
func KillsDaemon(argv ...string) bool         { return killsDaemon(argv) }
func FitsStep(value string) bool              { return fitsStep(value) }
func StepDuration(d time.Duration) string     { return stepDuration(d) }
func Placeholders() []string                  { return placeholders() }
func MaskURL(text string) string              { return maskURL(text) }
