package config

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// Client are the HTTP client options of one channel, as Prometheus has them.
type Client struct {
	HTTP promconfig.HTTPClientConfig

	// http are the options as they were written.
	http map[string]any
}

func (t *table) client() Client {
	var c Client
	c.HTTP, c.http = t.httpClient("http")
	return c
}

// Webhook is an address that gets the incident as JSON.
type Webhook struct {
	URL string
	// Secret signs the messages; zero leaves them unsigned.
	Secret SecretRef
	Client
}

// Slack is a channel there, by a bot's token, or an incoming webhook. Either Token
// and Channel are set or WebhookURL is.
type Slack struct {
	Token SecretRef
	// Channel is a channel's ID or its name with #.
	Channel    string
	WebhookURL SecretRef
	// APIURL is empty for Slack's own.
	APIURL string
	Client
}

// PagerDuty is a service there, by the routing key of its Events v2 integration.
type PagerDuty struct {
	RoutingKey SecretRef
	// URL is where events are posted to; empty is PagerDuty's own.
	URL string
	Client
}

// Alertmanager is a cluster of them: each is told.
type Alertmanager struct {
	URLs []string
	// Labels are added to each alert.
	Labels map[string]string
	Client
}

// ReceiverExec is a program that gets each message on standard input.
type ReceiverExec struct {
	// Command is the program and its arguments, never a shell's line.
	Command []string
	// Timeout is how long it may take, for the time until it is ended.
	Timeout time.Duration
}

// Shoutrrr is any service that shoutrrr knows, by its URL, which holds tokens.
type Shoutrrr struct {
	URL SecretRef
}

// StatusPage is a page for customers, in the form of Atlassian Statuspage.
type StatusPage struct {
	// URL is the API's address; empty is Atlassian's own.
	URL        string
	PageID     string
	Components []string
	Token      SecretRef
	Client
}

// Secrets are all secrets that a receiver's channels use, and the HTTP clients that
// may have more of them.
func (r Receiver) Secrets() (own []SecretRef, clients []Client) {
	if r.Webhook != nil {
		own, clients = append(own, r.Webhook.Secret), append(clients, r.Webhook.Client)
	}
	if r.Slack != nil {
		own, clients = append(own, r.Slack.Token, r.Slack.WebhookURL), append(clients, r.Slack.Client)
	}
	if r.PagerDuty != nil {
		own, clients = append(own, r.PagerDuty.RoutingKey), append(clients, r.PagerDuty.Client)
	}
	if r.Email != nil {
		own = append(own, r.Email.Password)
	}
	if r.Alertmanager != nil {
		clients = append(clients, r.Alertmanager.Client)
	}
	if r.Shoutrrr != nil {
		own = append(own, r.Shoutrrr.URL)
	}
	if r.StatusPage != nil {
		own, clients = append(own, r.StatusPage.Token), append(clients, r.StatusPage.Client)
	}
	return own, clients
}

func readWebhook(receiver *table) *Webhook {
	t := receiver.sub("webhook", "[receivers.NAME.webhook]")
	if t == nil {
		return nil
	}
	w := &Webhook{URL: t.url("url", "http", "https"), Secret: t.secret("secret")}
	t.must("url", "")
	if _, inline := t.vals["secret"]; w.Secret.IsZero() && !inline {
		t.warnf(t.path, "messages will not be signed: write secret_file, so that the other side can tell who sent them")
	}
	w.Client = t.client()
	t.done()
	return w
}

func readSlack(receiver *table) *Slack {
	t := receiver.sub("slack", "[receivers.NAME.slack]")
	if t == nil {
		return nil
	}
	s := &Slack{
		Token: t.secret("token"), Channel: t.str("channel", ""), WebhookURL: t.secret("webhook_url"),
		APIURL: t.url("api_url", "http", "https"), Client: t.client(),
	}
	hook := !s.WebhookURL.IsZero()
	switch {
	case hook && !s.Token.IsZero():
		t.errorf(t.key("webhook_url_file"), "the bot's token and an incoming webhook are two ways into Slack: keep one (only the token can edit messages in place)")
	case hook && s.Channel != "":
		t.errorf(t.key("channel"), "an incoming webhook has a channel of its own: leave this out")
	case hook && s.APIURL != "":
		t.errorf(t.key("api_url"), "an incoming webhook is an address of its own: leave this out")
	case !hook:
		t.needsBot(s)
	}
	t.done()
	return s
}

// needsBot reports what a bot in Slack lacks. An incoming webhook that stands in
// the file is reported as that, and asks for no bot.
func (t *table) needsBot(s *Slack) {
	if _, inline := t.vals["webhook_url"]; inline {
		return
	}
	t.needsSecret("token", ` (or "webhook_url_file", the address of an incoming webhook)`)
	if !s.Token.IsZero() && s.Channel == "" && !t.has("channel") {
		t.missing("channel", "")
	}
}

