package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
)

// functions are those of Alertmanager's templates, by the same names and with the
// same arguments. What they are given and what they make counts as work. The library's own
// that make text are here too, to be counted.
func functions(w *work) template.FuncMap {
	// one makes a counted function of one that changes a text.
	one := func(f func(string) string) func(string) (string, error) {
		return func(s string) (string, error) { return w.text(f(s), s) }
	}
	return template.FuncMap{
		"toUpper": one(strings.ToUpper), "toLower": one(strings.ToLower), "title": one(title), "trimSpace": one(strings.TrimSpace),
		// What is said is text everywhere and escaped where it is shown: there is
		// nothing to declare safe.
		"safeHtml": one(same), "safeUrl": one(same),
		"urlUnescape": func(s string) (string, error) {
			plain, err := url.QueryUnescape(s)
			if err != nil {
				return "", err
			}
			return w.text(plain, s)
		},
		"join":        func(sep string, list []string) (string, error) { return w.text(strings.Join(list, sep), "") },
		"stringSlice": func(list ...string) []string { return list },
		"match": func(pattern, s string) (bool, error) {
			re, err := w.regexp(pattern, s)
			return err == nil && re.MatchString(s), err
		},
		"reReplaceAll": func(pattern, with, s string) (string, error) {
			re, err := w.regexp(pattern, s)
			if err != nil {
				return "", err
			}
			if err := w.add(len(s) * (1 + len(with))); err != nil {
				return "", err
			}
			return w.text(re.ReplaceAllString(s, with), s)
		},
		"date":             func(layout string, t time.Time) (string, error) { return w.text(t.Format(layout), layout) },
		"tz":               inZone,
		"since":            func(t time.Time) time.Duration { return w.now.Sub(t).Round(time.Second) },
		"humanizeDuration": humanizeDuration,
		"toJson": func(v any) (string, error) {
			data, err := json.Marshal(v)
			if err != nil {
				return "", err
			}
			return w.text(string(data), "")
		},
		"print":    func(args ...any) (string, error) { return w.text(fmt.Sprint(args...), "") },
		"printf":   func(format string, args ...any) (string, error) { return w.text(fmt.Sprintf(format, args...), format) },
		"println":  func(args ...any) (string, error) { return w.text(fmt.Sprintln(args...), "") },
		"html":     func(args ...any) (string, error) { return w.text(template.HTMLEscaper(args...), "") },
		"js":       func(args ...any) (string, error) { return w.text(template.JSEscaper(args...), "") },
		"urlquery": func(args ...any) (string, error) { return w.text(template.URLQueryEscaper(args...), "") },
	}
}

func same(s string) string { return s }

// text counts what a function made of what it was given, and bounds it: a text that
// doubles at each turn would fill the memory before it is written.
func (w *work) text(made, given string) (string, error) {
	if len(made) > longestText {
		return "", fmt.Errorf("makes a text of more than %d KiB", longestText>>10)
	}
	return made, w.add(turnWork + len(made) + len(given))
}

// longestPattern bounds a regular expression, whose length counts for each
// character that it is matched against.
const longestPattern = 1000

func (w *work) regexp(pattern, s string) (*regexp.Regexp, error) {
	if len(pattern) > longestPattern {
		return nil, fmt.Errorf("a regular expression has at most %d characters", longestPattern)
	}
	if err := w.add(turnWork*(1+len(pattern)) + len(s)); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	return re, nil
}

// title begins each word with a capital.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		begins := !unicode.IsLetter(before) && !unicode.IsDigit(before) && before != '\'' && before != '_'
		before = r
		if begins {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

func inZone(name string, t time.Time) (time.Time, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.Time{}, fmt.Errorf("time zone %q is not known here", name)
	}
	return t.In(zone), nil
}

// humanizeDuration writes seconds, or a duration, as "1h 2m 3s".
func humanizeDuration(v any) (string, error) {
	var d time.Duration
	switch n := v.(type) {
	case time.Duration:
		d = n
	case float64:
		d = time.Duration(n * float64(time.Second))
	case int:
		d = time.Duration(n) * time.Second
	case int64:
		d = time.Duration(n) * time.Second
	default:
		return "", fmt.Errorf("humanizeDuration: want seconds or a duration, not %T", v)
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	if d < time.Second {
		return sign + d.Round(time.Millisecond).String(), nil
	}
	text := model.Duration(d.Round(time.Second)).String()
	return sign + strings.TrimSpace(regexp.MustCompile(`[a-z]+`).ReplaceAllString(text, "$0 ")), nil
}
