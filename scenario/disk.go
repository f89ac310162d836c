package scenario

import (
	"errors"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// disk is what is left of the disk that the journal is on.
type disk struct {
	// spent is the fault in which the reserve was given up that is kept aside for a
	// full disk; nil while it is there. A start makes it again.
	spent *fault
	// lost is true from a failed write on until the next start.
	lost bool
	// flight are the runs that may finish on the reserve.
	flight responder.InFlight
}

var (
	errFull = errors.New("no space left on device")
	errLost = errors.New("journal is lost until the daemon is started again: input/output error")
)

// room is why an entry cannot be made durable now; nil where it can.
func (w *world) room(e incident.Entry) error {
	d := &w.disk
	f, broken := w.holds(faultJournal, w.now)
	switch {
	case d.lost, broken && f.how == journalFailing:
		d.lost = true
		return errLost
	case !broken:
		return nil
	case f.how == journalSpent || !d.flight.MaySpend(e) || d.spent != nil && *d.spent != f:
		return errFull
	}
	d.spent = &f
	return nil
}

// open is what a start of the daemon finds of the disk, and what is in flight.
func (w *world) open(incidents []*incident.Incident) {
	w.disk.lost, w.disk.flight = false, responder.NewInFlight(incidents)
	if _, broken := w.holds(faultJournal, w.now); !broken {
		w.disk.spent = nil
	}
}
