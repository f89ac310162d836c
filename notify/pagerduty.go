package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// PagerDutyURL is where events go where PagerDutyOptions name no other place.
const PagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// PagerDutyOptions makes a PagerDuty. RoutingKey is needed.
type PagerDutyOptions struct {
	// RoutingKey reads the integration key. It is called at each use, so that a new
	// key counts at once; its errors must not hold any of it.
	RoutingKey func() (string, error)
	// URL is where events go; empty is PagerDutyURL. Change events go to its
	// neighbour, …/change/enqueue. It is never logged.
	URL string
	// ExternalURL is rollbackd's own address, for links; empty makes none.
	ExternalURL string
	// Source names this rollbackd in messages about itself; empty is "rollbackd".
	Source string
	// Transport carries the requests; nil is Go's default.
	Transport http.RoundTripper
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// PagerDuty sends events by PagerDuty's Events API v2: what needs a person triggers,
// each kind of need under a key of its own, and resolves when the need is over. It
// never acknowledges: that word is a person's. A rollback's start and its verified
// end are change events. It is safe for concurrent use.
type PagerDuty struct {
	options PagerDutyOptions
	client  *http.Client
	changes string // where change events go
	settled settled
	unloved sync.Once
}

// NewPagerDuty makes a channel to PagerDuty; it fails on a URL that cannot be
// posted to. It connects to nobody.
func NewPagerDuty(o PagerDutyOptions) (*PagerDuty, error) {
	if o.URL == "" {
		o.URL = PagerDutyURL
	}
	u, err := httpAddress(o.URL)
	if err != nil {
		return nil, fmt.Errorf("pagerduty: %w", err)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v2/enqueue" // the address of another region, without the path
	}
	head, found := strings.CutSuffix(u.Path, "/enqueue")
	if !found {
		return nil, errors.New("pagerduty: the path of url does not end in /enqueue, as the Events API's does (/v2/enqueue)")
	}
	o.URL = u.String()
	u.Path = head + "/change/enqueue"
	if o.Source == "" {
		o.Source = "rollbackd"
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return &PagerDuty{options: o, client: poster(o.Transport), changes: u.String()}, nil
}

// pagerPatience is for six requests, one after the other.
const pagerPatience = 15 * time.Second

// Patience is how long an attempt may take: a message is several requests.
func (p *PagerDuty) Patience() time.Duration { return pagerPatience }

// Edit is Deliver: PagerDuty bounds by key what reaches people, and a key that was
// not resolved would go on calling them.
func (p *PagerDuty) Edit(ctx context.Context, d Delivery) error { return p.Deliver(ctx, d) }

// Deliver sends the events of one message, what pages first. Several requests may
// be needed; all but a change event have a dedup key, so that it does no harm to
// send them again after one of them failed.
func (p *PagerDuty) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	key, err := readSecret("routing key", p.options.RoutingKey)
	if err != nil {
		return err
	}
	for _, t := range p.triggers(m) {
		if p.settled.before(t.DedupKey, m.At) {
			p.options.Logger.Debug("a message came too late to page: a later one has resolved it", "message", d.ID)
			continue
		}
		if err := p.send(ctx, p.options.URL, key, t); err != nil {
			return err
		}
	}
	for _, dedup := range resolves(m) {
		if err := p.send(ctx, p.options.URL, key, pagerEvent{Action: "resolve", DedupKey: dedup}); err != nil {
			return err
		}
		p.settled.settle(dedup, m.At)
	}
	return p.change(ctx, key, m)
}

// change sends the change event of a message that is one. An answer that PagerDuty
// does not want it costs a log line and no more: people were told.
func (p *PagerDuty) change(ctx context.Context, key string, m Message) error {
	e, ok := p.changeEvent(m)
	if !ok {
		return nil
	}
	err := p.send(ctx, p.changes, key, e)
	if failure, ok := errors.AsType[*DeliveryError](err); ok && failure.Refused {
		p.unloved.Do(func() {
			p.options.Logger.Warn("PagerDuty does not take change events; incidents are not affected", "err", err)
		})
		return nil
	}
	return err
}

// send posts one event. Its errors hold no routing key, not even one that the
// answer repeats.
func (p *PagerDuty) send(ctx context.Context, address, key string, e pagerEvent) error {
	e.RoutingKey = key
	answer, err := postJSON(ctx, p.client, p.options.Clock, address, e)
	failure, ok := errors.AsType[*DeliveryError](err)
	if !ok {
		return err
	}
	var said struct {
		Errors []string `json:"errors"`
	}
	if failure.Refused && json.Unmarshal(answer, &said) == nil && len(said.Errors) > 0 {
		head, _, _ := strings.Cut(failure.Problem, ":")
		failure.Problem = head + excerpt([]byte(strings.Join(said.Errors, "; ")))
	}
	failure.Problem = "pagerduty " + strings.ReplaceAll(failure.Problem, key, "<routing key>")
	return failure
}
