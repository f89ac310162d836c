// Package world puts a real daemon among real things: a service that is scraped,
// a Prometheus server, a NATS server, a receiver of webhooks. The end-to-end
// tests and the benchmarks run in such worlds.
//
// Nothing in here sleeps for a fixed time. What has to happen is awaited, with a
// deadline, and a deadline that passes shows what there was instead.
package world
