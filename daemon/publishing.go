package daemon

import (
	"context"
	"net/url"
	"os"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/publish"
	"github.com/rollbackd/rollbackd/source/bus"
)

// publishing tells others on NATS what the journal says. It has a connection of
// its own, so that what happens while the daemon stops is told too.
type publishing struct {
	h       *house
	metrics *publish.Metrics
	parts   *parts
}

func newPublishing(h *house) *publishing {
	p := &publishing{h: h, metrics: publish.NewMetrics(h.registry), parts: newParts(h.log)}
	p.parts.failed = h.parts.failed
	return p
}

// start publishes as a configuration says; nothing without a NATS. It must be
// called before the responder runs: what is written from here on goes out.
func (p *publishing) start(ctx context.Context, c *config.Config) error {
	if !c.NATS.Configured() {
		p.metrics.Idle()
		return nil
	}
	o := busOptions(c)
	o.Name, o.Clock, o.Logger = "rollbackd events", p.h.o.Clock, p.h.log.Named("events")
	out, err := bus.NewOut(o)
	if err != nil {
		return err
	}
	publisher := publish.New(ctx, publish.Options{
		Bus: out, Journal: p.h.journal, Head: p.h.journal.Head, Path: c.Journal.Path + ".published",
		Prefix: c.NATS.Prefix, Host: hostname(), Environment: p.environment, Links: p.links,
		Metrics: p.metrics, Clock: p.h.o.Clock, Logger: p.h.log.Named("events"),
	})
	p.parts.start(ctx, "events out", func(ctx context.Context) error {
		if err := out.Run(ctx); err != nil {
			p.h.log.Error("events are not published any more until rollbackd is restarted", "err", err)
		}
		<-ctx.Done()
		return nil
	})
	p.parts.start(ctx, "publisher", publisher.Run)
	p.parts.start(ctx, "publisher's alarm", func(ctx context.Context) error { return p.follow(ctx, publisher) })
	return nil
}

// follow wakes the publisher at each new entry.
func (p *publishing) follow(ctx context.Context, publisher *publish.Publisher) error {
	entries, cancel := p.h.responder.Subscribe()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-entries:
			publisher.Poke()
		}
	}
}

func (p *publishing) stop() error { return p.parts.stop() }

// environment is where a service runs, as its vars say; empty where they do not.
func (p *publishing) environment(service string) string {
	s, known := p.h.config.Load().Services[service]
	if !known {
		return ""
	}
	if name := s.Vars["environment"]; name != "" {
		return name
	}
	return s.Vars["env"]
}

// links lead to an incident, where others can reach us.
func (p *publishing) links(id string) publish.Links {
	base := p.h.config.Load().Web.ExternalURL
	if base == "" {
		return publish.Links{}
	}
	page, err := url.JoinPath(base, "incidents", id)
	report, wrong := url.JoinPath(base, "api", "v1", "incidents", id, "report")
	if err != nil || wrong != nil {
		return publish.Links{} // it was checked when the configuration was read
	}
	return publish.Links{Page: page, Report: report + "?format=html"}
}

// hostname is this machine's name among others.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
