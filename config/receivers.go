package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Receiver is one of [receivers]: somebody to tell, by at least one channel. A
// channel that is nil is not written.
type Receiver struct {
	Name string

	Webhook      *Webhook
	Slack        *Slack
	PagerDuty    *PagerDuty
	Email        *Email
	Alertmanager *Alertmanager
	Exec         *ReceiverExec
	Shoutrrr     *Shoutrrr
	StatusPage   *StatusPage

	// Severities are those this receiver is told about; empty means all.
	Severities []trigger.Severity
	// Events are words of incident.Events it is told about; empty means all.
	Events []string
	// Escalation is the level of escalation from which on it is told; zero is at
	// once.
	Escalation int
	// Limit is how many messages of one incident it gets.
	Limit RateLimit
	// Text is the template of the messages; empty is rollbackd's own words.
	Text string

	at *path
}

// RateLimit bounds the messages of one incident: at most Count within Within. The
// zero value bounds nothing.
type RateLimit struct {
	Count  int
	Within time.Duration
}

// String is the limit as it is written.
func (l RateLimit) String() string {
	if l.Count == 0 {
		return noLimit
	}
	return budget{count: l.Count, within: l.Within}.String()
}

// noLimit is written for a receiver that gets every message.
const noLimit = "none"

func parseLimit(text string) (RateLimit, error) {
	if text == noLimit {
		return RateLimit{}, nil
	}
	b, err := parseBudget(text)
	if err != nil {
		return RateLimit{}, fmt.Errorf("%w, or %q", err, noLimit)
	}
	return RateLimit{Count: b.count, Within: b.within}, nil
}

func readReceivers(root *table) map[string]Receiver {
	out := map[string]Receiver{}
	root.names("receivers", "[receivers.NAME]", func(name string, t *table) {
		out[name] = readReceiver(name, t)
	})
	return out
}

func readReceiver(name string, t *table) Receiver {
	r := Receiver{
		Name: name, Events: t.events("events"), Escalation: t.integer("escalation", 0, 0), at: t.path,
		Webhook: readWebhook(t), Slack: readSlack(t), PagerDuty: readPagerDuty(t), Email: readEmail(t),
		Alertmanager: readAlertmanager(t), Exec: readReceiverExec(t), Shoutrrr: readShoutrrr(t), StatusPage: readStatusPage(t),
		Limit: fieldValue(t, "rate_limit", `a limit such as "6 in 4h"`, parseLimit, RateLimit{Count: 6, Within: 4 * time.Hour}),
		Text:  t.receiverText(),
	}
	severities := t.strings("severities")
	t.items("severities", object{"enum": severityWords()})
	for i, word := range severities {
		s, err := trigger.ParseSeverity(word)
		if err != nil {
			t.errorf(t.key("severities").index(i), "unknown severity %q%s", word, meant(word, severityWords()))
			continue
		}
		r.Severities = append(r.Severities, s)
	}
	if !slices.ContainsFunc(channels(), t.has) {
		t.missing("webhook", " (or "+orList(channels()[1:])+"): this receiver would tell nobody")
	}
	t.done()
	return r
}

// channels are the keys of the ways to tell somebody, in the order in which a
// receiver that has several is told.
func channels() []string {
	return []string{"webhook", "slack", "pagerduty", "email", "alertmanager", "exec", "shoutrrr", "status_page"}
}

// Channels are the keys of the channels that a receiver has, in the order in
// which they are told.
func (r Receiver) Channels() []string {
	has := map[string]bool{
		"webhook": r.Webhook != nil, "slack": r.Slack != nil, "pagerduty": r.PagerDuty != nil, "email": r.Email != nil,
		"alertmanager": r.Alertmanager != nil, "exec": r.Exec != nil, "shoutrrr": r.Shoutrrr != nil, "status_page": r.StatusPage != nil,
	}
	return slices.DeleteFunc(channels(), func(channel string) bool { return !has[channel] })
}

// Pages tells whether a channel of the receiver can make somebody look at once: all
// but e-mail, which waits to be read, and a page for customers.
func (r Receiver) Pages() bool {
	return slices.ContainsFunc(r.Channels(), func(channel string) bool { return channel != "email" && channel != "status_page" })
}

// events reads a list of the brain's words for what happens. One that is not
// known would leave the receiver silent for ever.
func (t *table) events(key string) []string {
	words := t.strings(key)
	t.items(key, object{"enum": incident.Events()})
	for i, word := range words {
		if slices.Contains(incident.Events(), word) {
			continue
		}
		hint := meant(word, incident.Events())
		if hint == "" {
			hint = " (want " + orList(incident.Events()) + ")"
		}
		t.errorf(t.key(key).index(i), "unknown event %q%s", word, hint)
	}
	return words
}

// Wants tells whether a receiver that is addressed is told of a message: its
// severities, events and level of escalation say so, and where it names none it
// wants all. A message about the daemon itself has no severity. One for everybody
// goes to each receiver, whatever it asks for.
func (r Receiver) Wants(severity trigger.Severity, event string, level int, everybody bool) bool {
	severe := len(r.Severities) == 0 || severity == 0 || slices.Contains(r.Severities, severity)
	wanted := len(r.Events) == 0 || slices.Contains(r.Events, event)
	return everybody || severe && wanted && level >= r.Escalation
}
