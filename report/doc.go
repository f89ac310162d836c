// Package report writes an incident down for those who were not there: as
// Markdown, as one HTML file that needs nothing else, and as JSON; its numbers for
// programs; and drafts of what customers, executives and support could be told.
//
// It is pure: it is given an incident in its public form and the time, and gives
// bytes, the same for the same. What is not on record is said to be not known, and
// is never zero. What only people can say is left for them and never made up.
package report
