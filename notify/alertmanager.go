package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// The alerts' names, and how long they last where nothing resolves them.
const (
	alertIncident = "RollbackdIncident"
	alertPerson   = "RollbackdNeedsPerson"
	// An alert that is not sent again is resolved by Alertmanager, and an incident
	// that is held may say nothing for days: a false all-clear is worse than an
	// alert that outlives a dead daemon.
	incidentLasts = 7 * 24 * time.Hour
	// Nothing says when the daemon's own troubles are over, nor what a closed
	// incident still had to do.
	loneLasts = 4 * time.Hour
)

// AlertmanagerOptions makes an Alertmanager. URLs is needed.
type AlertmanagerOptions struct {
	// URLs are all members of a cluster, each without /api/v2/alerts. They may hold
	// a secret and are never logged.
	URLs []string
	// Labels are added to every alert, unless the service has one of that name. They
	// must not be rollbackd's own.
	Labels map[string]string
	// ExternalURL is rollbackd's own address, for links; empty makes none.
	ExternalURL string
	// Transport carries the requests; nil is Go's default.
	Transport http.RoundTripper
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// Alertmanager keeps an alert for each open incident, and one more while it needs a
// person, by Alertmanager's API v2. It is safe for concurrent use.
type Alertmanager struct {
	options   AlertmanagerOptions
	client    *http.Client
	addresses []string
	settled   settled
}

// labelName is what Alertmanager takes as the name of a label, in all its versions.
func labelName() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`) }

// NewAlertmanager makes a channel to a cluster of Alertmanagers; it fails on
// addresses that cannot be posted to and on labels that Alertmanager would refuse,
// with all of them. It connects to nobody.
func NewAlertmanager(o AlertmanagerOptions) (*Alertmanager, error) {
	a := &Alertmanager{options: o, client: poster(o.Transport)}
	var problems []error
	for i, text := range o.URLs {
		u, err := httpAddress(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("alertmanager: urls[%d]: %w", i, err))
			continue
		}
		a.addresses = append(a.addresses, u.JoinPath("api/v2/alerts").String())
	}
	if len(o.URLs) == 0 {
		problems = append(problems, errors.New("alertmanager: there is no url"))
	}
	pattern := labelName()
	for name := range o.Labels {
		switch {
		case !pattern.MatchString(name):
			problems = append(problems, fmt.Errorf("alertmanager: labels: %q is not a label's name", name))
		case ownLabel(name):
			problems = append(problems, fmt.Errorf("alertmanager: labels: %s is set by rollbackd itself", name))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if a.options.Clock == nil {
		a.options.Clock = clock.New()
	}
	if a.options.Logger == nil {
		a.options.Logger = hclog.NewNullLogger()
	}
	return a, nil
}

func ownLabel(name string) bool {
	switch name {
	case "alertname", "service", "severity", "incident", "mode", "event":
		return true
	}
	return false
}

// Edit is Deliver: Alertmanager bounds by itself what reaches people, and must know
// how things stand.
func (a *Alertmanager) Edit(ctx context.Context, d Delivery) error { return a.Deliver(ctx, d) }

// Deliver sends the alerts of one message to every Alertmanager at once. An alert
// has arrived when one took it: that one tells people, and a member that is gone
// for a day must not look like a failure to tell them. The end of an incident has
// arrived when all took it: a member that missed it would go on telling people.
func (a *Alertmanager) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	alerts := a.alerts(m)
	if len(alerts) == 0 {
		return nil
	}
	err = a.gathered(a.post(ctx, alerts), over(m) && m.Incident != "")
	if err == nil {
		for _, alert := range alerts {
			if alert.resolves {
				a.settled.settle(alert.key(), m.At)
			}
		}
	}
	return err
}

// post sends alerts to all members and returns what each said. They are asked at
// once: one that does not answer must not use up the others' time.
func (a *Alertmanager) post(ctx context.Context, alerts []alert) []error {
	answers := make([]error, len(a.addresses))
	done := make(chan struct{})
	for i, address := range a.addresses {
		go func() {
			_, answers[i] = postJSON(ctx, a.client, a.options.Clock, address, alerts)
			done <- struct{}{}
		}()
	}
	for range a.addresses {
		<-done
	}
	return answers
}

// gathered makes one answer of all: nil where enough members took it.
func (a *Alertmanager) gathered(answers []error, all bool) error {
	whole := &DeliveryError{Refused: true}
	var problems []string
	var first error
	for i, err := range answers {
		if err == nil {
			whole.Refused = false
			continue
		}
		if first == nil {
			first = err
		}
		problem := err.Error()
		if failure, ok := errors.AsType[*DeliveryError](err); ok {
			problem = failure.Problem
			whole.RetryAfter = max(whole.RetryAfter, failure.RetryAfter)
			whole.Refused = whole.Refused && failure.Refused
		} else {
			whole.Refused = false
		}
		problems = append(problems, fmt.Sprintf("%d of %d %s", i+1, len(answers), problem))
	}
	whole.Problem = "alertmanager " + strings.Join(problems, ", alertmanager ")
	switch {
	case len(problems) == 0:
		return nil
	case len(problems) < len(answers) && !all:
		a.options.Logger.Warn("an Alertmanager of the cluster did not take an alert; another has it", "err", whole.Problem)
		return nil
	case len(answers) == 1 && errors.Is(first, context.DeadlineExceeded):
		return first // the outbox says how long it waited
	}
	return whole
}
