package daemon

import (
	"context"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// diskInterval is how often the free space of the journal's disk is looked at.
const diskInterval = time.Minute

// watchDisk lets the brain know how much room the journal has, so that people
// are told while it can still be written.
func (h *house) watchDisk(ctx context.Context) error {
	ticker := h.o.Clock.Ticker(diskInterval)
	defer ticker.Stop()
	for {
		free, err := h.journal.Free()
		if err != nil {
			h.log.Warn("the free space of the journal's disk cannot be read", "err", err)
		} else {
			h.responder.Submit(incident.Disk{Free: int64(min(free, 1<<62)), MinFree: h.config.Load().Journal.MinFree})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
