package incident

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rollbackd/rollbackd/trigger"
)

// NotConfigured says that a service is not in the configuration, and which one was
// probably meant.
func NotConfigured(service string, configured []string) string {
	text := fmt.Sprintf("service %q is not configured", service)
	if near := trigger.Nearest(service, configured); near != "" {
		text += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return text
}

func (b *Brain) notConfigured(service string) string {
	return NotConfigured(service, slices.Sorted(maps.Keys(b.opts.Services)))
}
