package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What PagerDuty takes at most, in characters.
const (
	longestSummary = 1024
	longestDedup   = 255
	longestDetail  = 16 << 10 // ours: an event may have 512 KB
)

// pagerEvent is an event or a change event as the Events API v2 has it.
type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action,omitempty"` // none on a change event
	DedupKey   string        `json:"dedup_key,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"` // none on a resolve
	Links      []pagerLink   `json:"links,omitempty"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
}

type pagerPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity,omitempty"`
	Timestamp string         `json:"timestamp"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// triggers are the events that call a person, or bring what called them up to date.
// A shadow calls nobody: even an event of severity info calls people on a service
// of PagerDuty's whose incidents are all urgent, and that is what a new one is.
func (p *PagerDuty) triggers(m Message) []pagerEvent {
	if m.About.Mode == "shadow" {
		return nil
	}
	var events []pagerEvent
	if m.Headline == "ACTING" && m.Event != "break_glass" && m.Incident != "" {
		events = append(events, p.trigger(m, dedup(m.Incident, needNothing), pagerSeverity(m)))
	}
	switch n := needOf(m); n {
	case needNothing:
	case needDaemon:
		events = append(events, p.trigger(m, dedup(p.options.Source, need(m.Event)), pagerSeverity(m)))
	case needFailed, needGlass:
		events = append(events, p.trigger(m, dedup(m.Incident, n), atLeastError(m)))
	case needApproval, needHeld:
		events = append(events, p.trigger(m, dedup(m.Incident, n), pagerSeverity(m)))
	}
	return events
}

// resolves are the keys whose need is over as of this message. PagerDuty ignores
// those that are not open.
func resolves(m Message) []string {
	if m.Incident == "" {
		return nil // nothing says that the daemon is well again
	}
	over, n := over(m), needOf(m)
	if m.About.Mode == "shadow" && !over {
		return nil // it opened none; what is open all the same ends with it
	}
	// A new run begins because somebody said so: what failed or was held is in hand.
	again := over || m.Event == "acting"
	var keys []string
	for _, k := range []struct {
		of   need
		ends bool
	}{
		{needNothing, over},
		{needApproval, !waitsForYes(m)},
		{needHeld, again || m.Event == "countdown"},
		{needFailed, again && !cleaningFailed(m)},
		{needGlass, over},
	} {
		if k.ends && (k.of != n || over) {
			keys = append(keys, dedup(m.Incident, k.of))
		}
	}
	return keys
}

// cleaningFailed tells whether a follow-up step of a verified rollback did not end
// well. The incident closes in the same second, and what called a person for that
// must not end with it: it is left to do.
func cleaningFailed(m Message) bool {
	r := m.About.Rollback
	return m.Event == "closed" && m.About.Outcome == "rolled_back" && r != nil && slices.ContainsFunc(r.Steps, func(s Step) bool {
		return s.Section == "follow_up" && (s.State == "failed" || s.State == "uncertain")
	})
}

// trigger is one trigger event with all that a person needs.
func (p *PagerDuty) trigger(m Message, key, severity string) pagerEvent {
	page := pageOf(p.options.ExternalURL, m.Incident)
	return pagerEvent{
		Action: "trigger", DedupKey: key, Links: p.links(m), Client: "rollbackd", ClientURL: page,
		Payload: &pagerPayload{
			Summary: cut(plainText(m.FirstLine), longestSummary), Source: p.source(m), Severity: severity, Timestamp: pagerTime(m.At),
			Component: m.Service, Group: m.About.Mode, Class: triggerNames(m), Details: details(m),
		},
	}
}

// changeEvent is what a message says of a change to the service: a rollback began,
// or was verified. A shadow changes nothing.
func (p *PagerDuty) changeEvent(m Message) (pagerEvent, bool) {
	r := m.About.Rollback
	if r == nil || m.About.Mode == "shadow" {
		return pagerEvent{}, false
	}
	var what string
	switch {
	case m.Event == "acting":
		what = "started"
	case m.Event == "closed" && m.About.Outcome == "rolled_back":
		what = "verified"
	default:
		return pagerEvent{}, false
	}
	summary := fmt.Sprintf("Rollback of %s %s → %s %s", m.Service, known(r.From), known(r.To), what)
	return pagerEvent{Links: p.links(m), Payload: &pagerPayload{
		Summary: cut(plainText(summary), longestSummary), Source: p.source(m), Timestamp: pagerTime(m.At), Details: details(m),
	}}, true
}

func known(version string) string {
	if version == "" {
		return "?"
	}
	return version
}

func (p *PagerDuty) source(m Message) string {
	if m.Service == "" {
		return p.options.Source
	}
	return m.Service
}

func (p *PagerDuty) links(m Message) []pagerLink {
	page := pageOf(p.options.ExternalURL, m.Incident)
	if page == "" {
		return nil
	}
	return []pagerLink{{Href: page, Text: "the incident"}, {Href: reportOf(p.options.ExternalURL, m.Incident), Text: "the report"}}
}

// details are shown to who opens the incident.
func details(m Message) map[string]any {
	d := m.About.Decision
	texts := map[string]string{
		"text": cut(plainText(m.Text), longestDetail), "event": m.Event, "incident": m.Incident, "state": m.About.State, "outcome": m.About.Outcome,
		"command": commandOf(m), "response": d.Response, "reason": plainText(d.Reason), "held_by": d.HeldBy, "releases_when": plainText(d.ReleasesWhen),
	}
	if !d.Deadline.IsZero() {
		texts["deadline"] = d.Deadline.UTC().Format(time.RFC3339)
	}
	all := map[string]any{}
	for name, text := range withoutEmpty(texts) {
		all[name] = text
	}
	// In a table of their own: a label may have any of the names above.
	if labels := m.Labels(); len(labels) > 0 {
		all["labels"] = labels
	}
	return all
}

func triggerNames(m Message) string {
	var names []string
	for _, t := range m.About.Triggers {
		names = append(names, t.Name)
	}
	return cut(strings.Join(names, ", "), longestSummary)
}

// dedup is the key of one kind of need of an incident; needNothing is the incident
// itself.
func dedup(incident string, of need) string {
	key := incident
	if of != needNothing {
		key += "/" + string(of)
	}
	if len(key) <= longestDedup {
		return key
	}
	sum := sha256.Sum256([]byte(key)) // cut short, two keys could be one
	return "rollbackd/" + hex.EncodeToString(sum[:])
}

// pagerSeverity is a severity in PagerDuty's words.
func pagerSeverity(m Message) string {
	switch m.Severity {
	case "critical":
		return "critical"
	case "high":
		return "error"
	case "medium":
		return "warning"
	}
	return "info"
}

// atLeastError is pagerSeverity for what went wrong: no mere warning.
func atLeastError(m Message) string {
	if severity := pagerSeverity(m); severity == "critical" {
		return severity
	}
	return "error"
}

func pagerTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
