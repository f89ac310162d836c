package trigger

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// token is a word or a comparison of a `when`.
type token struct {
	text string
	// op is true for a run of comparison signs.
	op bool
	// variable is true where any part came from ${vars.x}. Such a word can
	// only be a number or a quantity, so that a variable never changes what a
	// trigger watches.
	variable bool
	// column is where the token begins in the text as written, in characters
	// from 1.
	column int
	// start and end are byte offsets in the text with variables filled in.
	start, end int
}

// is tells whether the token is this word, written out.
func (t token) is(word string) bool { return t.text == word && !t.variable }

// lexer cuts a `when` into tokens, filling variables in on the way.
type lexer struct {
	written []rune
	vars    map[string]string
	at      int
	filled  strings.Builder
}

// lex returns the tokens and the text with its variables filled in.
func lex(when string, vars map[string]string) ([]token, string, error) {
	l := &lexer{written: []rune(when), vars: vars}
	var tokens []token
	for l.at < len(l.written) {
		r := l.written[l.at]
		if unicode.IsSpace(r) {
			l.filled.WriteRune(r)
			l.at++
			continue
		}
		t, err := l.next(isComparison(r))
		if err != nil {
			err.When = when
			return nil, "", err
		}
		tokens = append(tokens, t)
	}
	return tokens, l.filled.String(), nil
}

// next reads one token: all signs, or all that is neither sign nor space.
func (l *lexer) next(op bool) (token, *ParseError) {
	t := token{op: op, column: l.at + 1, start: l.filled.Len()}
	for l.at < len(l.written) {
		r := l.written[l.at]
		if unicode.IsSpace(r) || isComparison(r) != op {
			break
		}
		if r == '$' && l.at+1 < len(l.written) && l.written[l.at+1] == '{' {
			if err := l.fill(); err != nil {
				return t, err
			}
			t.variable = true
			continue
		}
		l.filled.WriteRune(r)
		l.at++
	}
	t.end = l.filled.Len()
	t.text = l.filled.String()[t.start:t.end]
	return t, nil
}

// fill replaces the ${vars.x} at the present place by its value.
func (l *lexer) fill() *ParseError {
	column := l.at + 1
	length := slices.Index(l.written[l.at:], '}')
	if length < 0 {
		return &ParseError{Column: column, Problem: `"${" without its "}"`}
	}
	inside := string(l.written[l.at+2 : l.at+length])
	name, ok := strings.CutPrefix(inside, "vars.")
	if !ok {
		return &ParseError{
			Column: column, Problem: fmt.Sprintf("${%s} cannot be used here", inside),
			Hint: "a condition knows only ${vars.NAME}",
		}
	}
	value, ok := l.vars[name]
	if !ok {
		e := &ParseError{Column: column, Problem: fmt.Sprintf("variable ${vars.%s} is not set", name)}
		if near := Nearest(name, sortedKeys(l.vars)); near != "" {
			e.Hint = fmt.Sprintf("did you mean ${vars.%s}?", near)
		}
		return e
	}
	if value == "" {
		return &ParseError{Column: column, Problem: fmt.Sprintf("variable ${vars.%s} is empty", name)}
	}
	l.filled.WriteString(value)
	l.at += length + 1
	return nil
}

func isComparison(r rune) bool { return r == '<' || r == '>' || r == '=' || r == '!' }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
