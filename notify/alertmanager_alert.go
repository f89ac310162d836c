package notify

import (
	"maps"
	"time"
)

// alert is one as Alertmanager's API v2 takes it.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`               //nolint:tagliatelle // Alertmanager's word
	EndsAt       time.Time         `json:"endsAt"`                 //nolint:tagliatelle // Alertmanager's word
	GeneratorURL string            `json:"generatorURL,omitempty"` //nolint:tagliatelle // Alertmanager's word

	resolves bool
}

// key tells alerts of one Alertmanager channel apart; its own labels do not change.
func (a alert) key() string {
	return a.Labels["alertname"] + "\x00" + a.Labels["incident"] + "\x00" + a.Labels["severity"] + "\x00" + a.Labels["event"]
}

// alerts are what a message says, without what a later one has resolved already.
func (a *Alertmanager) alerts(m Message) []alert {
	all := a.told(m)
	kept := all[:0]
	for _, one := range all {
		if one.resolves || !a.settled.before(one.key(), m.At) {
			kept = append(kept, one)
		}
	}
	return kept
}

// told are a message's alerts. No label may change while an incident is open: with
// another label it would be another alert, and the first would stay. Severity can
// rise, and receivers route by it; so the alert of every lower one is resolved.
func (a *Alertmanager) told(m Message) []alert {
	if m.Incident == "" {
		return []alert{a.firing(m, alertPerson, lastsOf(m))}
	}
	var all []alert
	for _, severity := range severitiesOf(m) {
		for _, name := range []string{alertIncident, alertPerson} {
			stands := name == alertIncident && m.About.State != "closed" || name == alertPerson && callsPerson(m)
			if stands && severity == m.Severity && !over(m) {
				all = append(all, a.firing(m, name, lastsOf(m)))
			} else {
				all = append(all, a.resolved(m, name, severity))
			}
		}
	}
	return all
}

// lastsOf is how long an alert stands that nothing resolves.
func lastsOf(m Message) time.Duration {
	if m.Incident == "" || m.About.State == "closed" {
		return loneLasts
	}
	return incidentLasts
}

// severitiesOf are those that the incident has or may have had: its triggers' and,
// at its end, all of them.
func severitiesOf(m Message) []string {
	had := map[string]bool{m.Severity: true}
	for _, t := range m.About.Triggers {
		had[t.Severity] = true
	}
	var list []string
	for _, severity := range []string{"critical", "high", "medium", "low"} {
		if had[severity] || over(m) {
			list = append(list, severity)
		}
	}
	return list
}

// firing is an alert that stands.
func (a *Alertmanager) firing(m Message, name string, lasts time.Duration) alert {
	page := pageOf(a.options.ExternalURL, m.Incident)
	one := alert{
		Labels: a.labels(m, name, m.Severity), StartsAt: opened(m), EndsAt: a.options.Clock.Now().Add(lasts), GeneratorURL: page,
		Annotations: withoutEmpty(map[string]string{
			"summary": cut(plainText(m.FirstLine), longestSummary), "description": cut(bodyText(m), longestDetail), "command": commandOf(m), "page": page,
			"state": m.About.State,
		}),
	}
	if name == alertPerson {
		one.StartsAt = m.At
		one.Annotations["needs"] = string(needOf(m))
	}
	return one
}

// resolved is an alert that is over, and nothing new where it never was.
func (a *Alertmanager) resolved(m Message, name, severity string) alert {
	one := alert{Labels: a.labels(m, name, severity), StartsAt: opened(m), EndsAt: m.At, resolves: true}
	if m.Event == "closed" && m.About.ClosedAt.After(one.StartsAt) {
		one.EndsAt = m.About.ClosedAt
	}
	if one.EndsAt.Before(one.StartsAt) {
		one.EndsAt = one.StartsAt // Alertmanager refuses one that ends before it starts
	}
	return one
}

func (a *Alertmanager) labels(m Message, name, severity string) map[string]string {
	own := map[string]string{"alertname": name, "service": m.Service, "severity": severity, "incident": m.Incident, "mode": m.About.Mode}
	if m.Incident == "" {
		own["event"] = m.Event
	}
	// What is said of the service counts before what is said of the receiver, as an
	// alert's own labels do before Prometheus's external ones. The incident keeps
	// its labels for life, so that none of them changes here either.
	labels := maps.Clone(a.options.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, m.About.Labels)
	maps.Copy(labels, own)
	return withoutEmpty(labels)
}

// withoutEmpty leaves out what has no value: to Alertmanager an empty label is none.
func withoutEmpty(all map[string]string) map[string]string {
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

func opened(m Message) time.Time {
	if m.About.OpenedAt.IsZero() {
		return m.At
	}
	return m.About.OpenedAt
}

// callsPerson tells whether an incident needs a person. A shadow needs nobody.
func callsPerson(m Message) bool { return needOf(m) != needNothing && m.About.Mode != "shadow" }
