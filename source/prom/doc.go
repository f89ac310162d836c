// Package prom asks Prometheus. On every tick of the grid it asks each metric
// once for all services, with the tick as the time, and hands the brain one
// incident.Samples; it also reads live at a given instant, rebuilds the past by
// range queries, and tells which version most instances run.
//
// Prometheus's own types stay in here. What leaves is a trigger.Answer, in which
// every failure is unknown with a short, stable reason:
//
//	timeout connection canceled         nobody answered in time
//	bad_data execution http_4xx ...     Prometheus refused
//	http_5xx                            Prometheus is in trouble
//	too_large too_many_series decode    the answer could not be taken in
//	wrong_type no_label                 the answer is not one series a service
//	partial                             the answer came with a warning
//	duplicate_series stale no_traffic   the answer says too much, too late, 0/0
//	nan infinite unit_mismatch          the value means nothing in its unit
//
// An answer without a series for a service is not a failure: the service is
// missing from the Answer.
package prom
