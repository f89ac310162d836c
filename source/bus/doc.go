// Package bus listens on NATS. Health checks and deployments arrive there as
// JSON, from whoever is allowed to publish; each is checked on its own before the
// brain hears of it.
//
// An event that is not as it should be is counted by reason, logged at a limited
// rate and copied to PREFIX.deadletter.REASON. It never counts as a failure of
// the service, and it never stops the daemon. Where events may have been lost (a
// reconnect, a full queue, a slow consumer) the brain is told of a gap, because
// what cannot be seen must not be counted as either good or bad.
//
// A subject that a JetStream stream holds is read from the stream, which goes
// back over the longest window after a restart; any other is subscribed to.
// Never both at a time.
package bus
