package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/responder"
)

// tellers deliver what waits in the journal's outbox to the receivers of the
// configuration in force.
type tellers struct {
	h       *house
	metrics *notify.Metrics
	outbox  atomic.Pointer[notify.Outbox]
	parts   *parts
}

func newTellers(h *house) *tellers {
	t := &tellers{h: h, metrics: notify.NewMetrics(h.registry), parts: newParts(h.log)}
	t.parts.failed = h.parts.failed
	return t
}

// make makes the channels of a configuration; it starts nothing.
func (t *tellers) make(c *config.Config) (map[string]notify.Notifier, error) {
	kinds := channels{
		clock: t.h.o.Clock, log: discreet{t.h.log.Named("notify"), t.h.mask}, keeper: t.h.journal, external: c.Web.ExternalURL, chart: drawEvidence,
	}
	notifiers := map[string]notify.Notifier{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Receivers)) {
		made, err := kinds.of(c.Receivers[name])
		if err != nil {
			problems = append(problems, err)
		}
		maps.Copy(notifiers, made)
	}
	return notifiers, errors.Join(problems...)
}

// limits are how many messages of an incident each channel gets.
func limits(c *config.Config) map[string]notify.Limit {
	out := map[string]notify.Limit{}
	for _, r := range c.Receivers {
		for _, kind := range r.Channels() {
			out[outboxName(r, kind)] = notify.Limit{Count: r.Limit.Count, Within: r.Limit.Within}
		}
	}
	return out
}

// start delivers by the channels of the configuration in force, and by those to
// which messages of an earlier one are adopted.
func (t *tellers) start(ctx context.Context, notifiers map[string]notify.Notifier) {
	c := t.h.config.Load()
	notifiers = maps.Clone(notifiers)
	bounds := limits(c)
	for from, to := range t.adopted(ctx, c, notifiers) {
		notifiers[from], bounds[from] = notifiers[to], bounds[to]
	}
	outbox := notify.New(notify.Options{
		Store: responder.Outbox(t.h.journal), Receivers: notifiers, Metrics: t.metrics, Limits: bounds, Tally: responder.Tally(t.h.journal),
		Clock: t.h.o.Clock, Logger: t.h.log.Named("notify"), Mask: t.h.mask,
	})
	t.outbox.Store(outbox)
	t.parts.start(ctx, "receivers", func(ctx context.Context) error {
		err := outbox.Run(ctx) // it has nothing to do, and ends, where there is no receiver
		<-ctx.Done()
		return err
	})
}

// adopted are the names under which messages wait for a channel that is now called
// otherwise, because its receiver got a second one or lost it, and what it is
// called. Where a receiver that had one channel has several, it is the first:
// nobody knows which one it was, and somebody must be told.
func (t *tellers) adopted(ctx context.Context, c *config.Config, notifiers map[string]notify.Notifier) map[string]string {
	waiting, err := t.h.journal.Waiting(ctx)
	if err != nil {
		return nil // orphans says so
	}
	out := map[string]string{}
	for from := range waiting {
		name, kind, several := strings.Cut(from, "/")
		r, known := c.Receivers[name]
		if notifiers[from] != nil || !known {
			continue
		}
		if !several {
			kind = r.Channels()[0]
		}
		if to := outboxName(r, kind); notifiers[to] != nil && slices.Contains(r.Channels(), kind) {
			out[from] = to
		}
	}
	return out
}

func (t *tellers) stop() error { return t.parts.stop() }

// poke says that a message is waiting.
func (t *tellers) poke() {
	if outbox := t.outbox.Load(); outbox != nil {
		outbox.Poke()
	}
}

// tell hands a message straight to its receivers, for what the journal cannot take.
func (t *tellers) tell(m incident.Message) {
	outbox := t.outbox.Load()
	payload, err := json.Marshal(m)
	if outbox == nil || err != nil {
		t.h.log.Error("a message is told to nobody", "message", m.ID, "err", err)
		return
	}
	outbox.Tell(t.h.receivers(m), notify.Delivery{ID: m.ID, At: m.At, Payload: payload})
}

// orphans logs the messages that wait for receivers that are no longer in the
// configuration. They stay as long as any other: the receiver may come back.
func (t *tellers) orphans(ctx context.Context, c *config.Config) {
	t.forget(ctx, c)
	waiting, err := t.h.journal.Waiting(ctx)
	if err != nil {
		t.h.log.Warn("the messages that wait cannot be counted", "err", err)
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		if !t.delivers(c, name) {
			t.h.log.Warn("messages wait for a receiver that is not in the configuration: they stay in the outbox",
				"receiver", name, "messages", waiting[name])
		}
	}
}

// forget gives up what has waited for a day for a receiver that is gone. Whoever
// brings it back must not be told the news of last week, and an alert on what waits
// must end some day.
func (t *tellers) forget(ctx context.Context, c *config.Config) {
	waiting, err := t.h.journal.Waiting(ctx)
	if err != nil {
		return // orphans says so
	}
	for name, n := range waiting {
		if t.delivers(c, name) {
			continue
		}
		for t.giveUpOld(ctx, name, n) { // the next one of an incident may be as old
		}
	}
}

// giveUpOld gives up what has waited for a day under a name, of each incident the
// oldest; it is false where nothing has.
func (t *tellers) giveUpOld(ctx context.Context, name string, most int) (some bool) {
	now := t.h.o.Clock.Now()
	due, err := t.h.journal.Due(ctx, name, now, most)
	if err != nil {
		return false
	}
	for _, d := range due {
		if now.Sub(d.At) < notify.Lifetime {
			continue
		}
		d.LastError = "the receiver is not in the configuration"
		if t.h.journal.GiveUp(ctx, d, now) != nil {
			return false
		}
		some = true
		t.h.log.Warn("message given up: its receiver is not in the configuration", "receiver", name, "message", d.ID)
	}
	return some
}

// delivers tells whether messages that wait under a name are delivered.
func (t *tellers) delivers(c *config.Config, name string) bool {
	receiver, kind, several := strings.Cut(name, "/")
	r, known := c.Receivers[receiver]
	return known && (!several || slices.Contains(r.Channels(), kind))
}

// receivers are the channels to which a message goes: those of the receivers it
// names, or of all, less those that do not want its severity or kind, or come in at a later
// level of escalation. One for everybody goes to all, whoever it names.
func (h *house) receivers(m incident.Message) []string {
	c := h.config.Load()
	names := m.Receivers
	if len(names) == 0 || m.Everybody {
		names = slices.Sorted(maps.Keys(c.Receivers))
	}
	var wanted []string
	for _, name := range names {
		r, known := c.Receivers[name]
		if !known || !r.Takes(m) {
			continue
		}
		for _, kind := range r.Channels() {
			wanted = append(wanted, outboxName(r, kind))
		}
	}
	return wanted
}
