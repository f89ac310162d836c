package trigger

import (
	"strings"
	"unicode"
)

// ParseError is a mistake in a `when`, with the place it was found at.
type ParseError struct {
	// Column is where the mistake begins, counted in characters from 1. One
	// past the end means that something is missing there.
	Column int
	// Problem says what is wrong.
	Problem string
	// Hint says what to write instead; empty where there is nothing to say.
	Hint string
	// When is the text as it was written, variables not filled in: Column
	// counts in it.
	When string
}

// Message is the problem with its hint on one line.
func (e *ParseError) Message() string {
	if e.Hint == "" {
		return e.Problem
	}
	return e.Problem + " (" + e.Hint + ")"
}

// Error is the message, then the text with a caret under the column.
func (e *ParseError) Error() string {
	// Line breaks and tabs would move the caret away from its character.
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, e.When)
	return e.Message() + "\n    " + line + "\n    " + strings.Repeat(" ", max(0, e.Column-1)) + "^"
}
