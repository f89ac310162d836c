package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Load reads a file with what it includes, or every *.toml of a folder. The
// configuration is nil if, and only if, the report has errors.
func Load(path string) (*Config, Report) { return LoadWith(path, nil) }

// Parse reads a file's text. Files that it names are looked for beside name,
// which need not exist. The configuration is nil if the report has errors.
func Parse(name string, data []byte) (*Config, Report) {
	return newWalk(name).parse(name, data)
}

func (w *walk) parse(name string, data []byte) (*Config, Report) {
	vals, ok := w.decode(name, data)
	if !ok {
		return w.finish(nil)
	}
	if !w.include(vals) {
		return w.finish(nil)
	}
	return w.finish(w.read(vals))
}

// FromTable reads a table that was decoded elsewhere, such as the [inline] of a
// test file. Problems then have no line. The configuration is nil if the report
// has errors.
func FromTable(vals map[string]any, name string) (*Config, Report) {
	w := newWalk(name)
	return w.finish(w.read(vals))
}

func (w *walk) failed(format string, args ...any) (*Config, Report) {
	w.errorf(nil, format, args...)
	return w.finish(nil)
}

func (w *walk) finish(c *Config) (*Config, Report) {
	report := w.report.sorted()
	if len(report.Errors) > 0 {
		return nil, report
	}
	return c, report
}

func (w *walk) loadFolder(folder string) (*Config, Report) {
	w.dir = folder
	files, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	if err != nil || len(files) == 0 {
		return w.failed("no *.toml file in this folder")
	}
	slices.Sort(files)
	all := map[string]any{}
	if !w.addFiles(all, files) {
		return w.finish(nil)
	}
	return w.finish(w.read(all))
}

// decode turns a file into tables and notes the line of every key. A file that
// is not TOML has one error and nothing else.
func (w *walk) decode(file string, data []byte) (map[string]any, bool) {
	vals := map[string]any{}
	if _, err := toml.Decode(string(data), &vals); err != nil {
		w.report.Errors = append(w.report.Errors, syntaxProblem(file, err))
		return nil, false
	}
	found := scan(string(data))
	for text, line := range found.lines {
		if _, known := w.places[text]; !known {
			w.places[text] = position{file: file, line: line}
		}
	}
	for _, n := range found.newer {
		w.report.Errors = append(w.report.Errors, Problem{File: file, Line: n.line, Text: n.text})
	}
	return vals, true
}

// syntaxProblem is what the TOML library says of a text that is not TOML.
func syntaxProblem(file string, err error) Problem {
	syntax, ok := errors.AsType[toml.ParseError](err)
	if !ok || syntax.Message == "" {
		return Problem{File: file, Line: syntax.Position.Line, Text: err.Error()}
	}
	line := syntax.Position.Line
	if strings.Contains(syntax.Message, `to end table name, but got '\n'`) {
		// Here alone the library counts the line end as the next line's.
		line--
	}
	return Problem{File: file, Line: line, Text: syntax.Message}
}

// include adds the files that `include` names, in the order of their names.
func (w *walk) include(vals map[string]any) bool {
	list, ok := vals["include"].([]any)
	if !ok {
		return true
	}
	at := (*path)(nil).key("include")
	var files []string
	for i, v := range list {
		pattern, ok := v.(string)
		if !ok {
			// The reader of the root says so.
			continue
		}
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(w.dir, pattern)
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			w.errorf(at.index(i), "%q is not a pattern: %v", v, err)
		}
		if len(found) == 0 && !strings.ContainsAny(pattern, "*?[") {
			w.errorf(at.index(i), "there is no file %s", pattern)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	files = slices.DeleteFunc(slices.Compact(files), func(f string) bool { return filepath.Clean(f) == filepath.Clean(w.main) })
	return w.addFiles(vals, files)
}

// addFiles reads further files into all; false when one could not be read, so
// that checking the rest would only report what is missing from it.
func (w *walk) addFiles(all map[string]any, files []string) bool {
	readable := true
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			w.report.Errors = append(w.report.Errors, Problem{File: file, Text: err.Error()})
			readable = false
			continue
		}
		before := maps.Clone(w.places)
		vals, ok := w.decode(file, data)
		if !ok {
			readable = false
			continue
		}
		lines, _ := scanLines(string(data))
		if _, nested := vals["include"]; nested {
			w.report.Errors = append(w.report.Errors, Problem{
				File: file, Line: lines["include"], Key: "include", Text: "only the file that is given may include others",
			})
			delete(vals, "include")
		}
		w.merge(all, vals, source{file: file, lines: lines, before: before})
	}
	return readable
}

// source is a file being added: its own lines, and the places known before it.
type source struct {
	file   string
	lines  map[string]int
	before map[string]position
}

// merge adds a file's tables. Services, groups, metrics, plans and receivers may be
// spread over files name by name; every other table stands in one file.
func (w *walk) merge(all, vals map[string]any, from source) {
	for _, k := range slices.Sorted(maps.Keys(vals)) {
		at := (*path)(nil).key(k)
		have, taken := all[k]
		if !taken {
			all[k] = vals[k]
			continue
		}
		old, oldTable := have.(map[string]any)
		add, addTable := vals[k].(map[string]any)
		if !oldTable || !addTable || !slices.Contains([]string{"services", "groups", "metrics", "plans", "receivers"}, k) {
			w.twice(at, from)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(add)) {
			if _, taken := old[name]; taken {
				w.twice(at.key(name), from)
				continue
			}
			old[name] = add[name]
		}
	}
}

// twice reports a name that stands in two files, and names both.
func (w *walk) twice(at *path, from source) {
	first := from.before[at.text]
	w.report.Errors = append(w.report.Errors, Problem{
		File: from.file, Line: from.lines[at.text], Key: at.String(),
		Text: fmt.Sprintf("is in %s:%d as well: a name stands in one file only", first.file, first.line),
	})
}
