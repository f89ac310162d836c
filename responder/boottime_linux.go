package responder

import (
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is the time since the machine started, the time that it slept
// included: what Options.Steady wants. It is nil where the kernel does not have
// that clock.
func BootTime() func() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return nil
	}
	return func() time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // a clock that answered once always does
		return time.Duration(t.Nano())
	}
}
