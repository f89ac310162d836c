package incident

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Labels are a service's own names and values, for whoever is told or shown
// something of it. To the brain they mean nothing.
type Labels map[string]string

// String is the labels as Prometheus writes them, in the order of their names.
func (l Labels) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		parts = append(parts, name+"="+strconv.Quote(l[name]))
	}
	return strings.Join(parts, ", ")
}
