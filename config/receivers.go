package config

import (
	"slices"

	promconfig "github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Receiver is one of [receivers]: somebody to tell.
type Receiver struct {
	Name string
	// Webhook is nil without one.
	Webhook *Webhook
	// Severities are those this receiver is told about; empty means all.
	Severities []trigger.Severity
	// Events are words of incident.Events it is told about; empty means all.
	Events []string
	// Escalation is the level of escalation from which on it is told; zero is at
	// once.
	Escalation int

	at *path
}

// Webhook is an address that gets the incident as JSON.
type Webhook struct {
	URL string
	// Secret signs the messages; zero leaves them unsigned.
	Secret SecretRef
	HTTP   promconfig.HTTPClientConfig

	// http are the options as they were written.
	http map[string]any
}

func readReceivers(root *table) map[string]Receiver {
	out := map[string]Receiver{}
	root.names("receivers", "[receivers.NAME]", func(name string, t *table) {
		out[name] = readReceiver(name, t)
	})
	return out
}

func readReceiver(name string, t *table) Receiver {
	r := Receiver{Name: name, Webhook: readWebhook(t), Events: t.events("events"), Escalation: t.integer("escalation", 0, 0), at: t.path}
	for i, word := range t.strings("severities") {
		s, err := trigger.ParseSeverity(word)
		if err != nil {
			t.errorf(t.key("severities").index(i), "unknown severity %q%s", word, meant(word, severityWords()))
			continue
		}
		r.Severities = append(r.Severities, s)
	}
	later := []string{"slack", "pagerduty", "email", "alertmanager", "exec", "shoutrrr"}
	t.later(later...)
	channel := t.has("webhook")
	for _, k := range later {
		channel = channel || t.has(k)
	}
	if !channel {
		t.missing("webhook", ": this receiver would tell nobody")
	}
	t.done()
	return r
}

// events reads a list of the brain's words for what happens. One that is not
// known would leave the receiver silent for ever.
func (t *table) events(key string) []string {
	words := t.strings(key)
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

func readWebhook(receiver *table) *Webhook {
	t := receiver.sub("webhook", "[receivers.NAME.webhook]")
	if t == nil {
		return nil
	}
	w := &Webhook{URL: t.url("url", "http", "https"), Secret: t.secret("secret")}
	if !t.has("url") {
		t.missing("url", "")
	}
	if _, inline := t.vals["secret"]; w.Secret.IsZero() && !inline {
		t.warnf(t.path, "messages will not be signed: write secret_file, so that the other side can tell who sent them")
	}
	w.HTTP, w.http = t.httpClient("http")
	t.done()
	return w
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
