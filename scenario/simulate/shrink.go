package simulate

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// DefaultPlays is how many worlds are played to make one smaller.
const DefaultPlays = 4000

// Shrink makes a world smaller for as long as it still is what it is kept for:
// until nothing more can be left out of it, or so many worlds were played. What
// is left out is tried in a fixed order, so the same world shrinks to the same.
func Shrink(w World, keeps func(World) bool, plays int) World {
	s := &shrinker{best: w, keeps: keeps, plays: plays}
	s.shorter()
	for s.smaller() && s.plays > 0 {
	}
	return s.best
}

type shrinker struct {
	best  World
	keeps func(World) bool
	plays int
}

// try plays a candidate; it becomes the best one where it keeps what is wanted.
func (s *shrinker) try(tree table) bool {
	if s.plays <= 0 {
		return false
	}
	s.plays--
	candidate := World{Seed: s.best.Seed, tree: tree}
	if !s.keeps(candidate) {
		return false
	}
	s.best = candidate
	return true
}

// shorter ends the case earlier, for as long as that helps.
func (s *shrinker) shorter() {
	for s.plays > 0 {
		c := caseOf(s.best.tree)
		until, err := time.ParseDuration(text(c, "until"))
		if err != nil {
			return
		}
		improved := false
		for _, part := range []time.Duration{2, 4, 8, 16, 32} {
			shorter := (until - until/part).Truncate(time.Second)
			if shorter <= 0 || shorter >= until {
				continue
			}
			if s.try(ended(s.best.tree, shorter)) {
				improved = true
				break
			}
		}
		if !improved {
			return
		}
	}
}

// ended is a world that ends at a time: what would come later is not in it.
func ended(tree table, until time.Duration) table {
	out, _ := clone(tree).(table)
	c := caseOf(out)
	c["until"] = span(until)
	for _, key := range []string{"events", "faults"} {
		l, _ := c[key].(list)
		l = slices.DeleteFunc(l, func(e any) bool {
			t, _ := e.(table)
			at, err := time.ParseDuration(text(t, "at") + text(t, "from"))
			return err == nil && at > until
		})
		set(c, key, l)
	}
	return out
}

func set(c table, key string, l list) {
	delete(c, key)
	if len(l) > 0 {
		c[key] = l
	}
}

func caseOf(tree table) table {
	cases, _ := tree["case"].(list)
	if len(cases) == 0 {
		return table{}
	}
	c, _ := cases[0].(table)
	return c
}

func text(t table, key string) string {
	s, _ := t[key].(string)
	return s
}

// smaller goes once over everything that can be left out; false when nothing
// could be.
func (s *shrinker) smaller() bool {
	improved := s.withoutServices()
	for _, key := range []string{"events", "faults"} {
		improved = s.withoutChunks(key) || improved
	}
	improved = s.withoutKeys(nil) || improved
	return s.calmer() || improved
}

// withoutServices leaves out whole services, with all that speaks of them.
func (s *shrinker) withoutServices() bool {
	improved := false
	inline, _ := s.best.tree["inline"].(table)
	services, _ := inline["services"].(table)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		improved = s.try(without(s.best.tree, name)) || improved
	}
	return improved
}

// without is a tree without a service.
func without(tree table, service string) table {
	out, _ := clone(tree).(table)
	inline, _ := out["inline"].(table)
	services, _ := inline["services"].(table)
	delete(services, service)
	delete(inline, "groups")
	c := caseOf(out)
	events, _ := c["events"].(list)
	set(c, "events", slices.DeleteFunc(events, func(e any) bool { return mentions(e, service) }))
	for _, key := range []string{"values", "steps"} {
		t, _ := c[key].(table)
		for _, k := range slices.Sorted(maps.Keys(t)) {
			if slices.Contains(strings.Fields(k), service) {
				delete(t, k)
			}
		}
	}
	return out
}

