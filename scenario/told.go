package scenario

import (
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

// told is who is told in this world, and what was told already.
type told struct {
	names     []string // of the receivers, sorted
	receivers map[string]config.Receiver
	delivered map[string]bool // by message ID
	incidents map[string]bool // that a message was about
}

func newTold(c *config.Config) told {
	t := told{delivered: map[string]bool{}, incidents: map[string]bool{}}
	t.configure(c)
	return t
}

func (t *told) configure(c *config.Config) {
	t.names, t.receivers = slices.Sorted(maps.Keys(c.Receivers)), c.Receivers
}

// tell delivers a message to each of its receivers: at once, or when a receiver
// that is down comes back. A message counts once, when the first receiver has
// it; where no receiver is configured, the log has it at once.
func (w *world) tell(m incident.Message) {
	w.record.note(w.now, m.Service, "message", m.FirstLine)
	w.told.incidents[m.Incident] = true
	if len(w.told.names) == 0 {
		w.deliver(m)
		return
	}
	receivers := m.Receivers
	if len(receivers) == 0 {
		receivers = w.told.names
	}
	for _, receiver := range receivers {
		if !w.told.receivers[receiver].Wants(m.Severity, m.Event) {
			continue
		}
		at, delivered := w.now, true
		for {
			down, still := w.receiverDown(receiver, at)
			if !still {
				break
			}
			at, delivered = down.to, false
		}
		if delivered {
			w.deliver(m)
			continue
		}
		w.queue.push(at, rankSource, func() { w.deliver(m) })
	}
}

func (w *world) deliver(m incident.Message) {
	if !w.told.delivered[m.ID] {
		w.told.delivered[m.ID] = true
		w.record.told(w.now, m.Service)
	}
}

func (w *world) receiverDown(name string, since time.Duration) (fault, bool) {
	for _, f := range w.c.faults {
		if f.kind == faultReceiver && f.receiver == name && f.holds(since) {
			return f, true
		}
	}
	return fault{}, false
}
