package daemon

import (
	"context"
	"errors"
	"io/fs"
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
			h.journalView() // it notes since when
			h.responder.Submit(incident.Disk{Free: int64(min(free, 1<<62)), MinFree: h.config.Load().Journal.MinFree})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// stepRoom is what a step may need on the journal's disk: what it writes, of which
// 1 MiB is kept, and a little for its pid file.
const stepRoom = 2 << 20

// makeRoom gives a rollback in flight the journal's reserve where the disk is too
// full for the files of its next step.
func (h *house) makeRoom() {
	if free, err := h.journal.Free(); err != nil || free >= stepRoom {
		return
	}
	switch err := h.journal.SpendReserve(); {
	case err == nil:
		h.log.Error("disk full: the journal's reserve was spent so that a rollback in flight can go on; nothing new is begun until there is space again")
	case !errors.Is(err, fs.ErrNotExist): // not there: it was spent before
		h.log.Warn("the journal's reserve could not be spent, and the disk is full", "err", err)
	}
}
