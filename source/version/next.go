package version

import (
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Next is what a census shows of a service after what was told last of it (zero
// before the first), by the rule that a Watcher goes by. News is false where it
// shows nothing new; the error says why it shows nothing at all.
func Next(last incident.VersionSeen, service string, at time.Time, census []incident.VersionCount) (seen incident.VersionSeen, news bool, err error) {
	v, err := running(census, last.Version)
	if err != nil {
		return incident.VersionSeen{}, false, err
	}
	if !source.IsVersion(v) {
		return incident.VersionSeen{}, false, notAVersion(SourceQuery, v)
	}
	seen = incident.VersionSeen{Service: service, Version: v, At: at, Source: SourceQuery, Census: bounded(census)}
	return seen, last.Version != v || !slices.Equal(last.Census, seen.Census), nil
}
