package notify

import (
	"context"
	"encoding/json"
	"time"
)

// slackThread is an incident's thread, and a message that belongs there.
type slackThread struct {
	slack    *Slack
	call     slackCall
	receiver string
	m        Message
}

// slackRoot is where a thread is, as the Keeper has it.
type slackRoot struct {
	// Channel is the channel's ID, as Slack answered, and To what the configuration
	// called it: an incident whose receiver moves begins a thread there.
	Channel string `json:"channel"`
	To      string `json:"to"`
	TS      string `json:"ts"`
	// First is the message that the root was made of, At that of the newest state
	// it shows.
	First string    `json:"first"`
	At    time.Time `json:"at"`
}

// deliver makes the incident's root with its first message, and replies to it with
// each further one.
func (t slackThread) deliver(ctx context.Context) error {
	root, err := t.root(ctx)
	switch {
	case err != nil:
		return err
	case root.TS == "":
		return t.begin(ctx)
	case root.First == t.m.ID:
		return nil // the root is this message; only the outbox does not know it
	}
	if !t.m.At.Before(root.At) { // an older one, delivered late, is not the state
		err := t.call.update(ctx, root, t.slack.overview(t.m))
		if isGone(err) {
			return t.begin(ctx)
		}
		if err != nil {
			return err
		}
		root.At = t.m.At
	}
	_, err = t.call.post(ctx, root.Channel, root.TS, t.slack.reply(t.m))
	if isGone(err) {
		return t.begin(ctx)
	}
	if err == nil {
		t.keep(ctx, root)
	}
	return err
}

// begin posts a root.
func (t slackThread) begin(ctx context.Context) error {
	root, err := t.call.post(ctx, t.call.channel, "", t.slack.overview(t.m))
	if err != nil {
		return err
	}
	root.To, root.First, root.At = t.call.channel, t.m.ID, t.m.At
	t.keep(ctx, root)
	return nil
}

// edit makes the root show the message's state, and calls nobody.
func (t slackThread) edit(ctx context.Context) error {
	root, err := t.root(ctx)
	if err != nil || root.TS == "" || t.m.At.Before(root.At) {
		return err
	}
	// One that is gone is made again by the next message that is told.
	if err := t.call.update(ctx, root, t.slack.overview(t.m)); err != nil && !isGone(err) {
		return err
	}
	root.At = t.m.At
	t.keep(ctx, root)
	return nil
}

// root is where the thread is; its TS is empty where there is none. What cannot be
// understood is none: a second thread is better than silence.
func (t slackThread) root(ctx context.Context) (slackRoot, error) {
	value, err := t.slack.options.Keeper.Kept(ctx, t.receiver, t.m.Incident)
	var root slackRoot
	if unread := json.Unmarshal([]byte(value), &root); unread != nil || root.To != t.call.channel {
		root = slackRoot{}
	}
	return root, err
}

// keep remembers a thread. What was posted is posted: where that cannot be kept,
// the next message begins a thread of its own, and this one is not told again.
func (t slackThread) keep(ctx context.Context, root slackRoot) {
	value, err := json.Marshal(root)
	if err == nil {
		err = t.slack.options.Keeper.Keep(context.WithoutCancel(ctx), t.receiver, t.m.Incident, string(value))
	}
	if err != nil {
		t.slack.options.Logger.Warn("an incident's thread in Slack cannot be kept: its next message begins another", "receiver", t.receiver,
			"incident", t.m.Incident, "err", err)
	}
}