func mentions(event any, service string) bool {
	t, _ := event.(table)
	for _, what := range t {
		if of, is := what.(table); is && of["service"] == service {
			return true
		}
	}
	return false
}

// withoutChunks leaves out stretches of a list of the case, the longest first.
func (s *shrinker) withoutChunks(key string) bool {
	improved := false
	l, _ := caseOf(s.best.tree)[key].(list)
	for size := (len(l) + 1) / 2; size > 0; size /= 2 {
		for from := 0; s.plays > 0; {
			l, _ = caseOf(s.best.tree)[key].(list)
			if from >= len(l) {
				break
			}
			out, _ := clone(s.best.tree).(table)
			c := caseOf(out)
			rest, _ := c[key].(list)
			set(c, key, slices.Delete(rest, from, min(len(rest), from+size)))
			if s.try(out) {
				improved = true
			} else {
				from += size
			}
		}
	}
	return improved
}

// kept are the keys without which a file is no test of anything.
func kept() []string { return []string{"case", "inline", "name", "standing", "until"} }

// withoutKeys leaves out keys of tables, at every depth, and elements of short
// lists of them.
func (s *shrinker) withoutKeys(path []any) bool {
	improved := false
	switch v := at(s.best.tree, path).(type) {
	case table:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if len(path) < 3 && slices.Contains(kept(), key) {
				improved = s.withoutKeys(append(slices.Clone(path), key)) || improved
				continue
			}
			if s.try(cut(s.best.tree, append(slices.Clone(path), key))) {
				improved = true
				continue
			}
			improved = s.withoutKeys(append(slices.Clone(path), key)) || improved
		}
	case list:
		for i := range slices.Backward(v) {
			if len(path) > 1 && s.try(cut(s.best.tree, append(slices.Clone(path), i))) {
				improved = true
				continue
			}
			improved = s.withoutKeys(append(slices.Clone(path), i)) || improved
		}
	}
	return improved
}

// at is what stands at a path.
func at(tree any, path []any) any {
	for _, p := range path {
		switch v := tree.(type) {
		case table:
			key, _ := p.(string)
			tree = v[key]
		case list:
			i, _ := p.(int)
			if i >= len(v) {
				return nil
			}
			tree = v[i]
		}
	}
	return tree
}

// cut is a tree without what stands at a path.
func cut(tree table, path []any) table {
	out, _ := clone(tree).(table)
	parent, last := at(out, path[:len(path)-1]), path[len(path)-1]
	switch v := parent.(type) {
	case table:
		key, _ := last.(string)
		delete(v, key)
	case list:
		i, _ := last.(int)
		shorter := slices.Delete(v, i, i+1)
		replace(out, path[:len(path)-1], shorter)
	}
	return out
}

// replace puts something else at a path.
func replace(tree table, path []any, v any) {
	if len(path) == 0 {
		return
	}
	switch parent := at(tree, path[:len(path)-1]).(type) {
	case table:
		key, _ := path[len(path)-1].(string)
		parent[key] = v
	case list:
		i, _ := path[len(path)-1].(int)
		parent[i] = v
	}
}

// calmer leaves out stretches of series, the last ones first.
func (s *shrinker) calmer() bool {
	improved := false
	values, _ := caseOf(s.best.tree)["values"].(table)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		words := strings.Fields(text(values, key))
		for i := len(words) - 1; i >= 0 && len(words) > 1; i-- {
			out, _ := clone(s.best.tree).(table)
			fewer := slices.Delete(slices.Clone(words), i, i+1)
			c, _ := caseOf(out)["values"].(table)
			c[key] = strings.Join(fewer, " ")
			if s.try(out) {
				words, improved = fewer, true
			}
		}
	}
	return improved
}

// clone copies a tree.
func clone(v any) any {
	switch v := v.(type) {
	case table:
		out := make(table, len(v))
		for key, e := range v {
			out[key] = clone(e)
		}
		return out
	case list:
		out := make(list, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}
