package web

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// object is a JSON object of the OpenAPI document.
type object = map[string]any

// schemas makes JSON schemas of Go types, as encoding/json writes them. Structs
// are kept by name, and referred to.
type schemas struct {
	named object
	// names are those taken, by type.
	names map[reflect.Type]string
}

func newSchemas() *schemas { return &schemas{named: object{}, names: map[reflect.Type]string{}} }

// of is the schema of a type.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return object{}
	case t == reflect.TypeFor[duration]():
		return object{"type": "string", "examples": []string{"4h"}}
	case written[encoding.TextMarshaler](t), written[json.Marshaler](t):
		return object{"type": "string"} // a word, of all types that write themselves
	}
	return s.byKind(t)
}

// byKind is the schema of a type that encoding/json writes by what it is made of.
func (s *schemas) byKind(t reflect.Type) object {
	switch t.Kind() { //nolint:exhaustive // all others that JSON can hold are whole numbers
	case reflect.Struct:
		return s.reference(t)
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	default:
		return object{"type": "integer"}
	}
}

// written tells whether values of a type write themselves by an interface.
func written[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}

// reference is that to a struct's schema, which is made at the first.
func (s *schemas) reference(t reflect.Type) object {
	name, known := s.names[t]
	if !known {
		name = s.free(t)
		s.names[t] = name
		s.named[name] = nil // a type may hold itself
		s.named[name] = s.structure(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// free is a name for a struct: its own, or with its package's where that is taken.
func (s *schemas) free(t reflect.Type) string {
	name := capital(t.Name())
	if _, taken := s.named[name]; taken {
		name = capital(path.Base(t.PkgPath())) + name
	}
	return name
}

func capital(word string) string {
	if word == "" {
		return "Anonymous"
	}
	return string(unicode.ToUpper(rune(word[0]))) + word[1:]
}

func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	s.fields(t, func(name string, schema object, always bool) {
		properties[name] = schema
		if always {
			required = append(required, name)
		}
	})
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// fields gives fn each field as JSON has it, those of embedded structs among them.
func (s *schemas) fields(t reflect.Type, fn func(name string, schema object, always bool)) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			s.fields(f.Type, fn)
			continue
		case name == "":
			name = f.Name
		}
		always := !strings.Contains(options, "omit")
		schema := s.of(f.Type)
		switch kind := f.Type.Kind(); {
		case always && kind == reflect.Pointer:
			schema = object{"anyOf": []object{schema, {"type": "null"}}}
		case always && (kind == reflect.Slice || kind == reflect.Map) && schema["type"] != nil:
			schema["type"] = []any{schema["type"], "null"} // an empty one may be either
		}
		fn(name, schema, always)
	}
}
