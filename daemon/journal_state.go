package daemon

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/web"
)

// sinces remember since when the journal's disk is low, and since when nothing new
// can be written, where no entry says so. The zero value is well; it is safe for
// concurrent use.
type sinces struct {
	mu           sync.Mutex
	low, failing time.Time
}

// replayed takes in an entry of an earlier life.
func (s *sinces) replayed(e incident.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case incident.KindDiskLow:
		s.low = e.At
	case incident.KindDiskOK:
		s.low = time.Time{}
	default:
	}
}

// seen takes in how things are now, and says since when.
func (s *sinces) seen(now time.Time, isLow, isFailing bool) (low, failing time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := func(since *time.Time, is bool) time.Time {
		switch {
		case !is:
			*since = time.Time{}
		case since.IsZero():
			*since = now
		}
		return *since
	}
	return keep(&s.low, isLow), keep(&s.failing, isFailing)
}

// journalView is how the journal fares, for people.
func (h *house) journalView() web.JournalView {
	path, minFree := h.journal.Path(), uint64(max(h.config.Load().Journal.MinFree, 0))
	v := web.JournalView{Path: path, State: web.JournalOK, MinFreeBytes: minFree}
	free, err := h.journal.Free()
	if err == nil {
		v.FreeBytes = &free
	}
	trouble, failing := h.journal.Trouble()
	isLow := err == nil && free < minFree
	low, failingSince := h.sinces.seen(h.o.Clock.Now().Round(0).UTC(), isLow, failing)
	switch {
	case failing:
		v.State, v.Since = web.JournalFailing, trouble.Since
		if v.Since.IsZero() {
			v.Since = failingSince
		}
		v.Problem, v.ToDo = troubleText(trouble.Err, path)
	case isLow:
		const mib = 1 << 20
		v.State, v.Since = web.JournalLow, low
		v.Problem = fmt.Sprintf("the journal's disk is nearly full: %d MiB free, less than min_free (%d MiB)", free/mib, minFree/mib)
		v.ToDo = "free space on the disk of " + filepath.Dir(path)
	}
	return v
}

// troubleText is what is wrong with the journal, and what helps.
func troubleText(err error, path string) (problem, todo string) {
	switch {
	case errors.Is(err, journal.ErrFull):
		return "the journal's disk is full: nothing new is begun", "free space on the disk of " + filepath.Dir(path)
	case errors.Is(err, journal.ErrLost):
		return fmt.Sprintf("the journal cannot be written (%v): nothing new is begun", err),
			"see to the disk of " + filepath.Dir(path) + ", then restart rollbackd: it reads the journal back and checks it"
	}
	return fmt.Sprintf("the journal cannot be written (%v): nothing new is begun", err),
		"see to the disk of " + filepath.Dir(path) + "; the daemon's log says more"
}

// memory is the brain's, with what keeps it from beginning anything that it only
// learns of once it tries: a journal that cannot be written.
type memory struct {
	*incident.Brain
	// hold is nil while the journal can be written.
	hold *incident.Hold
}

// journalHold is what keeps anything new from beginning; nil for nothing.
func (h *house) journalHold() *incident.Hold {
	v := h.journalView()
	if v.State != web.JournalFailing {
		return nil
	}
	return &incident.Hold{Guard: incident.GuardJournal, Reason: v.Problem, ReleasesWhen: "it can be written again: " + v.ToDo}
}

// Why is the brain's answer, with the journal before the guards that it knows of:
// it is the first in their order.
func (m memory) Why(name string, now time.Time) (incident.WhyView, bool) {
	w, ok := m.Brain.Why(name, now)
	d := &w.IfCritical
	if !ok || m.hold == nil || d.Response.Directness <= evaluator.Notify {
		return w, ok
	}
	holds := []incident.Hold{*m.hold}
	for _, hold := range d.Holds {
		if hold.Guard != incident.GuardJournal {
			holds = append(holds, hold)
		}
	}
	d.State, d.HeldBy, d.Holds, d.Deadline = incident.Held, incident.GuardJournal, holds, time.Time{}
	d.Reason, d.ReleasesWhen = m.hold.Reason, m.hold.ReleasesWhen
	return w, true
}
