package config

import (
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
)

// Config is a whole configuration that was found to be without errors, its
// defaults filled in. It is not changed after it was read, and so may be shared.
type Config struct {
	// Path is the file or folder it was read from.
	Path       string
	Prometheus Prometheus
	NATS       NATS
	// Metrics, Plans, Services and Receivers are by name.
	Metrics  map[string]Metric
	Plans    map[string]*Plan
	Services map[string]*Service
	// Tiers are the matrix's, in order; the first is the default.
	Tiers     []string
	Matrix    evaluator.Matrix
	Decide    Decide
	Guards    Guards
	Receivers map[string]Receiver
	// Windows are in the order of the file, Groups by name.
	Windows []Window
	Groups  map[string]*Group
	Journal Journal
	Reports Reports
	Web     Web
}

// read turns a decoded file into a configuration.
func (w *walk) read(vals map[string]any) *Config {
	w.overlay(vals)
	c := &Config{Path: w.main}
	c.readTables(w.table("", nil, vals))
	r := &resolver{walk: w, Config: c}
	r.resolve()
	r.lint()
	return c
}

// readTables reads every table for itself.
func (c *Config) readTables(root *table) {
	c.Prometheus = readPrometheus(root)
	c.NATS = readNATS(root)
	c.Metrics = readMetrics(root)
	c.Decide = readDecide(root)
	c.Tiers, c.Matrix = readMatrix(root, c.Decide.Countdown)
	c.Guards = readGuards(root)
	c.Receivers = readReceivers(root)
	c.Journal = readJournal(root)
	c.Reports = readReports(root)
	c.Web = readWeb(root)
	c.Plans = readPlans(root)
	c.Services = map[string]*Service{}
	for _, s := range readServices(root) {
		c.Services[s.Name] = s
	}
	c.Groups = readGroups(root)
	c.Windows = readWindows(root)
	root.later("templates")
	// The files named here were read before.
	root.strings("include")
	root.done()
}

// LongestRange is how far the queries of a service's triggers and verification
// look back: ranges, offsets and subqueries added up. It is zero for a service
// that does not exist or reads no range.
func (c *Config) LongestRange(service string) time.Duration {
	var longest time.Duration
	if s := c.Services[service]; s != nil {
		for _, u := range s.metrics {
			longest = max(longest, u.lookBack)
		}
	}
	return longest
}

// LongestHold is the longest window of a service's triggers: what has to be
// read again after a restart.
func (c *Config) LongestHold(service string) time.Duration {
	var longest time.Duration
	if s := c.Services[service]; s != nil {
		for _, t := range s.Triggers {
			hold := t.Spec.Expr.Hold
			longest = max(longest, hold.For, time.Duration(hold.M)*c.Prometheus.PollInterval)
		}
	}
	return longest
}
