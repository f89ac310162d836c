package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/slack-go/slack"
)

// SlackOptions makes a Slack. Either WebhookURL is set, or Token, Channel and
// Keeper are.
type SlackOptions struct {
	// Token reads a bot's token (xoxb-…) with the scope chat:write. It is called at
	// each use, so that a new one counts at once; its errors must not hold any of it.
	Token func() (string, error)
	// Channel is a channel's ID, or its name with #, in which the bot is a member.
	Channel string
	// Keeper remembers the thread of each incident.
	Keeper Keeper
	// WebhookURL reads the address of an incoming webhook, which is a secret.
	WebhookURL func() (string, error)
	// APIURL is where Slack's methods are; empty is Slack's own.
	APIURL string
	// ExternalURL is the daemon's own address, for links to the page and the report;
	// without one, the address in a message's text is linked.
	ExternalURL string
	// Transport carries the requests; nil is Go's default.
	Transport http.RoundTripper
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// Slack shows each incident as one thread. Its root is edited in place and always
// shows the newest state; each further message is a reply, which the whole channel
// sees only where something failed or nobody came. With an incoming webhook, which
// can do neither, each message stands alone. It is safe for concurrent use.
type Slack struct {
	options SlackOptions
	client  *http.Client
}

// NewSlack makes a Slack; it fails where something it needs is missing.
func NewSlack(o SlackOptions) (*Slack, error) {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.WebhookURL != nil {
		return &Slack{options: o, client: poster(o.Transport)}, nil
	}
	if o.Token == nil || o.Channel == "" || o.Keeper == nil {
		return nil, errors.New("slack: want token_file and channel, or webhook_url_file")
	}
	if o.APIURL == "" {
		o.APIURL = slack.APIURL
	}
	if _, err := httpAddress(o.APIURL); err != nil {
		return nil, fmt.Errorf("slack: api_url: %w", err)
	}
	o.APIURL = strings.TrimSuffix(o.APIURL, "/") + "/"
	return &Slack{options: o, client: poster(judged{next: o.Transport, clock: o.Clock})}, nil
}

// Deliver posts one message.
func (s *Slack) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	if s.options.WebhookURL != nil {
		return s.hook(ctx, m)
	}
	c, err := s.call()
	if err != nil {
		return err
	}
	if m.Incident == "" {
		_, err := c.post(ctx, s.options.Channel, "", s.letter(m))
		return err
	}
	return slackThread{s, c, d.Receiver, m}.deliver(ctx)
}

// Edit brings the root of the incident's thread up to date, if there is one.
func (s *Slack) Edit(ctx context.Context, d Delivery) error {
	if s.options.WebhookURL != nil {
		return nil // there is nothing to edit
	}
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	c, err := s.call()
	if err != nil {
		return err
	}
	return slackThread{s, c, d.Receiver, m}.edit(ctx)
}
