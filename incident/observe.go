package incident

import "time"

// taken takes in readings, and lets follow what is due. The past decides nothing.
func (b *Brain) taken(now time.Time, in Samples) []Effect {
	b.samples(in)
	if in.Kind == Rebuilt || !b.awake {
		return nil
	}
	return append(b.pastRule(now, in), b.settle(now)...)
}

// samples takes readings into the windows.
func (b *Brain) samples(in Samples) {
	b.takeHoldWhen(in)
	switch in.Kind {
	case Grid, Rebuilt:
		b.eachOf(in, func(name string, l *live) {
			l.watch.Grid(in.At, in.Answers, in.Kind == Grid)
			b.dirty[name] = true
		})
		if in.Kind == Grid {
			b.sight.tick(in.At, in.Answers)
			b.eachOf(in, func(name string, l *live) {
				b.runTick(name, l, in.At)
				b.afterTick(name, l, in.At)
				b.noteBlind(name, l)
			})
		}
	case Full, Confirm:
		read, ok := b.reads[in.ReadID]
		if !ok {
			return // answered too late: asked again or given up since
		}
		delete(b.reads, in.ReadID)
		l := b.live[read.service]
		if l == nil {
			return
		}
		evaluations := l.watch.Extra(in.At, in.Answers)
		if lead := b.live[read.lead]; read.kind == Confirm && lead != nil {
			lead.confirm.confirmed(in.ReadID, evaluations)
			b.dirty[read.lead] = true
		}
		b.dirty[read.service] = true
	}
}

// eachOf visits the services that samples are about.
func (b *Brain) eachOf(in Samples, visit func(name string, l *live)) {
	if in.Services == nil {
		for name, l := range b.live {
			visit(name, l)
		}
		return
	}
	for _, name := range in.Services {
		if l := b.live[name]; l != nil {
			visit(name, l)
		}
	}
}

func (b *Brain) health(now time.Time, in Health) {
	l := b.live[in.Service]
	if l == nil {
		return
	}
	if in.Check.At.IsZero() {
		in.Check.At = now
	}
	if l.watch.Health(in.Check, !in.Replayed) {
		b.dirty[in.Service] = true
	}
}
