package responder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/trigger"
)

// errNotNow refuses what would be decided while the daemon stops; the next
// daemon decides it.
var errNotNow = errors.New("rollbackd is stopping: this is left to its next start")

// Record makes an entry and its message durable, and then logs it, counts it
// and shows it to subscribers.
func (l *loop) Record(e incident.Entry, m *incident.Message) error {
	if l.closing && !l.allowedWhileStopping(e.Kind) {
		return errNotNow
	}
	seq, err := l.append(e, m)
	if err != nil {
		l.metrics.writeFailures.Inc()
		text := e.Text
		if m != nil { // there is no outbox for it either: this line is all that people get
			text = m.FirstLine
		}
		l.log.Error("the journal could not be written: what depends on this entry is not done",
			"kind", e.Kind, "service", e.Service, "incident", e.Incident, "text", text, "err", err)
		return err
	}
	l.say(e, m)
	l.flight.Note(e)
	l.metrics.recorded(e)
	l.latency.recorded(e)
	l.publish(Recorded{seq, e})
	return nil
}

// allowedWhileStopping tells whether an entry says what happened, as opposed to
// what is to be done about it. A fact is worth keeping even while stopping, and
// so is all that follows from a person's no, short of beginning something.
func (l *loop) allowedWhileStopping(kind incident.Kind) bool {
	switch kind {
	case incident.KindStepEnded, incident.KindDeployment, incident.KindRunning, incident.KindRolledOut, incident.KindCaptured,
		incident.KindSignal, incident.KindInterrupted, incident.KindClock:
		return true
	case incident.KindPlanned, incident.KindStepBegun:
		return false
	default:
		return l.halting
	}
}

func (l *loop) append(e incident.Entry, m *incident.Message) (seq uint64, err error) {
	entry, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("entry %s: %w", e.Kind, err)
	}
	out, err := l.outgoing(m)
	if err != nil {
		return 0, err
	}
	meta := journal.Meta{
		At: e.At, Kind: string(e.Kind), Service: e.Service, Incident: e.Incident, Spend: l.flight.MaySpend(e), Summary: l.summary(e),
	}
	meta.Lasting = lasting(e)
	began := l.clock.Now()
	// Never cancelled: an entry is written, or it is known that it was not.
	seq, err = l.options.Journal.Append(context.Background(), entry, meta, out)
	l.metrics.writeDuration.Observe(l.clock.Since(began).Seconds())
	if err != nil {
		return 0, err
	}
	l.metrics.lastWrite.Set(float64(l.clock.Now().UnixMilli()) / 1000)
	if len(out) > 0 {
		l.options.Poke()
	}
	return seq, nil
}

// outgoing addresses a message to its receivers.
func (l *loop) outgoing(m *incident.Message) ([]journal.Outgoing, error) {
	if m == nil {
		return nil, nil
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	var out []journal.Outgoing
	for _, receiver := range l.options.Receivers(*m) {
		out = append(out, journal.Outgoing{ID: m.ID, Receiver: receiver, At: m.At, Payload: payload})
	}
	return out, nil
}

// say logs a transition. It is the one way of telling people that always works.
func (l *loop) say(e incident.Entry, m *incident.Message) {
	about := []any{"kind", e.Kind}
	if e.Service != "" {
		about = append(about, "service", e.Service)
	}
	if e.Incident != "" {
		about = append(about, "incident", e.Incident)
	}
	if e.Actor != "" {
		about = append(about, "actor", e.Actor)
	}
	switch {
	case m != nil && m.Headline == incident.RecoveredHead:
		l.log.Info(m.FirstLine, append(about, "message", m.ID)...)
	case m != nil:
		l.log.Warn(m.FirstLine, append(about, "message", m.ID)...)
	case e.Kind == incident.KindSeen:
		l.log.Debug(e.Text, about...)
	default:
		l.log.Info(e.Text, about...)
	}
}

// Carry carries out any effect but a Record. It does not block.
func (l *loop) Carry(effect incident.Effect) {
	if l.closing && !l.halting {
		return
	}
	switch e := effect.(type) {
	case incident.Stop:
		l.options.Runner.Cut(e.Run)
		return
	case incident.Reply:
		l.reply(e)
		return
	}
	if l.closing {
		return // nothing is begun any more
	}
	switch e := effect.(type) {
	case incident.Read:
		l.read(e)
	case incident.ReadPast:
		l.readPast(e)
	case incident.Start:
		l.start(e)
	case incident.Tell:
		l.tell(e.Message)
	case incident.Capture:
		l.capture(e)
	case incident.WakeAt:
		l.wakeAt = e.T
		if soonest := l.lastWake.Add(wakeSpacing); !e.T.IsZero() && e.T.Before(soonest) {
			l.wakeAt = soonest
		}
	case incident.Record:
		l.log.Error("a record was given to be carried out; it was not made durable", "kind", e.Entry.Kind)
	}
}

// tell tells people what cannot be recorded.
func (l *loop) tell(m incident.Message) {
	l.log.Error(m.FirstLine, "event", m.Event, "text", m.Text)
	l.options.Tell(m)
}

// read reads live and submits the answers.
func (l *loop) read(e incident.Read) {
	at := l.clock.Now().Round(0).UTC()
	l.whileGoing(func(ctx context.Context) {
		if !e.Deadline.IsZero() {
			var cancel context.CancelFunc
			ctx, cancel = l.clock.WithDeadline(ctx, e.Deadline)
			defer cancel()
		}
		answers := l.options.Reader.Read(ctx, at, e.Metrics, e.Service)
		l.Submit(incident.Samples{At: at, Kind: e.Kind, ReadID: e.ID, Answers: complete(answers, e.Metrics)})
	})
}

// readPast reads back what was before the start, and submits what came of it.
func (l *loop) readPast(e incident.ReadPast) {
	l.whileGoing(func(ctx context.Context) {
		ctx, cancel := l.clock.WithDeadline(ctx, e.Deadline)
		defer cancel()
		var ticks []incident.Samples
		if l.options.Past != nil {
			ticks = l.options.Past.Past(ctx, e.From, e.To, e.Metrics, e.Services)
		}
		l.Submit(incident.Past{ID: e.ID, Ticks: ticks})
	})
}

// complete has an answer for every metric that was asked: to the brain, one
// that is left out was not asked, which is not the same as unknown.
func complete(answers map[string]trigger.Answer, metrics []string) map[string]trigger.Answer {
	all := make(map[string]trigger.Answer, len(metrics))
	for _, metric := range metrics {
		answer, ok := answers[metric]
		if !ok {
			answer.Err = "not answered"
		}
		all[metric] = answer
	}
	return all
}
