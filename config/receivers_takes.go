package config

import (
	"slices"

	"github.com/rollbackd/rollbackd/incident"
)

// Takes tells whether the receiver is told of a message that is addressed to it: by
// what happened, or by a further word for it.
func (r Receiver) Takes(m incident.Message) bool {
	return slices.ContainsFunc(append([]string{m.Event}, m.Signals...), func(event string) bool {
		return r.Wants(m.Severity, event, m.Level, m.Everybody)
	})
}
