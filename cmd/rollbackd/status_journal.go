package main

import (
	"context"

	"github.com/rollbackd/rollbackd/web"
)

// lookAtJournal asks whether the journal can be written. Without an answer the rest
// of the overview is good all the same.
func (o *overview) lookAtJournal(ctx context.Context, c *client) {
	var v web.JournalView
	if _, err := c.get(ctx, "/api/v1/journal", &v); err != nil {
		o.JournalUnknown = err.Error()
		return
	}
	o.Journal = &v
}

// stuck tells whether nothing new can begin, because it could not be written down.
func (o *overview) stuck() bool { return o.Journal != nil && o.Journal.State == web.JournalFailing }

// journal says what is wrong with the journal, and what helps.
func (p *page) journal(o overview) {
	if o.JournalUnknown != "" {
		p.line("the journal's state is not known: %s", plain(o.JournalUnknown))
	}
	if o.Journal == nil || o.Journal.Problem == "" {
		return
	}
	text := o.Journal.Problem
	if !o.Journal.Since.IsZero() {
		text += ", since " + instant(o.Journal.Since)
	}
	p.line("%s", p.bold(plain(text)))
	p.line("  %s", plain(o.Journal.ToDo))
}
