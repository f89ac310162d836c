// Package publish lets others listen: every journal entry about a service goes
// out on NATS as a CloudEvent, a verified rollback as a CDEvents
// service.rolledback as well, and the head of the journal's chain from time to
// time.
//
// The journal is the queue. What is published is read from it, one entry after
// the other, from a place that is kept on disk; nothing is held in memory, and
// nobody who decides or acts waits for it. While NATS is away the place stays
// where it is, and afterwards it goes on from there.
package publish
