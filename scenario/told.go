package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// told is who is told in this world, and what was told already.
type told struct {
	names     []string // of the receivers, sorted
	receivers map[string]config.Receiver
	delivered map[string]bool // by message ID, and by message ID and receiver
	incidents map[string]bool // that a message was about
	// said is when the messages about an incident were made that a receiver has had.
	said map[about][]time.Time
}

// about is one incident as one receiver hears of it.
type about struct{ receiver, incident string }

func newTold(c *config.Config) told {
	t := told{delivered: map[string]bool{}, incidents: map[string]bool{}, said: map[about][]time.Time{}}
	t.configure(c)
	return t
}

func (t *told) configure(c *config.Config) {
	t.names, t.receivers = slices.Sorted(maps.Keys(c.Receivers)), c.Receivers
}

// unsaid tells whether an entry is about triggers that see nothing because the case
// says nothing of their metrics. Live that is worth a message; a case is about what
// it names, and the rest of its configuration only lies there.
func (w *world) unsaid(e incident.Entry) bool {
	if e.Kind != incident.KindTriggerBlind || len(w.c.raw) > 0 {
		return false
	}
	return !slices.ContainsFunc(e.TriggerBlind.Triggers, func(t incident.BlindTrigger) bool { return w.saysOf(e.Service, t.Name) })
}

// saysOf tells whether the case gives values to a metric of a trigger, if only by
// what a step leads to.
func (w *world) saysOf(service, name string) bool {
	var metrics []string
	for _, spec := range w.options.Services[service].Triggers {
		if spec.Name == name {
			metrics = spec.Expr.Metrics()
		}
	}
	names := func(values map[seriesKey]series) bool {
		for key := range values {
			if key.service == service && slices.Contains(metrics, key.metric) {
				return true
			}
		}
		return false
	}
	for _, step := range w.c.steps {
		if names(step.then) {
			return true
		}
	}
	return names(w.c.values)
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

// deliver gives a message to a receiver, unless that has had enough of the incident;
// an empty one is the log.
func (w *world) deliver(m incident.Message, receiver string) {
	to := m.ID + " to " + receiver
	if w.told.delivered[to] {
		return
	}
	w.told.delivered[to] = true
	w.record.level(m)
	if w.told.withholds(m, receiver) {
		w.record.note(w.now, m.Service, "withheld", fmt.Sprintf("from %s (rate_limit): %s", receiver, m.FirstLine))
		return
	}
	first := !w.told.delivered[m.ID]
	w.told.delivered[m.ID] = true
	w.record.told(w.now, m, receiver, first)
}

// withholds tells whether a receiver's limit keeps a message back, as the outbox
// would; one that passes takes a place.
func (t *told) withholds(m incident.Message, receiver string) bool {
	if m.Incident == "" || receiver == "" {
		return false
	}
	r := t.receivers[receiver].Limit
	limit := notify.Limit{Count: r.Count, Within: r.Within}
	key, passed := about{receiver, m.Incident}, 0
	for _, at := range t.said[key] {
		if at.After(m.At.Add(-limit.Within)) {
			passed++
		}
	}
	if limit.Withholds(string(m.Headline), m.Event, passed) {
		return true
	}
	t.said[key] = append(t.said[key], m.At)
	return false
}

// told notes that a receiver was told, about a service or about the daemon
// itself. A message counts once, however many have it.
func (r *record) told(at time.Duration, m incident.Message, receiver string, first bool) {
	i, known := r.index[m.Service]
	r.received = counted(r.received, receiver)
	if known {
		r.present[i].received = counted(r.present[i].received, receiver)
	}
	if first {
		r.messages++
	}
	if first && known {
		r.present[i].notifications++
	}
	r.keep(at)
}

// level notes how far an incident has escalated. It has, also where a receiver has
// had enough of it.
func (r *record) level(m incident.Message) {
	if m.Incident != "" {
		r.levels[m.Incident] = max(r.levels[m.Incident], m.Level)
	}
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
