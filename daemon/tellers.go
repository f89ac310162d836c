package daemon

import (
	"context"
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
	if hook.Secret.Env != "" {
		// Sending unsigned what was to be signed would go unnoticed.
		return nil, errors.New("secret_env is not implemented in this version: use secret_file")
	}
	transport, err := promconfig.NewRoundTripperFromConfig(hook.HTTP, name)
	if err != nil {
		return nil, err
	}
	return notify.NewWebhook(notify.WebhookOptions{
		URL: hook.URL, SecretFile: hook.Secret.Path(), Transport: transport, Clock: t.h.o.Clock, Logger: t.h.log.Named("notify"),
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

// receivers are the names of those to whom a message goes: those it names, or
// all, less those that do not want its severity or kind.
func (h *house) receivers(m incident.Message) []string {
	c := h.config.Load()
	names := m.Receivers
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(c.Receivers))
	}
	var wanted []string
	for _, name := range names {
		r, known := c.Receivers[name]
		if known && r.Webhook != nil && wants(r, m) {
			wanted = append(wanted, name)
		}
	}
	return wanted
}

func wants(r config.Receiver, m incident.Message) bool {
	// A message about the daemon itself has no severity: everybody is told.
	severe := len(r.Severities) == 0 || m.Severity == 0 || slices.Contains(r.Severities, m.Severity)
	return severe && (len(r.Events) == 0 || slices.Contains(r.Events, m.Event))
}
