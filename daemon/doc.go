// Package daemon puts rollbackd together: it makes the objects that a
// configuration describes, starts them in order, reloads, and stops them in the
// opposite order. It has no rules of its own.
//
// A start opens the journal, replays it into the brain, opens the doors, rebuilds
// the windows from the sources' history, and only then lets the sources run. A
// stop ends the sources first, lets the step that runs finish, delivers what can
// be delivered, and closes the journal last. A source that does not answer
// prevents neither.
package daemon
