// Package trigger is what is watched: readings of metrics, streams of health
// checks, the conditions written in `when`, and the windows that decide whether
// a condition has held for long enough.
//
// Everything here is a pure value. Time arrives as an argument; nothing does
// I/O, starts a goroutine or reads a clock. The same code runs live, in
// `rollbackd test` and wherever else a rule has to mean the same thing.
//
// The answer of a condition has three values. Unknown is neither healthy nor a
// breach: it never starts or completes a window, and it never verifies anything.
package trigger
