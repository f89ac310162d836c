package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a host or container without zone files must read the same configuration

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
)

// Window is one of [[windows]]: a stretch of the week during which responses are
// capped.
type Window struct {
	incident.Window

	at *path
}

const wholeDay = 24 * time.Hour

func readWindows(root *table) []Window {
	var out []Window
	seen := map[string]*path{}
	for _, t := range root.list("windows", "[[windows]]") {
		w := readWindow(t)
		if first, twice := seen[w.Name]; twice {
			t.errorf(t.key("name"), "the name %q is taken by %s", w.Name, first)
		} else if w.Name != "" {
			seen[w.Name] = t.path
		}
		out = append(out, w)
	}
	return out
}

func readWindow(t *table) Window {
	w := Window{at: t.path}
	w.Name = t.required("name")
	if len(w.Name) > 128 || strings.ContainsFunc(w.Name, func(r rune) bool { return r < ' ' }) {
		t.errorf(t.key("name"), "want at most 128 characters on one line")
	}
	w.Days = t.days("days")
	w.From = t.timeOfDay("from", 0)
	w.To = t.timeOfDay("to", wholeDay)
	if w.From == wholeDay {
		t.errorf(t.key("from"), "a day begins at \"00:00\": \"24:00\" is for to only")
	}
	w.Location = t.location("tz")
	w.Services = t.strings("services")
	if list, ok := t.vals["services"].([]any); ok && len(list) == 0 {
		t.errorf(t.key("services"), "must name at least one service: without the key the window is for all of them")
	}
	w.Cap = t.windowCap("response")
	if t.vals["response"] == "rollback" {
		t.warnf(t.key("response"), "\"rollback\" lowers no response: the window changes nothing")
	}
	t.done()
	return w
}

// dayWords are the days as [[windows]] writes them, from Sunday on as time.Weekday
// counts.
func dayWords() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func (t *table) days(key string) []time.Weekday {
	var out []time.Weekday
	words := t.strings(key)
	t.items(key, object{"enum": dayWords()})
	for i, word := range words {
		n := slices.Index(dayWords(), word)
		switch {
		case n < 0:
			t.errorf(t.key(key).index(i), "unknown day %q%s", word, meant(word, dayWords()))
		case slices.Contains(out, time.Weekday(n)):
			t.errorf(t.key(key).index(i), "%q is there twice", word)
		default:
			out = append(out, time.Weekday(n))
		}
	}
	if list, ok := t.vals[key].([]any); ok && len(list) == 0 {
		t.errorf(t.key(key), "must name at least one day: without the key the window is on every day")
	}
	return out
}

// timeOfDay reads "22:00" as the time since midnight.
func (t *table) timeOfDay(key string, otherwise time.Duration) time.Duration {
	text, ok := value[string](t, key, `a time in quotes such as "22:00"`)
	if !ok {
		return otherwise
	}
	d, err := parseTimeOfDay(text)
	if err != nil {
		t.errorf(t.key(key), "%v", err)
		return otherwise
	}
	return d
}

func parseTimeOfDay(text string) (time.Duration, error) {
	if text == "24:00" {
		return wholeDay, nil
	}
	if !regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`).MatchString(text) {
		return 0, fmt.Errorf("%q is not a time of day (want hours and minutes with two digits each, for example \"09:30\" or \"22:00\")", text)
	}
	var hours, minutes int
	if _, err := fmt.Sscanf(text, "%d:%d", &hours, &minutes); err != nil {
		return 0, fmt.Errorf("%q is not a time of day: %w", text, err)
	}
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, nil
}

func timeOfDayText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", d/time.Hour, d%time.Hour/time.Minute)
}

func (t *table) location(key string) *time.Location {
	name := t.str(key, "UTC")
	// "Local" is another zone on each machine.
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		t.errorf(t.key(key), "unknown time zone %q (want a name of the IANA list, for example \"Europe/Berlin\" or \"UTC\")", name)
		return time.UTC
	}
	return loc
}

// windowCap reads the most that may happen during the window.
func (t *table) windowCap(key string) evaluator.Directness {
	if !t.must(key, " (want "+orList(capWords())+")") {
		return evaluator.Rollback
	}
	word := t.choice(key, "rollback", capWords()...)
	for d := evaluator.NoResponse; d <= evaluator.Rollback; d++ {
		if capWord(d) == word {
			return d
		}
	}
	return evaluator.Rollback
}

func capWords() []string {
	var words []string
	for d := evaluator.Rollback; d >= evaluator.NoResponse; d-- {
		words = append(words, capWord(d))
	}
	return words
}

func capWord(d evaluator.Directness) string {
	if d == evaluator.NoResponse {
		return "suppress"
	}
	return d.String()
}

// checkServices reports services that do not exist, or are named twice.
func (r *resolver) checkServices(at *path, names []string) {
	for i, name := range names {
		if _, ok := r.Services[name]; !ok {
			r.errorf(at.index(i), "unknown service %q%s", name, meant(name, r.serviceNames()))
		}
		if slices.Contains(names[:i], name) {
			r.errorf(at.index(i), "%q is there twice", name)
		}
	}
}

func (w Window) tree() tree {
	t := tree{
		"name": w.Name, "from": timeOfDayText(w.From), "to": timeOfDayText(w.To), "tz": w.Location.String(), "response": capWord(w.Cap),
	}
	var days []string
	for _, d := range w.Days {
		days = append(days, strings.ToLower(d.String()[:3]))
	}
	t.set("days", days)
	t.set("services", w.Services)
	return t
}
