// Package bench measures what the documents speak of: how late a rollback is
// beside an alert of Prometheus and Alertmanager on the same services, how soon a
// decision becomes an action, how many health events are taken in, and what the
// daemon weighs. The numbers are printed beside what they ought to be; nothing is
// asserted, because a busy machine is not a bug.
package bench
