// Package source is where observations come from. Its sub-packages ask
// Prometheus (prom), listen on NATS (bus) and look at which version runs
// (version); each turns what it sees into inputs of the brain and decides
// nothing.
//
// A source that cannot see says so: every failure becomes an unknown reading or
// a gap with a reason, is counted, and is logged at a limited rate. None of them
// ever stops the daemon by itself.
package source

import "github.com/rollbackd/rollbackd/incident"

// Sink takes in what a source saw. Submit may block while the brain is busy and
// must be safe for concurrent use; a source calls it from goroutines of its own.
type Sink interface {
	Submit(input incident.Input)
}
