package main

import (
	"context"

	"github.com/rollbackd/rollbackd/web"
)

// lookAtReceivers asks which receivers do not take their messages. Without an answer
// the rest of the overview is good all the same.
func (o *overview) lookAtReceivers(ctx context.Context, c *client) {
	if _, err := c.get(ctx, "/api/v1/receivers", &o.Receivers); err != nil {
		o.ReceiversUnknown = err.Error()
	}
}

// receivers says who is not told, and since when.
func (p *page) receivers(o overview) {
	if o.ReceiversUnknown != "" {
		p.line("whether messages wait is not known: %s", plain(o.ReceiversUnknown))
	}
	for _, r := range o.Receivers {
		p.line("%s", p.bold(plain(waitsFor(r))))
	}
}

func waitsFor(r web.ReceiverView) string {
	verb := "wait"
	if r.Waiting == 1 {
		verb = "waits"
	}
	return count(r.Waiting, "message") + " " + verb + " for receiver " + r.Name + " since " + instant(r.Since) + " (" + r.Problem + ")"
}
