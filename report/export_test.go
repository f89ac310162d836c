package report

import "time"

// EscapeMarkdown and Line are for tests of what comes from outside.
func EscapeMarkdown(s string) string { return escapeMarkdown(s) }

// Line is a text from outside on one line.
func Line(s string) string { return line(s) }

// Span is a length of time in a few words.
func Span(d time.Duration) string { return span(d) }
