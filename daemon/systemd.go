package daemon

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
)

// manager tells systemd how the daemon is. Where systemd did not start it, it
// tells nobody.
type manager struct {
	clock clock.Clock
	log   hclog.Logger
}

func (m manager) ready()     { m.tell(systemd.SdNotifyReady) }
func (m manager) reloading() { m.tell(systemd.SdNotifyReloading) }
func (m manager) stopping()  { m.tell(systemd.SdNotifyStopping) }

func (m manager) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		m.log.Warn("systemd was not told", "state", state, "err", err)
	}
}

// watch feeds the watchdog while the deciding loop goes round. A daemon whose
// loop stands still is worse than one that was started again.
func (m manager) watch(ctx context.Context, lastLoop func() time.Time) error {
	limit, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Warn("the watchdog is not fed", "err", err)
	}
	if limit <= 0 {
		<-ctx.Done()
		return nil
	}
	ticker := m.clock.Ticker(limit / 4)
	defer ticker.Stop()
	for {
		if still := m.clock.Since(lastLoop()); still < limit/2 {
			m.tell(systemd.SdNotifyWatchdog)
		} else {
			m.log.Error("the deciding loop stands still: the watchdog is not fed", "since", still)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
