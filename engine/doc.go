// Package engine evaluates PromQL over samples that are held in memory: the
// language is Prometheus's own engine, the store is ours.
//
// It is asked as Prometheus is: Transport answers the HTTP API in process, so that
// source/prom turns these answers into readings by the very code that turns those
// of a real Prometheus. Types of Prometheus do not leave this package.
package engine
