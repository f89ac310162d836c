package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	promconfig "github.com/prometheus/common/config"

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
	notifiers := map[string]notify.Notifier{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Receivers)) {
		hook := c.Receivers[name].Webhook
		if hook == nil {
			continue
		}
		n, err := t.webhook(name, hook)
		if err != nil {
			problems = append(problems, fmt.Errorf("receivers.%s.webhook: %w", name, err))
			continue
		}
		notifiers[name] = n
	}
	return notifiers, errors.Join(problems...)
}

func (t *tellers) webhook(name string, hook *config.Webhook) (notify.Notifier, error) {
	transport, err := promconfig.NewRoundTripperFromConfig(hook.HTTP, name)
	if err != nil {
		return nil, err
	}
	if !hook.Secret.IsZero() {
		if _, err := hook.Secret.Read(); err != nil {
			// Said at the start: the first message is no time to learn it.
			t.h.log.Warn("the signing secret of a receiver cannot be read: it gets no message until it can", "receiver", name, "err", err)
		}
	}
	return notify.NewWebhook(notify.WebhookOptions{
		URL: hook.URL, Secret: reader(hook.Secret), Transport: transport, Clock: t.h.o.Clock, Logger: t.h.log.Named("notify"),
	})
}

func (t *tellers) start(ctx context.Context, notifiers map[string]notify.Notifier) {
	outbox := notify.New(notify.Options{
		Store: responder.Outbox(t.h.journal), Receivers: notifiers, Metrics: t.metrics,
		Clock: t.h.o.Clock, Logger: t.h.log.Named("notify"),
	})
	t.outbox.Store(outbox)
	t.parts.start(ctx, "receivers", func(ctx context.Context) error {
		err := outbox.Run(ctx) // it has nothing to do, and ends, where there is no receiver
		<-ctx.Done()
		return err
	})
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
// configuration. They stay: the receiver may come back.
func (t *tellers) orphans(ctx context.Context, c *config.Config) {
	waiting, err := t.h.journal.Waiting(ctx)
	if err != nil {
		t.h.log.Warn("the messages that wait cannot be counted", "err", err)
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		if c.Receivers[name].Webhook == nil {
			t.h.log.Warn("messages wait for a receiver that is not in the configuration: they stay in the outbox",
				"receiver", name, "messages", waiting[name])
		}
	}
}

// receivers are the names of those to whom a message goes: those it names, or
// all, less those that do not want its severity or kind, or come in at a later
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
		if known && r.Webhook != nil && r.Wants(m.Severity, m.Event, m.Level, m.Everybody) {
			wanted = append(wanted, name)
		}
	}
	return wanted
}
