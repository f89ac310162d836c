package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
)

// pastRead is what the metric source did not give of the past at the start. Its
// zero value is nothing.
type pastRead struct {
	// began is when the start was over: what is to be read is before it.
	began time.Time
	// owing are the services with triggers whose past is still to be read.
	owing map[string]bool
	// id is that of the reading under way, which is given up at until.
	id    string
	until time.Time
}

// pastWithin bounds one reading of the past.
const pastWithin = 30 * time.Second

// unreadPast is what is still to be read when the start is over.
func (b *Brain) unreadPast(now time.Time) pastRead {
	p := pastRead{began: now, owing: map[string]bool{}}
	for name, l := range b.live {
		if l.watch.Began(now) {
			p.owing[name] = true
		}
	}
	return p
}

// pastRule asks for what is still to be read of the past, once the source answers:
// at a tick that gave the metrics live, one reading at a time.
func (b *Brain) pastRule(now time.Time, in Samples) []Effect {
	if in.Kind != Grid || len(b.past.owing) == 0 || !b.awake {
		return nil
	}
	underWay := b.past.id != "" && now.Before(b.past.until)
	var metrics, services []string
	var reach time.Duration
	for _, name := range slices.Sorted(maps.Keys(b.past.owing)) {
		l := b.live[name]
		if l == nil {
			delete(b.past.owing, name)
			continue
		}
		these, back, owing := l.watch.Unread(in.At, in.Answers)
		if !owing {
			delete(b.past.owing, name)
		}
		if len(these) > 0 {
			metrics, services, reach = append(metrics, these...), append(services, name), max(reach, back)
		}
	}
	if underWay || len(services) == 0 {
		return nil
	}
	slices.Sort(metrics)
	b.readSeq++
	b.past.id, b.past.until = fmt.Sprintf("past/%d", b.readSeq), now.Add(pastWithin)
	return []Effect{ReadPast{
		ID: b.past.id, Metrics: slices.Compact(metrics), Services: services,
		From: b.past.began.Add(-reach), To: b.past.began, Deadline: b.past.until,
	}}
}

// takePast takes in what was read of the past. One that was given up, or that is
// about a time by another clock, is not.
func (b *Brain) takePast(in Past) {
	if in.ID == "" || in.ID != b.past.id {
		return
	}
	b.past.id = ""
	ticks := make([]evaluator.PastTick, 0, len(in.Ticks))
	for _, t := range in.Ticks {
		if t.At.Before(b.past.began) {
			ticks = append(ticks, evaluator.PastTick{At: t.At, Answers: t.Answers})
		}
	}
	for name := range b.past.owing {
		if l := b.live[name]; l != nil {
			l.watch.Past(ticks)
			b.dirty[name] = true
		}
	}
}
