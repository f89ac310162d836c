package daemon

import "context"

// feed hands the entries that become durable from here on to those who follow them
// on the web. Incidents are counted beforehand, so that nobody waits for it who
// opens the history.
func (h *house) feed() func(ctx context.Context) error {
	entries, cancel := h.responder.Subscribe()
	return func(ctx context.Context) error {
		defer cancel()
		if err := h.history.catchUp(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("the incidents cannot be counted: there are no statistics", "err", err)
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case e := <-entries:
				h.events.Publish(ctx, e.Seq, e.Entry)
			}
		}
	}
}
