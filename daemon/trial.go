package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// Tried is what came of a test message to one channel.
type Tried struct {
	// Channel is the receiver's name, and with several channels that and the
	// channel's.
	Channel string
	// Err is why the channel did not take it; it holds no secret. Note is more to
	// say where it did, or was left out.
	Err  error
	Note string
}

// Try sends a test message to a receiver by each of its channels, or by the one that
// is named as messages wait for it (NAME/CHANNEL), one attempt each,
// without a daemon or a journal. What a channel keeps open is closed again; what
// customers would read is not sent. It fails where the receiver does not exist or a
// channel cannot be made.
func Try(ctx context.Context, c *config.Config, receiver string, cl clock.Clock, log hclog.Logger) ([]Tried, error) {
	receiver, only, _ := strings.Cut(receiver, "/")
	r, known := c.Receivers[receiver]
	if !known {
		return nil, fmt.Errorf("there is no receiver %q: there is %s", receiver, listed(slices.Sorted(maps.Keys(c.Receivers))))
	}
	if only != "" && !slices.Contains(r.Channels(), only) {
		return nil, fmt.Errorf("receiver %s has no channel %q: it has %s", receiver, only, listed(r.Channels()))
	}
	// What cannot be read shows as the channel's error: one line is enough.
	kinds := channels{clock: cl, log: hclog.NewNullLogger(), keeper: &shelf{kept: map[string]string{}}, external: c.Web.ExternalURL, trial: true}
	made, err := kinds.of(r)
	if err != nil {
		return nil, err
	}
	begin, end := notify.TrialMessages(receiver, cl.Now())
	var all []Tried
	for _, kind := range r.Channels() {
		if only != "" && kind != only {
			continue
		}
		one := Tried{Channel: outboxName(r, kind)}
		t := trial{clock: cl, channel: made[one.Channel], name: one.Channel}
		switch kind {
		case "status_page":
			found, why := reachChannel(ctx, r, kind)
			one.Note = "no message was sent, because customers would read it; " + why
			if found == incident.FindingProblem {
				one.Note, one.Err = "", errors.New(why)
			}
		case "pagerduty", "alertmanager":
			if one.Err = t.send(ctx, begin); one.Err == nil {
				one.Note, one.Err = "and resolved again", t.close(ctx, end)
			}
		default:
			one.Err = t.send(ctx, begin)
		}
		if one.Err != nil {
			one.Err = hiddenError{one.Err, hide(one.Err.Error(), c, nil)}
		}
		log.Debug("test message", "channel", one.Channel, "err", one.Err)
		all = append(all, one)
	}
	return all, nil
}

// hiddenError is an error whose text holds no secret any more.
type hiddenError struct {
	error
	text string
}

// Error is the text without secrets.
func (e hiddenError) Error() string { return e.text }

// Unwrap is the error as it was, to be judged and not to be shown.
func (e hiddenError) Unwrap() error { return e.error }

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// trial is one channel being tried.
type trial struct {
	clock   clock.Clock
	channel notify.Notifier
	name    string
}

// send makes one attempt, bounded as the outbox bounds it.
func (t trial) send(ctx context.Context, m notify.Message) error {
	payload, err := m.Payload()
	if err != nil {
		return err
	}
	within := notify.DefaultTimeout
	if patient, ok := t.channel.(notify.Patient); ok {
		within = patient.Patience()
	}
	bounded, cancel := t.clock.WithTimeout(ctx, within)
	defer cancel()
	err = t.channel.Deliver(bounded, notify.Delivery{ID: m.ID, Receiver: t.name, Incident: m.Incident, At: m.At, Payload: payload})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", within)
	}
	return err
}

// close ends what the test opened.
func (t trial) close(ctx context.Context, m notify.Message) error {
	if err := t.send(ctx, m); err != nil {
		return fmt.Errorf("it took the test and not its end, so that the test is still open there: resolve %s by hand: %w", m.Incident, err)
	}
	return nil
}

// shelf remembers threads for as long as a test takes.
type shelf struct {
	mu   sync.Mutex
	kept map[string]string
}

// Keep implements notify.Keeper.
func (s *shelf) Keep(_ context.Context, receiver, incident, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[receiver+"\x00"+incident] = value
	return nil
}

// Kept implements notify.Keeper.
func (s *shelf) Kept(_ context.Context, receiver, incident string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[receiver+"\x00"+incident], nil
}
