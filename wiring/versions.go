package wiring

import (
	"maps"
	"slices"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/source/version"
)

// Versions is what to look at to see which versions run. The asker, the sink, the
// clock, the log and the observer are the caller's to add.
func Versions(c *config.Config) version.Options {
	o := version.Options{Poll: c.Prometheus.PollInterval}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		d := c.Services[name].Deployment
		if d.Symlink != "" {
			o.Symlinks = append(o.Symlinks, version.Symlink{Service: name, Path: d.Symlink})
		}
		if d.VersionQuery != "" {
			o.Queries = append(o.Queries, version.Query{Service: name, Query: d.VersionQuery, Label: d.VersionLabel})
		}
	}
	return o
}
