package incident

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rollbackd/rollbackd/trigger"
)

// unknownTarget refuses a version that nobody has ever seen, reported or named as
// previous: a slip of the pen must not start a plan. Who means it says so. Where
// nothing is known of any version, none can be told from a slip.
func (b *Brain) unknownTarget(service string, r planRequest) (Hold, bool) {
	l := &b.mem.service(service).Ledger
	known := l.known()
	if r.unseen || slices.Contains(known, r.to) || !b.opts.Services[service].Deployment.HasSource && l.current() == nil {
		return Hold{}, false
	}
	why := fmt.Sprintf("%s is not known: it was never seen to run, reported or named as previous", r.to)
	if near := trigger.Nearest(r.to, known); near != "" {
		why += fmt.Sprintf(" (did you mean %q?)", near)
	}
	if len(known) > 0 {
		why += "; known are " + listed(known)
	}
	return Hold{GuardNoTarget, why + "; --unseen goes there all the same", "name a version that is known, or say --unseen"}, true
}

// known are all versions that were ever seen, reported or named as previous, the
// newest first.
func (l *ledger) known() []string {
	var versions []string
	add := func(v string) {
		if v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	for _, d := range slices.Backward(l.Deployments) {
		add(d.Version)
		add(d.Previous)
	}
	for _, v := range slices.Sorted(maps.Keys(l.Marks)) {
		add(v)
	}
	return versions
}
