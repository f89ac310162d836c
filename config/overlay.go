package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Setting gives one key another value than the files have.
type Setting struct {
	// Key is the key's path, one element a table: services, checkout, triggers.
	Key []string
	// Value is what TOML decodes to: a string, an int64, a float64, a bool, a list
	// or a table.
	Value any
	// From says where it comes from, for messages: "--set".
	From string
}

// ParseSetting reads `KEY=VALUE` as TOML writes both. A value that is no TOML is
// taken for a string as it stands, so that quotes need not be quoted again.
func ParseSetting(text, from string) (Setting, error) {
	key, value, found := cutSetting(text)
	bad := func(why string) (Setting, error) {
		return Setting{}, fmt.Errorf("%s %q: %s (want KEY=VALUE, such as services.checkout.triggers.errors.when=error_rate > 2%% for 2m)", from, text, why)
	}
	if !found {
		return bad("there is no =")
	}
	parts, ok := dotted(key)
	if !ok {
		return bad("its key is not one")
	}
	vals := map[string]any{}
	if _, err := toml.Decode("v = "+value, &vals); err != nil || len(vals) != 1 {
		vals = map[string]any{"v": value}
	}
	return Setting{Key: parts, Value: vals["v"], From: from}, nil
}

// cutSetting cuts at the first = that is not inside a quoted key.
func cutSetting(text string) (key, value string, found bool) {
	quote := rune(0)
	for i, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == '=':
			return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:]), true
		}
	}
	return "", "", false
}

// dotted are the parts of a key as TOML writes it, such as a."b.c".d does.
func dotted(key string) (parts []string, ok bool) {
	vals := map[string]any{}
	if _, err := toml.Decode(key+" = 0", &vals); err != nil {
		return nil, false
	}
	for len(vals) == 1 {
		var name string
		for name = range vals {
			parts = append(parts, name)
		}
		sub, table := vals[name].(map[string]any)
		if !table {
			return parts, true
		}
		vals = sub
	}
	return nil, false
}

// LoadWith is Load with some keys set to other values than the files have. All of
// the validation applies to them; what is wrong with them is reported at From.
func LoadWith(path string, settings []Setting) (*Config, Report) {
	w := newWalk(path)
	w.settings = settings
	info, err := os.Stat(path)
	if err != nil {
		return w.failed("%v", err)
	}
	if info.IsDir() {
		return w.loadFolder(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return w.failed("%v", err)
	}
	return w.parse(path, data)
}

// overlay puts the settings over the decoded files.
func (w *walk) overlay(vals map[string]any) {
	for _, s := range w.settings {
		table, p := vals, (*path)(nil)
		if w.misnamed(vals, s) {
			continue
		}
		for i, name := range s.Key {
			p = p.key(name)
			if i == len(s.Key)-1 {
				w.places[p.text] = position{file: s.From}
				table[name] = s.Value
				break
			}
			sub, is := table[name].(map[string]any)
			if !is {
				w.places[p.text] = position{file: s.From}
				sub = map[string]any{}
				table[name] = sub
			}
			table = sub
		}
	}
}

// misnamed refuses a setting of a service, a trigger or a metric that no file has: a
// typing mistake would else be a new one, which nothing watches.
func (w *walk) misnamed(vals map[string]any, s Setting) bool {
	table, p := vals, (*path)(nil)
	for i, name := range s.Key {
		p = p.key(name)
		what := namedBy(s.Key[:i])
		if _, there := table[name]; what != "" && !there {
			w.places[p.text] = position{file: s.From}
			w.errorf(p, "there is no %s %q%s", what, name, meant(name, slices.Sorted(maps.Keys(table))))
			return true
		}
		table, _ = table[name].(map[string]any)
	}
	return false
}

// namedBy says what the names in a table are of; empty where the keys are fixed.
func namedBy(key []string) string {
	switch {
	case len(key) == 1 && key[0] == "services":
		return "service"
	case len(key) == 1 && key[0] == "metrics":
		return "metric"
	case len(key) == 3 && key[0] == "services" && key[2] == "triggers":
		return "trigger"
	}
	return ""
}

// Lines gives the line of each key path of a file that is valid TOML, such as
// `deployment[0].at`: the lines that problems are reported at.
func Lines(text string) map[string]int {
	lines, _ := scanLines(text)
	return lines
}
