// Package page draws what people see at /: the services, one service, one
// incident and the history, as HTML that needs no script to be read.
//
// It is given what is known and the time, and gives bytes. It asks nobody and
// decides nothing. What comes from outside is shown as text: templates escape it,
// and what would steer a terminal or turn the direction of reading is made visible.
// A state is a word and a sign; its colour only repeats it.
package page
