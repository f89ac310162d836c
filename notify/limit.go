package notify

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Limit bounds how many messages about one incident a receiver gets: at most Count
// of those made within Within. The zero value bounds nothing.
//
// What people must hear passes in any case: a rollback that begins, a failure, a
// question to a person, broken glass, the end. Reminders leave the last two places to such messages, and
// all others the last one, so that an ordinary incident keeps to Count, its end
// included; and one that keeps failing does not, because silence would be worse.
type Limit struct {
	Count  int
	Within time.Duration
}

// Tally counts the messages of an incident, over restarts.
type Tally interface {
	// Earlier counts the messages about d's incident to d's receiver that came
	// before d: those made after since that were not withheld, and those withheld
	// since the last that was not.
	Earlier(ctx context.Context, d Delivery, since time.Time) (passed, withheld int, err error)
	// Withhold keeps that d will not be told.
	Withhold(ctx context.Context, d Delivery, at time.Time) error
}

// Editor is a Notifier that shows an incident in one place and can bring that up to
// date without calling anybody. Edit does so for a message that is withheld; its
// errors are those of Deliver.
type Editor interface {
	Edit(ctx context.Context, d Delivery) error
}

// Withholds tells whether a message is not told, given by its headline and its event,
// where so many about its incident, made within the limit's time before it, were.
func (l Limit) Withholds(headline, event string, told int) bool {
	return told > l.room(headline, event)
}

// room is how many messages may have come before this one for it to pass.
func (l Limit) room(headline, event string) int {
	switch {
	case l.Count <= 0, headline == "FAILED":
		return math.MaxInt
	}
	switch event {
	case "acting", "approval_needed", "break_glass", "closed":
		return math.MaxInt
	case "escalation", "overdue", "sla_missed":
		return max(l.Count-3, 0)
	}
	return max(l.Count-2, 0)
}

// ration tells whether a message is withheld. One that passes comes back with word
// of those that were not told before it. Who has a place is counted by when
// messages were made, not by when they were delivered: an outage withholds nothing.
func (w *worker) ration(ctx context.Context, d Delivery) (told Delivery, hold bool) {
	limit := w.Limits[w.receiver]
	if w.Tally == nil || limit.Count <= 0 || d.Incident == "" {
		return d, false
	}
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return d, false // the channel will say what is wrong with it
	}
	passed, missing, err := w.Tally.Earlier(ctx, d, d.At.Add(-limit.Within))
	if err != nil {
		w.log.Warn("earlier messages cannot be counted: the limit is not kept", "message", d.ID, "err", err)
		return d, false
	}
	if limit.Withholds(m.Headline, m.Event, passed) {
		return d, true
	}
	if missing > 0 {
		d.Payload = withNotice(d.Payload, m, missing)
	}
	return d, false
}

// edit brings a channel up to date that shows the incident in place.
func (w *worker) edit(ctx context.Context, d Delivery) error {
	if editor, ok := w.notifier.(Editor); ok {
		return editor.Edit(ctx, d)
	}
	return nil
}

// withNotice adds to a message how many before it were withheld.
func withNotice(payload []byte, m Message, missing int) []byte {
	changed, err := rewrite(payload, object{"text": m.Text + "\n" + notice(missing), "withheld": missing})
	if err != nil {
		return payload
	}
	return changed
}

func notice(missing int) string {
	if missing == 1 {
		return "1 earlier message was withheld (rate_limit)."
	}
	return fmt.Sprintf("%d earlier messages were withheld (rate_limit).", missing)
}
