package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// A key that is accepted and that nothing reads is a promise nobody keeps: each
// exported field is used outside this package, or becomes something that is. The
// test looks for the field's name only, so it finds what is never used and not
// everything that is used wrongly.
func TestEveryFieldIsUsed(t *testing.T) {
	source := readers(t)
	var unused []string
	for _, field := range fields(reflect.TypeFor[config.Config](), map[reflect.Type]bool{}) {
		name := field[strings.LastIndex(field, ".")+1:]
		if !regexp.MustCompile(`\.` + name + `\b`).MatchString(source) {
			unused = append(unused, field)
		}
	}
	slices.Sort(unused)
	want := []string{
		// Read by Receiver.Takes, which is asked outside.
		"Receiver.Escalation", "Receiver.Severities",
	}
	if !strings.Contains(source, ".Takes(") {
		t.Error("nobody asks Receiver.Takes: events, severities and escalation of receivers do nothing")
	}
	if diff := cmp.Diff(want, unused); diff != "" {
		t.Errorf("fields that nothing reads (-expected +found):\n%s", diff)
	}
}

// fields are the exported fields, as "Type.Field", of a type of this package and
// of those it is made of.
func fields(of reflect.Type, seen map[reflect.Type]bool) []string {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, of.Kind()) {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	// These two are handed on whole: as JSON, and as the brain's own type.
	whole := []reflect.Type{reflect.TypeFor[config.Action](), reflect.TypeFor[config.Correlated]()}
	if seen[of] || slices.Contains(whole, of) || of.PkgPath() != reflect.TypeFor[config.Config]().PkgPath() {
		return nil
	}
	seen[of] = true
	var out []string
	for f := range of.Fields() {
		if f.IsExported() {
			out = append(out, of.Name()+"."+f.Name)
			out = append(out, fields(f.Type, seen)...)
		}
	}
	return out
}

// readers is the text of all that may use a configuration.
func readers(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	add := func(file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	// What becomes of a field within the package: for the brain, for other fields,
	// for a file's path.
	for _, file := range []string{"brain.go", "config.go", "resolve.go", "resolve_plan.go", "groups.go", "secret.go"} {
		add(file)
	}
	for _, dir := range []string{"cmd", "daemon", "scenario", "wiring"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				add(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
