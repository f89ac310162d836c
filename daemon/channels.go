package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	promconfig "github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/notify"
)

// channels make what tells people from what the configuration says of them.
// Making one connects to nobody.
type channels struct {
	clock  clock.Clock
	log    hclog.Logger
	keeper notify.Keeper
	// external is where people reach us; empty where nobody does.
	external string
	// chart draws the evidence of a message; nil draws none.
	chart func(m notify.Message) (svg []byte, ok bool)
	// trial is true for channels that only ever send a test.
	trial bool
}

// of are the channels of one receiver, by the name that messages wait for them
// under. It fails with all that is wrong.
func (c channels) of(r config.Receiver) (map[string]notify.Notifier, error) {
	made := map[string]notify.Notifier{}
	var problems []error
	for _, kind := range r.Channels() {
		n, err := c.one(r, kind)
		if err == nil {
			n, err = c.reworded(r, kind, n)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("receivers.%s.%s: %w", r.Name, kind, err))
			continue
		}
		made[outboxName(r, kind)] = n
	}
	return made, errors.Join(problems...)
}

// outboxName is what messages wait under for a channel of a receiver: the
// receiver's own name, and with several channels that and the channel's.
func outboxName(r config.Receiver, kind string) string {
	if len(r.Channels()) == 1 {
		return r.Name
	}
	return r.Name + "/" + kind
}

// one makes a channel.
func (c channels) one(r config.Receiver, kind string) (notify.Notifier, error) {
	switch kind {
	case "webhook":
		return c.webhook(r.Name, r.Webhook)
	case "slack":
		return c.slack(r.Name, r.Slack)
	case "pagerduty":
		return c.pagerDuty(r.Name, r.PagerDuty)
	case "email":
		return c.email(r.Name, r.Email)
	case "alertmanager":
		return c.alertmanager(r.Name, r.Alertmanager)
	case "exec":
		return notify.NewExec(notify.ExecOptions{Command: r.Exec.Command, Timeout: r.Exec.Timeout, Home: home(), Clock: c.clock})
	case "shoutrrr":
		c.trySecret(r.Name, "address", r.Shoutrrr.URL)
		return notify.NewShoutrrr(notify.ShoutrrrOptions{URL: r.Shoutrrr.URL.Read}), nil
	case "status_page":
		return c.statusPage(r.Name, r.StatusPage)
	}
	return nil, errors.New("this channel is not known here")
}

// reworded gives a channel the receiver's own words, if it has any. What customers
// read is never made from them.
func (c channels) reworded(r config.Receiver, kind string, n notify.Notifier) (notify.Notifier, error) {
	if r.Text == "" || kind == "status_page" {
		return n, nil
	}
	t, err := notify.ParseTemplate(r.Text)
	if err != nil {
		return nil, err
	}
	return &notify.Reworded{Channel: n, Template: t, Clock: c.clock, Logger: c.log, Trial: c.trial}, nil
}

// trySecret warns of a secret that cannot be read: the first message is no time to
// learn it.
func (c channels) trySecret(receiver, what string, ref config.SecretRef) {
	if ref.IsZero() {
		return
	}
	if _, err := ref.Read(); err != nil {
		c.log.Warn("the "+what+" of a receiver cannot be read: it gets no message until it can", "receiver", receiver, "err", err)
	}
}

func transport(name string, o promconfig.HTTPClientConfig) (http.RoundTripper, error) {
	return promconfig.NewRoundTripperFromConfig(o, name)
}

func (c channels) webhook(name string, hook *config.Webhook) (notify.Notifier, error) {
	carry, err := transport(name, hook.HTTP)
	if err != nil {
		return nil, err
	}
	c.trySecret(name, "signing secret", hook.Secret)
	return notify.NewWebhook(notify.WebhookOptions{
		URL: hook.URL, Secret: reader(hook.Secret), Transport: carry, Clock: c.clock, Logger: c.log,
	})
}

func (c channels) slack(name string, s *config.Slack) (notify.Notifier, error) {
	carry, err := transport(name, s.HTTP)
	if err != nil {
		return nil, err
	}
	c.trySecret(name, "bot's token", s.Token)
	c.trySecret(name, "incoming webhook", s.WebhookURL)
	return notify.NewSlack(notify.SlackOptions{
		Token: reader(s.Token), Channel: s.Channel, Keeper: c.keeper, WebhookURL: reader(s.WebhookURL), APIURL: s.APIURL, ExternalURL: c.external,
		Transport: carry, Clock: c.clock, Logger: c.log,
	})
}

func (c channels) pagerDuty(name string, p *config.PagerDuty) (notify.Notifier, error) {
	carry, err := transport(name, p.HTTP)
	if err != nil {
		return nil, err
	}
	c.trySecret(name, "routing key", p.RoutingKey)
	return notify.NewPagerDuty(notify.PagerDutyOptions{
		RoutingKey: reader(p.RoutingKey), URL: p.URL, Source: "rollbackd on " + hostname(), ExternalURL: c.external, Transport: carry, Clock: c.clock, Logger: c.log,
	})
}

func (c channels) alertmanager(name string, a *config.Alertmanager) (notify.Notifier, error) {
	carry, err := transport(name, a.HTTP)
	if err != nil {
		return nil, err
	}
	return notify.NewAlertmanager(notify.AlertmanagerOptions{
		URLs: a.URLs, Labels: a.Labels, ExternalURL: c.external, Transport: carry, Clock: c.clock, Logger: c.log,
	})
}

func (c channels) email(name string, e *config.Email) (notify.Notifier, error) {
	believed, err := authorities(e.CAFile)
	if err != nil {
		return nil, err
	}
	c.trySecret(name, "password", e.Password)
	return notify.NewEmail(notify.EmailOptions{
		Smarthost: e.Smarthost, From: e.From, To: e.To, Username: e.Username, Password: reader(e.Password),
		TLS: notify.MailTLS(e.TLS), TLSConfig: believed, Hello: e.Hello, Chart: c.chart, Logger: c.log, Everybody: c.trial,
	})
}

// authorities are those of the machine and of a file; nil where there is no file.
func authorities(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

func (c channels) statusPage(name string, s *config.StatusPage) (notify.Notifier, error) {
	carry, err := transport(name, s.HTTP)
	if err != nil {
		return nil, err
	}
	c.trySecret(name, "token", s.Token)
	return notify.NewStatusPage(notify.StatusPageOptions{
		URL: s.URL, PageID: s.PageID, ComponentIDs: s.Components, Token: reader(s.Token), Keeper: c.keeper,
		Transport: carry, Clock: c.clock, Logger: c.log,
	})
}