func readPagerDuty(receiver *table) *PagerDuty {
	t := receiver.sub("pagerduty", "[receivers.NAME.pagerduty]")
	if t == nil {
		return nil
	}
	p := &PagerDuty{RoutingKey: t.secret("routing_key"), URL: t.url("url", "http", "https"), Client: t.client()}
	t.checkEnqueue(t.key("url"), p.URL)
	t.needsSecret("routing_key", "")
	t.done()
	return p
}

// checkEnqueue wants the path of the Events API, or none: from it follow the
// addresses of events and of changes.
func (w *walk) checkEnqueue(at *path, text string) {
	u, err := url.Parse(text)
	if err != nil || strings.Trim(u.Path, "/") == "" || strings.HasSuffix(u.Path, "/enqueue") {
		return // what is no address is said already
	}
	w.errorf(at, "its path must end in /enqueue, as the Events API's does: write https://HOST/v2/enqueue, or the host alone")
}

// needsSecret reports a secret that is neither in a file nor in a variable; one
// that stands in the file itself is reported as that, once.
func (t *table) needsSecret(name, hint string) {
	if _, inline := t.vals[name]; !inline && !t.has(name+"_file") && !t.has(name+"_env") {
		t.missing(name+"_file", hint)
	}
}

func readAlertmanager(receiver *table) *Alertmanager {
	t := receiver.sub("alertmanager", "[receivers.NAME.alertmanager]")
	if t == nil {
		return nil
	}
	a := &Alertmanager{URLs: t.strings("urls"), Labels: t.alertLabels("labels"), Client: t.client()}
	for i, u := range a.URLs {
		t.checkURL(t.key("urls").index(i), u, "http", "https")
	}
	one := t.url("url", "http", "https")
	switch {
	case t.has("url") && t.has("urls"):
		t.errorf(t.key("urls"), "url and urls say the same thing: keep one")
	case t.has("url"):
		a.URLs = []string{one}
	case len(a.URLs) == 0:
		t.missing("url", "")
	}
	t.done()
	return a
}

func (t *table) alertLabels(key string) map[string]string {
	s := t.sub(key, "")
	if s == nil {
		return nil
	}
	s.each(object{"type": "string"})
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.vals)) {
		value, text := s.vals[name].(string)
		switch {
		case !text:
			t.errorf(s.key(name), "want a string, not %s", typeName(s.vals[name]))
		case !model.LegacyValidation.IsValidLabelName(name):
			t.errorf(s.key(name), "a label's name is a letter or '_', then letters, digits and '_'")
		case slices.Contains(ownLabels(), name):
			t.errorf(s.key(name), "rollbackd sets this label itself")
		default:
			out[name] = value
		}
	}
	return out
}

// execTimeout is how long a receiver's program may take by default. An attempt at
// a message is bounded by the outbox, too.
const execTimeout = 5 * time.Second

func readReceiverExec(receiver *table) *ReceiverExec {
	t := receiver.sub("exec", "[receivers.NAME.exec]")
	if t == nil {
		return nil
	}
	e := &ReceiverExec{Command: t.strings("command"), Timeout: t.duration("timeout", execTimeout)}
	switch {
	case !t.must("command", ""):
	case len(e.Command) == 0 || e.Command[0] == "":
		t.errorf(t.key("command"), "must name a program")
	case strings.Contains(e.Command[0], "/") && !filepath.IsAbs(e.Command[0]):
		t.errorf(t.key("command").index(0), "want an absolute path, or a name that is on the path, not %q", e.Command[0])
	case killsDaemon(e.Command):
		t.errorf(t.key("command"), "would stop rollbackd itself")
	}
	t.done()
	return e
}

func readShoutrrr(receiver *table) *Shoutrrr {
	t := receiver.sub("shoutrrr", "[receivers.NAME.shoutrrr]")
	if t == nil {
		return nil
	}
	s := &Shoutrrr{URL: t.secret("url")}
	if _, inline := t.vals["url"]; inline {
		t.known["url"] = true
		t.errorf(t.key("url"), "a secret may not stand in the file, and shoutrrr's addresses hold tokens: write url_file or url_env, the place where it is kept")
	}
	t.needsSecret("url", ": shoutrrr's addresses hold tokens, so they are kept in a file")
	t.done()
	return s
}

func readStatusPage(receiver *table) *StatusPage {
	t := receiver.sub("status_page", "[receivers.NAME.status_page]")
	if t == nil {
		return nil
	}
	s := &StatusPage{
		URL: t.url("url", "http", "https"), PageID: t.str("page_id", ""), Components: t.strings("component_ids"),
		Token: t.secret("token"), Client: t.client(),
	}
	t.must("page_id", "")
	t.needsSecret("token", "")
	t.done()
	return s
}
