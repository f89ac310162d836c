// Package page holds the tests of the page with a real browser, the built binary
// and a real Prometheus: what a person clicks, what changes by itself, whether it
// can be read by everybody, and what it costs when many look.
package page
