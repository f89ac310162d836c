package notify

import (
	"context"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// Reworded delivers messages in a user's own words: the channel gets them with the
// first line and text that a template makes. It is safe for concurrent use.
type Reworded struct {
	// Channel, Template, Clock and Logger are needed.
	Channel  Notifier
	Template *Template
	Clock    clock.Clock
	Logger   hclog.Logger
	// Trial is true where all messages are tests: each is marked as one, whatever
	// the template says.
	Trial bool
}

// Deliver hands the message on in the template's words. Where the template fails it
// goes out in rollbackd's own, with a line that says so: no message is lost by it.
func (r *Reworded) Deliver(ctx context.Context, d Delivery) error {
	return r.Channel.Deliver(ctx, r.reword(d))
}

// Edit is the channel's, where it shows an incident in one place.
func (r *Reworded) Edit(ctx context.Context, d Delivery) error {
	if editor, ok := r.Channel.(Editor); ok {
		return editor.Edit(ctx, r.reword(d))
	}
	return nil
}

// Patience is the channel's.
func (r *Reworded) Patience() time.Duration {
	if patient, ok := r.Channel.(Patient); ok {
		return patient.Patience()
	}
	return DefaultTimeout
}

// reword gives a delivery the template's words. A payload that is no message is left
// alone: the channel says what is wrong with it.
func (r *Reworded) reword(d Delivery) Delivery {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return d
	}
	said := m
	if m.Withheld > 0 { // it is said at the end, whatever the template takes from the text
		said.Text = strings.TrimSuffix(m.Text, "\n"+notice(m.Withheld))
	}
	first, text, err := r.Template.Say(said, r.Clock.Now())
	if err != nil {
		r.Logger.Error("the template of a receiver fails: the message goes out in rollbackd's own words", "receiver", d.Receiver, "message", d.ID, "err", err)
		first, text = m.FirstLine, m.Text+"\n(The template of this receiver failed: "+err.Error()+". These are rollbackd's own words.)"
	} else if m.Withheld > 0 {
		text += "\n" + notice(m.Withheld)
	}
	if r.Trial {
		first, text = markTrial(first, text)
	}
	payload, err := rewrite(d.Payload, object{"first_line": first, "text": text})
	if err != nil {
		return d
	}
	d.Payload = payload
	return d
}

// markTrial puts TEST in front of a message's first line, which text begins with.
func markTrial(first, text string) (markedFirst, markedText string) {
	if strings.HasPrefix(first, "TEST ") {
		return first, text
	}
	marked := oneLine("TEST " + first)
	return marked, marked + strings.TrimPrefix(text, first)
}
