package daemon

import (
	"cmp"
	"context"
	"strings"

	"github.com/rollbackd/rollbackd/web"
)

// receiversView are the receivers that messages wait for: those that did not take
// one, and those that nobody delivers to. What was made a moment ago and is on its
// way to a receiver that answers is none of them.
func (h *house) receiversView(ctx context.Context) ([]web.ReceiverView, error) {
	backlogs, err := h.journal.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	c := h.config.Load()
	waiting := []web.ReceiverView{}
	for _, b := range backlogs {
		problem := strings.TrimPrefix(cmp.Or(b.LastError, "it does not take them"), "post: ")
		switch {
		case !h.tellers.delivers(c, b.Receiver):
			problem = "it is not in the configuration"
		case !b.Failed:
			continue
		}
		waiting = append(waiting, web.ReceiverView{Name: b.Receiver, Waiting: b.Messages, Since: b.Since, Problem: problem})
	}
	return waiting, nil
}
