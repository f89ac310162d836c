package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Problem is one mistake in a file, or one thing worth a warning.
type Problem struct {
	// File is the file's name as it was given.
	File string
	// Line counts from 1; zero when the place is not known, as it is for a
	// table that did not come from a file.
	Line int
	// Key is the path of the key: services.checkout.triggers.errors.when. It is
	// empty where the problem is the file itself.
	Key string
	// Text says what is wrong and what to write instead. It may have further
	// lines, indented, that show the place with a caret.
	Text string
}

// String is the problem as `rollbackd check` prints it.
func (p Problem) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d", p.Line)
	}
	if p.Key != "" {
		text += ": " + p.Key
	}
	return text + ": " + p.Text
}

// Report is everything that was found in a configuration, in the order of file
// and line. Errors make it unusable, warnings never do.
type Report struct {
	Errors, Warnings []Problem
}

// Err is all errors joined, one a line; nil if there are none.
func (r Report) Err() error {
	all := make([]error, 0, len(r.Errors))
	for _, p := range r.Errors {
		all = append(all, errors.New(p.String()))
	}
	return errors.Join(all...)
}

// sorted puts the report in the order in which people read a file, and drops
// what was said twice: a plan that several services share is checked for each.
func (r Report) sorted() Report {
	return Report{Errors: inOrder(r.Errors), Warnings: inOrder(r.Warnings)}
}

func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(problems)
}
