package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

// Schema is the JSON Schema of a configuration file, for editors: which keys there
// are, of which type, and their defaults. What depends on more than one key, and what
// is not made of keys (PromQL, conditions, names that must exist), is left to the
// readers themselves. It is draft-07, which the editors' plugins for TOML know best.
func Schema() ([]byte, error) {
	w := newWalk("")
	w.sketching = true
	root := w.table("", nil, nil)
	(&Config{}).readTables(root)
	d := definitions{named: object{}}
	schema := d.of(root.sketch)
	if len(d.missed) > 0 {
		return nil, fmt.Errorf("nothing says what these keys take: %s", strings.Join(d.missed, ", "))
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = "The configuration of rollbackd"
	d.named[httpDefinition] = yamlForm(reflect.TypeFor[promconfig.HTTPClientConfig]())
	schema["definitions"] = d.named
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return b.Bytes(), nil
}

// definitions are the tables that have a name of their own, each once.
type definitions struct {
	named object
	// missed are the keys of which nothing says what they take.
	missed []string
}

// of is the schema of one table.
func (d *definitions) of(s *sketch) object {
	for _, key := range s.missed() {
		d.missed = append(d.missed, strings.TrimSpace(kindName(s.kind)+" "+key))
	}
	properties, required := object{}, []string{}
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if s.refused[key] {
			continue
		}
		properties[key] = d.filled(s.keys[key])
		if s.required[key] {
			required = append(required, key)
			if said, ok := properties[key].(object); ok {
				delete(said, "default")
			}
		}
	}
	o := object{"type": "object", "additionalProperties": false}
	if len(properties) > 0 {
		o["properties"] = properties
	}
	if len(required) > 0 {
		o["required"] = required
	}
	if s.others != nil {
		o["additionalProperties"] = d.filled(s.others)
	}
	return o
}

// filled is a copy of a piece of schema with its tables in place.
func (d *definitions) filled(piece any) any {
	switch v := piece.(type) {
	case *sketch:
		if v.kind == "" {
			return d.of(v)
		}
		return d.reference(v)
	case object:
		o := object{}
		for name, fact := range v {
			o[name] = d.filled(fact)
		}
		return o
	case []any:
		list := make([]any, 0, len(v))
		for _, one := range v {
			list = append(list, d.filled(one))
		}
		return list
	}
	return piece
}

// page is where each table has a section that says what its keys mean.
const page = "https://github.com/rollbackd/rollbackd/blob/main/docs/configuration.md#"

// anchor is what GitHub calls the section with a heading.
func anchor(heading string) string {
	return regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(strings.ToLower(heading), "")
}

// reference is that to a table's definition. Tables of one kind that take other keys,
// as the steps of a plan's parts do, are told apart by a number.
func (d *definitions) reference(s *sketch) object {
	o := d.of(s)
	o["title"], o["description"] = s.kind, page+anchor(s.kind)
	kind := strings.Trim(s.kind, "[]")
	name := kind
	for n := 2; ; n++ {
		have, taken := d.named[name]
		if !taken {
			d.named[name] = o
		}
		if !taken || reflect.DeepEqual(have, o) {
			return object{"$ref": "#/definitions/" + name}
		}
		name = fmt.Sprintf("%s.%d", kind, n)
	}
}

// The forms of values that are texts to TOML.

func durationForm() object {
	return object{"pattern": `^(0|([0-9]+(y|w|d|h|m|s|ms))+)$`}
}

func sizeForm() object {
	var names []string
	for _, u := range sizeUnits() {
		names = append(names, u.name)
	}
	return object{"pattern": `^[0-9]+ *(` + strings.Join(names, "|") + `)$`}
}

// valueForm is what a type of TOML's is in JSON Schema; name says what is wanted.
func valueForm(of reflect.Type, name string) object {
	o := object{}
	switch of.Kind() { //nolint:exhaustive // the types that TOML has values of
	case reflect.String:
		o["type"] = "string"
	case reflect.Bool:
		o["type"] = "boolean"
	case reflect.Int64:
		o["type"] = "integer"
	case reflect.Float64:
		o["type"] = "number"
	default:
		o["type"] = "object"
	}
	if !slices.Contains([]string{"a string", "true or false", "a whole number", "a table"}, name) {
		o["description"] = name
	}
	return o
}

// httpDefinition is the definition of Prometheus's HTTP client options.
const httpDefinition = "http"

func httpForm() object { return object{"$ref": "#/definitions/" + httpDefinition} }

// yamlForm is the schema of a type of Prometheus's, without what httpTable refuses in
// it: the options are decoded into that type, so it is what knows them.
func yamlForm(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return yamlForm(t.Elem())
	case t == reflect.TypeFor[promconfig.TLSVersion]():
		return object{"type": "string", "enum": slices.Sorted(maps.Keys(promconfig.TLSVersions))}
	case t == reflect.TypeFor[promconfig.URL](), t.Kind() == reflect.String:
		return object{"type": "string"}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": yamlForm(t.Elem())}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": yamlForm(t.Elem())}
	case t.Kind() == reflect.Struct:
		o := object{"type": "object", "additionalProperties": false}
		yamlFields(t, o)
		return o
	}
	return object{} // of claims: anything
}

// yamlFields puts the fields of a struct into its schema.
func yamlFields(t reflect.Type, into object) {
	properties, ok := into["properties"].(object)
	if !ok {
		properties = object{}
		into["properties"] = properties
	}
	for f := range t.Fields() {
		name, inline := strings.CutSuffix(f.Tag.Get("yaml"), ",inline")
		name, _, _ = strings.Cut(name, ",")
		_, secret := inlineSecret(name)
		switch {
		case !f.IsExported():
		case inline && f.Type.Kind() == reflect.Map:
			into["additionalProperties"] = yamlForm(f.Type.Elem())
		case inline:
			yamlFields(f.Type, into)
		case secret || name == "secrets" || name == "proxy_connect_header" || regexp.MustCompile(`_ref$`).MatchString(name):
		default:
			properties[name] = yamlForm(f.Type)
		}
	}
}
