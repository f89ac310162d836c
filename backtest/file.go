package backtest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/trigger"
)

// file is a TOML file that is one list of tables, with all that is wrong with it.
type file struct {
	path     string
	lines    map[string]int
	services []string
	problems []config.Problem
	// first are the lines of the tables that were read, by what they are of.
	first map[string]int
}

// entry is one table of the list.
type entry struct {
	file  *file
	at    string // its path: deployment[0]
	vals  map[string]any
	known []string
}

// readFile reads path, whose tables are called name. Each is given to read; the
// error lists every mistake as file:line: key: problem.
func readFile(path, name string, services []string, read func(*entry)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return parseFile(path, name, string(text), services, read)
}

func parseFile(path, name, text string, services []string, read func(*entry)) error {
	vals := map[string]any{}
	if _, err := toml.Decode(text, &vals); err != nil {
		if syntax, is := errors.AsType[toml.ParseError](err); is {
			return fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	f := &file{path: path, lines: config.Lines(text), services: services, first: map[string]int{}}
	for _, key := range sortedKeys(vals) {
		if key != name {
			f.add(key, "unknown key %q: this file holds [[%s]] only", key, name)
		}
	}
	list := f.tables(name, vals)
	for i, v := range list {
		e := &entry{file: f, at: fmt.Sprintf("%s[%d]", name, i), vals: v}
		read(e)
		e.finish()
	}
	return f.err()
}

// tables are the tables of the list, however they are written.
func (f *file) tables(name string, vals map[string]any) []map[string]any {
	raw, written := vals[name]
	if !written {
		f.add("", "there is no [[%s]]", name)
		return nil
	}
	switch list := raw.(type) {
	case []map[string]any:
		return list
	case []any:
		var tables []map[string]any
		for i, v := range list {
			table, ok := v.(map[string]any)
			if !ok {
				f.add(fmt.Sprintf("%s[%d]", name, i), "want a table")
			}
			tables = append(tables, table)
		}
		return tables
	}
	f.add(name, "want [[%s]], a list of tables", name)
	return nil
}

func (f *file) add(at, format string, args ...any) {
	line := 0
	for place := at; place != "" && line == 0; {
		line = f.lines[place]
		place = place[:max(0, strings.LastIndexAny(place, ".["))]
	}
	f.problems = append(f.problems, config.Problem{File: f.path, Line: line, Key: at, Text: fmt.Sprintf(format, args...)})
}

// err is all mistakes in the order of the file.
func (f *file) err() error {
	slices.SortStableFunc(f.problems, func(a, b config.Problem) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, len(f.problems))
	for i, p := range f.problems {
		all[i] = errors.New(p.String())
	}
	return errors.Join(all...)
}

func (e *entry) problem(key, format string, args ...any) {
	if _, written := e.vals[key]; !written {
		e.file.add(e.at, format, args...)
		return
	}
	e.file.add(e.at+"."+key, format, args...)
}

// get reads a key of a type; a wrong type is a mistake.
func get[T any](e *entry, key, want string) (T, bool) {
	e.known = append(e.known, key)
	var none T
	raw, written := e.vals[key]
	if !written {
		return none, false
	}
	v, ok := raw.(T)
	if !ok {
		e.problem(key, "want %s", want)
	}
	return v, ok
}

func (e *entry) text(key string) string {
	v, _ := get[string](e, key, "a string")
	return v
}

func (e *entry) required(key string) string {
	v := e.text(key)
	if _, written := e.vals[key]; !written {
		e.file.add(e.at, "%s is missing", key)
	} else if v == "" {
		e.problem(key, "must not be empty")
	}
	return v
}

func (e *entry) flag(key string, otherwise bool) bool {
	if v, ok := get[bool](e, key, "true or false"); ok {
		return v
	}
	return otherwise
}

// time reads a time, as TOML writes one or in a string.
func (e *entry) time(key string) time.Time {
	e.known = append(e.known, key)
	const want = "want a time with a zone as RFC 3339 has it, such as 2026-01-05T10:00:00Z"
	raw, written := e.vals[key]
	switch v := raw.(type) {
	case time.Time:
		// What TOML calls a local time has no zone, and would mean another moment on
		// another machine.
		if !strings.Contains(v.Location().String(), "-local") {
			return v.UTC()
		}
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.UTC()
		}
	}
	if !written {
		e.file.add(e.at, "%s is missing: %s", key, want)
	} else {
		e.problem(key, "%s", want)
	}
	return time.Time{}
}

// service reads the name of a service of the configuration.
func (e *entry) service() string {
	name := e.required("service")
	if name != "" && !slices.Contains(e.file.services, name) {
		e.problem("service", "unknown service %q%s", name, hint(name, e.file.services))
	}
	return name
}

// once refuses a table that says the same as one before it, and names both lines.
func (e *entry) once(what string) {
	if line, again := e.file.first[what]; again {
		e.file.add(e.at, "is the same as that of line %d: keep one", line)
		return
	}
	e.file.first[what] = e.file.lines[e.at]
}

// finish reports the keys that nobody asked for.
func (e *entry) finish() {
	for _, key := range sortedKeys(e.vals) {
		if !slices.Contains(e.known, key) {
			e.problem(key, "unknown key %q%s", key, hint(key, e.known))
		}
	}
}

func hint(name string, known []string) string {
	if near := trigger.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if n := len(known); n > 0 && n <= 10 {
		sorted := slices.Sorted(slices.Values(known))
		return " (there is " + strings.Join(slices.Compact(sorted), ", ") + ")"
	}
	return ""
}
