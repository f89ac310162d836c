package action

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// valueRule is what a value must look like before it is put into an argv, a URL,
// a path, a header or a body. It cannot begin an option, end a word or leave a
// quoted text.
var valueRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`)

// Expand fills every `${…}` of a step from values and returns the filled copy.
// It is pure: it looks at no file and no clock. Every value put in must match
// the rule for values and hold no "..", must be set and must not be empty; names
// are those of the configuration's manual, `vars.*` and `versions.SERVICE.target`
// included. All problems are
// reported at once, each with its field and its variable. Text outside `${…}` is
// the operator's own and left alone.
func Expand(s Step, values map[string]string) (Step, error) {
	var problems []error
	out := s.mapTexts(func(field, text string) string {
		filled, err := fill(field, text, values)
		if err != nil {
			problems = append(problems, err)
		}
		return filled
	})
	if s.Kind == KindHTTP && len(problems) == 0 {
		problems = append(problems, sameHost(s.URL, out.URL, values))
	}
	if err := errors.Join(problems...); err != nil {
		return Step{}, fmt.Errorf("%s step: %w", s.Kind, err)
	}
	if err := out.validate(); err != nil {
		return Step{}, err
	}
	return out, nil
}

func fill(field, text string, values map[string]string) (string, error) {
	var b strings.Builder
	var problems []error
	for part := range parts(text) {
		if !part.variable {
			b.WriteString(part.text)
			continue
		}
		if part.open {
			problems = append(problems, fmt.Errorf("%s: a ${ has no closing }", field))
			continue
		}
		value, err := lookUp(part.text, values)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: ${%s}: %w", field, part.text, err))
		}
		b.WriteString(value)
	}
	filled := b.String()
	// Two harmless halves must not make a step up: "x/." before a literal ".".
	if len(problems) == 0 && strings.Count(filled, "..") > strings.Count(text, "..") {
		problems = append(problems, fmt.Errorf(`%s: a value makes a ".." together with the text around it`, field))
	}
	return filled, errors.Join(problems...)
}

// lookUp gives a variable's value if it may be used. A bad value is not quoted
// whole: it comes from outside and may be long.
func lookUp(name string, values map[string]string) (string, error) {
	if !known(name) {
		return "", errors.New("is not a variable that a step can use")
	}
	value := values[name]
	if value == "" {
		return "", errors.New("is not set")
	}
	if err := CheckValue(value); err != nil {
		return "", err
	}
	return value, nil
}

// CheckValue tells whether a value may be put into a step; nil if it may.
func CheckValue(value string) error {
	if !valueRule.MatchString(value) {
		return fmt.Errorf("the value %.40q is refused: want letters, digits and . _ : / @ + -, beginning with a letter or digit, at most 128", value)
	}
	if strings.Contains(value, "..") {
		return fmt.Errorf(`the value %.40q is refused: it holds ".."`, value)
	}
	return nil
}

// known tells whether steps may use a variable of this name. A gate token is
// none: it is a secret, and an argv can be seen by everybody on the host.
func known(name string) bool {
	if rest, ok := strings.CutPrefix(name, "vars."); ok {
		return rest != ""
	}
	if rest, ok := strings.CutPrefix(name, "versions."); ok {
		service, ok := strings.CutSuffix(rest, ".target")
		if !ok {
			service, ok = strings.CutSuffix(rest, ".running")
		}
		return ok && service != ""
	}
	return slices.Contains([]string{
		"service", "incident", "running_version", "target_version", "previous_version", "severity", "trigger",
		"fence", "each", "deployed_at", "opened_at", "now",
	}, name)
}

// sameHost refuses a value that would send the request to another host than the
// template names: "/" and "@" are harmless in a path, not before it.
func sameHost(template, filled string, values map[string]string) error {
	want, err := fill("url", authority(template), values)
	if err != nil {
		return err
	}
	u, err := url.Parse(filled)
	if err != nil || u.User != nil || u.Host != want {
		return errors.New("url: a value in the host's part would change the host")
	}
	return nil
}

// part is a piece of a text: literal, or the name inside a `${…}`.
type part struct {
	text     string
	at       int // where the piece begins in the whole text
	variable bool
	open     bool // the closing brace is missing
}

// parts cuts a text into its pieces, in order.
func parts(text string) iter.Seq[part] {
	return func(yield func(part) bool) {
		at := 0
		for at < len(text) {
			i := strings.Index(text[at:], "${")
			if i < 0 {
				yield(part{text: text[at:], at: at})
				return
			}
			if i > 0 && !yield(part{text: text[at : at+i], at: at}) {
				return
			}
			at += i
			end := strings.IndexByte(text[at:], '}')
			if end < 0 {
				yield(part{text: text[at+2:], at: at, variable: true, open: true})
				return
			}
			if !yield(part{text: text[at+2 : at+end], at: at, variable: true}) {
				return
			}
			at += end + 1
		}
	}
}

// withoutVariables puts a digit, which is right in a host, a port and a path, in
// the place of every `${…}`.
func withoutVariables(text string) string {
	var b strings.Builder
	for part := range parts(text) {
		if part.variable {
			b.WriteString("1")
			continue
		}
		b.WriteString(part.text)
	}
	return b.String()
}
