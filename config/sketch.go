package config

import (
	"fmt"
	"maps"
	"slices"
)

// object is a piece of JSON.
type object = map[string]any

// sketch is what the readers of one table take. It comes about by having them read a
// file of which every table is there and no key (walk.sketching): what they ask for,
// and by which of table's methods, is what the schema says. There is no second list.
type sketch struct {
	kind string
	// keys are, by name, an object of JSON Schema, in which a *sketch stands for a
	// table's. A key that was asked for in no way that says what it takes is not there.
	keys map[string]any
	// asked is table.known: every key that was asked for.
	asked map[string]bool
	// refused are keys that are known only to be refused, required those that cannot
	// be left out.
	refused, required map[string]bool
	// others is what stands under names of the user's own; nil where there are none.
	others any
}

// anyName stands for a name of the user's own in a sketch.
const anyName = "NAME"

func newSketch(kind string, asked map[string]bool) *sketch {
	return &sketch{kind: kind, keys: map[string]any{}, asked: asked, refused: map[string]bool{}, required: map[string]bool{}}
}

// says adds to what a key takes. Like all that follows it does nothing while a file is
// read.
func (t *table) says(key string, facts object) {
	if t.sketch == nil {
		return
	}
	t.known[key] = true
	have, ok := t.sketch.keys[key].(object)
	if !ok {
		have = object{}
		t.sketch.keys[key] = have
	}
	maps.Copy(have, facts)
}

// items adds to what each element of a key's array takes.
func (t *table) items(key string, facts object) {
	if t.sketch == nil {
		return
	}
	element := object{"type": "string"}
	maps.Copy(element, facts)
	t.says(key, object{"items": element})
}

// or lets a key take another form beside the one that it has said.
func (t *table) or(key string, form object) {
	if t.sketch == nil {
		return
	}
	t.known[key] = true
	t.sketch.keys[key] = object{"anyOf": []any{form, t.sketch.keys[key]}}
}

// otherwise says a key's default.
func (t *table) otherwise(key string, value any) {
	if t.sketch == nil {
		return
	}
	switch v := value.(type) {
	case string:
		if v == "" || v == anyName {
			return
		}
	case float64:
		value = shareText(v)
	case fmt.Stringer:
		value = v.String()
	}
	t.says(key, object{"default": value})
}

// withoutDefault takes back the default of keys that have none of their own: it depends
// on other keys, or only stands in where the key is not written.
func (t *table) withoutDefault(keys ...string) {
	for _, key := range keys {
		if t.sketch == nil {
			return
		}
		if said, ok := t.sketch.keys[key].(object); ok {
			delete(said, "default")
		}
	}
}

// refuses says that keys are known only to be refused.
func (t *table) refuses(keys ...string) {
	for _, key := range keys {
		if t.sketch != nil {
			t.sketch.refused[key] = true
		}
	}
}

// each says what stands under names of the user's own.
func (t *table) each(form any) {
	if t.sketch != nil {
		t.sketch.others = form
	}
}

// sketched is a table within this one, of which nothing is written.
func (t *table) sketched(key, kind string) *table {
	sub := t.table(kind, t.key(key), nil)
	t.known[key] = true
	t.sketch.keys[key] = sub.sketch
	return sub
}

// missed are the keys that were asked for and of which nothing says what they take.
func (s *sketch) missed() []string {
	var keys []string
	for key := range s.asked {
		if s.keys[key] == nil && !s.refused[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
