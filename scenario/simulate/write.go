package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Text is the world as a test file.
func (w World) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A random world: rollbackd simulate --seed %d --runs 1\n", w.Seed)
	writeTables(&b, "inline", w.tree["inline"])
	cases, _ := w.tree["case"].(list)
	for _, c := range cases {
		writeCase(&b, c)
	}
	return b.String()
}

// writeTables writes a table as [path] sections down to the depth at which one
// fits a line.
func writeTables(b *strings.Builder, path string, v any) {
	t, _ := v.(table)
	var plain, deep []string
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if _, is := t[key].(table); is && len(inline(t[key])) > 100 {
			deep = append(deep, key)
		} else {
			plain = append(plain, key)
		}
	}
	if len(plain) > 0 {
		fmt.Fprintf(b, "\n[%s]\n", path)
	}
	for _, key := range plain {
		fmt.Fprintf(b, "%s = %s\n", bare(key), inline(t[key]))
	}
	for _, key := range deep {
		writeTables(b, path+"."+bare(key), t[key])
	}
}

// writeCase writes a case with a line for each thing that happens in it.
func writeCase(b *strings.Builder, v any) {
	c, _ := v.(table)
	b.WriteString("\n[[case]]\n")
	var tables, lists []string
	for _, key := range slices.Sorted(maps.Keys(c)) {
		switch c[key].(type) {
		case table:
			tables = append(tables, key)
		case list:
			lists = append(lists, key)
		default:
			fmt.Fprintf(b, "%s = %s\n", bare(key), inline(c[key]))
		}
	}
	for _, key := range lists {
		fmt.Fprintf(b, "%s = [\n", bare(key))
		for _, element := range c[key].(list) {
			fmt.Fprintf(b, "  %s,\n", inline(element))
		}
		b.WriteString("]\n")
	}
	for _, key := range tables {
		fmt.Fprintf(b, "[case.%s]\n", bare(key))
		t, _ := c[key].(table)
		for _, k := range slices.Sorted(maps.Keys(t)) {
			fmt.Fprintf(b, "%s = %s\n", bare(k), inline(t[k]))
		}
	}
}

// inline writes a value on one line.
func inline(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case list:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = inline(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case table:
		keys := inOrder(v)
		parts := make([]string, len(keys))
		for i, key := range keys {
			parts[i] = bare(key) + " = " + inline(v[key])
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprintf("%q", fmt.Sprint(v)) // no such value is generated
}

// inOrder puts first what a reader looks for first.
func inOrder(t table) []string {
	first := []string{"at", "from", "to", "name", "verb", "service"}
	keys := slices.Sorted(maps.Keys(t))
	slices.SortStableFunc(keys, func(a, b string) int { return place(first, a) - place(first, b) })
	return keys
}

func place(first []string, key string) int {
	if i := slices.Index(first, key); i >= 0 {
		return i
	}
	return len(first)
}

// quote writes a string, literally where that is easier to read.
func quote(s string) string {
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}

// bare writes a key, in quotes where it needs them.
func bare(key string) string {
	for _, r := range key {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", r) {
			return strconv.Quote(key)
		}
	}
	return key
}
