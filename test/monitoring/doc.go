// Package monitoring proves that what is shipped for Prometheus and Grafana fits
// the daemon: the alerts fire when they should and not just under, everything
// they and the dashboard ask for is something that the daemon shows, and each
// alert has its place in the runbook.
package monitoring
