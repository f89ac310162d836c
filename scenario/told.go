package scenario

import (
	"cmp"
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
	delivered map[string]bool // by message ID, and by message ID and receiver
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
	w.checkMessage(m)
	w.record.note(w.now, m.Service, "message", m.FirstLine)
	w.told.incidents[m.Incident] = true
	if len(w.told.names) == 0 {
		w.deliver(m, "")
		return
	}
	receivers := m.Receivers
	if len(receivers) == 0 || m.Everybody {
		receivers = w.told.names
	}
	for _, receiver := range receivers {
		if !w.told.receivers[receiver].Takes(m) {
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
			w.deliver(m, receiver)
			continue
		}
		w.queue.push(at, rankSource, func() { w.deliver(m, receiver) })
	}
}

// deliver gives a message to a receiver; an empty one is the log.
func (w *world) deliver(m incident.Message, receiver string) {
	to := m.ID + " to " + receiver
	if w.told.delivered[to] {
		return
	}
	first := !w.told.delivered[m.ID]
	w.told.delivered[to], w.told.delivered[m.ID] = true, true
	w.record.told(w.now, m, receiver, first)
}

// told notes that a receiver was told, about a service or about the daemon
// itself. A message counts once, however many have it.
func (r *record) told(at time.Duration, m incident.Message, receiver string, first bool) {
	i, known := r.index[m.Service]
	r.received = counted(r.received, receiver)
	if known {
		r.present[i].received = counted(r.present[i].received, receiver)
	}
	if m.Incident != "" {
		r.levels[m.Incident] = max(r.levels[m.Incident], m.Level)
	}
	if first {
		r.messages++
	}
	if first && known {
		r.present[i].notifications++
	}
	r.keep(at)
}

// counted is a list of counts with one more message of a receiver.
func counted(list []received, receiver string) []received {
	list = slices.Clone(list)
	i, known := slices.BinarySearchFunc(list, receiver, func(r received, name string) int { return cmp.Compare(r.receiver, name) })
	if !known {
		list = slices.Insert(list, i, received{receiver: receiver})
	}
	list[i].count++
	return list
}

func (w *world) receiverDown(name string, since time.Duration) (fault, bool) {
	for _, f := range w.c.faults {
		if f.kind == faultReceiver && f.receiver == name && f.holds(since) {
			return f, true
		}
	}
	return fault{}, false
}
