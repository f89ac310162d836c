// Package rules compares the windows of package trigger with Prometheus's own
// `for`, as its rules package evaluates it. Both watch the same series with the
// same PromQL comparison; where nothing is missing they must agree on every tick.
package rules
