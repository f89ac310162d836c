//go:build !linux

package responder

import "time"

// BootTime is nil: only Linux says how long the machine slept. There a sleep
// looks like a clock that was set, and windows start anew after it.
func BootTime() func() time.Duration { return nil }
