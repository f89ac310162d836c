// Package crash kills rollbackd's own loop at every write of its journal and
// starts it again. The loop runs as a process of its own, the test binary started
// once more, with the real brain, journal, outbox and steps; only what it watches
// is made up, so that a rollback takes a second.
package crash
