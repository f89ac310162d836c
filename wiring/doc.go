// Package wiring says what the sources are made from, given a configuration: the
// one place where a key of the file becomes an option of a source. The daemon
// makes its sources from it; a simulated world and a backtest ask the same
// questions because they take them from here too.
package wiring
