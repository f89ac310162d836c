package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// sample is what one event's message says. The words are those that the brain has
// for an incident of this kind.
type sample struct {
	event, headline, severity   string
	state, outcome, heldBy, run string
	first, says, next, command  string
}

// sampleIncident is the incident that all samples but those of the daemon are about.
const sampleIncident = "checkout-20260301-030205"

// samples are one for each event of the brain; a test holds them to its list.
func samples() []sample {
	const abort, approve = "rollbackd abort " + sampleIncident + " --reason '…'", "rollbackd approve " + sampleIncident + " --reason '…'"
	const goesOn, waits = "the rollback goes on and is verified.", "nothing is changed, and you are reminded."
	return []sample{
		{
			event: "acting", headline: "ACTING", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "rolling back v2 → v1 by plan checkout", next: goesOn, command: abort,
		},
		{
			event: "approval_needed", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC",
			says: "the matrix asks a person for critical in tier 3\nStill needed: approvals, 1 of any.", next: waits, command: approve,
		},
		{event: "blind", headline: "HELD", severity: "high", first: "all services: prometheus does not answer", says: "Nothing is decided by what it would say."},
		{
			event: "break_glass", headline: "ACTING", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "bob broke the glass: went past the approvals, because \"the shop is down\"", next: goesOn, command: abort,
		},
		{
			event: "closed", headline: "RECOVERED", state: "closed", outcome: "rolled_back", run: "completed", first: "checkout v2 → v1 (rolled_back)",
			says: "verified for 5m: all triggers are ok",
		},
		{
			event: "countdown", headline: "ACTING", state: "counting_down", first: "checkout v2 → v1 by 03:04:05 UTC", says: "counting down 2m before the rollback",
			next: "it is rolled back at 03:04:05 UTC.", command: "rollbackd veto " + sampleIncident + " --reason '…'",
		},
		{event: "disk_low", headline: "WAITING FOR YOU", severity: "high", first: "all services: the journal's disk is nearly full", says: "52MiB are left; at 0 nothing more is done by itself."},
		{
			event: "escalation", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC",
			says: "nobody has acknowledged or decided for 5m: level 1 is told", next: waits, command: approve,
		},
		{
			event: "failed", headline: "FAILED", state: "held", heldBy: "verification", run: "partial", first: "checkout v2 → v1 (partial)",
			says: "the step \"restart\" failed: exit code 1", next: "nothing more is changed. It is released when: somebody decides.", command: "rollbackd show " + sampleIncident,
		},
		{
			event: "held", headline: "HELD", state: "held", heldBy: "cooldown", first: "checkout v2 → v1 (cooldown)",
			says: "the last rollback ended 4m ago", next: "nothing is changed. It is released when: the cooldown ends at 03:12:05 UTC.", command: approve,
		},
		{event: "journal_failed", headline: "WAITING FOR YOU", severity: "critical", first: "all services: the journal cannot be written", says: "Nothing begins until it can: see the disk."},
		{
			event: "monitor", headline: "HELD", severity: "low", state: "closed", outcome: "rolled_back", run: "completed", first: "checkout v2 → v1 (rolled_back)",
			says: "watched more closely after the rollback: all is well",
		},
		{event: "notify", headline: "HELD", severity: "low", state: "firing", first: "checkout v2", says: "the matrix says to tell, and no more", next: "nothing is changed."},
		{event: "overdue", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC", says: "nobody decided within 5m", next: waits, command: approve},
		{
			event: "reopened", headline: "FAILED", state: "held", heldBy: "verification", run: "completed", first: "checkout v2 → v1 (verification)",
			says: "errors breaches again 40m after the rollback", next: "nothing more is changed. It is released when: somebody decides.", command: approve,
		},
		{event: "sla_missed", headline: "ACTING", state: "verifying", run: "verifying", first: "checkout v2 → v1 by 03:17:05 UTC", says: "not verified within 15m", next: "verification goes on.", command: abort},
		{event: "stood_down", headline: "RECOVERED", state: "closed", outcome: "recovered", first: "checkout (recovered)", says: "read once more before acting: all is well"},
		{
			event: "step_failed", headline: "FAILED", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "the step \"maintenance off\" failed: exit code 1", next: goesOn, command: abort,
		},
	}
}

// Samples are realistic messages, one for each event that there is: what a template
// is tried on. All are about the same incident of a service by the name of
// checkout, or about the daemon, which has no incident.
func Samples() []Message {
	var all []Message
	for i, s := range samples() {
		all = append(all, s.message(i))
	}
	return all
}

func (s sample) message(i int) Message {
	opened := time.Date(2026, time.March, 1, 3, 2, 5, 0, time.UTC)
	m := Message{
		ID: s.event + "/2026-03-01T03:02:05Z", At: opened.Add(time.Duration(i) * time.Minute), Headline: s.headline, Severity: s.severity, Event: s.event,
		FirstLine: s.headline + " " + s.first,
	}
	lines := []string{m.FirstLine}
	if s.state != "" {
		m.ID, m.Incident, m.Service = fmt.Sprintf("%s/%s/%d", sampleIncident, s.event, i+1), sampleIncident, "checkout"
		if m.Severity == "" {
			m.Severity = "critical"
		}
		m.FirstLine += " LIVE"
		lines = []string{m.FirstLine, "errors 8.1% > 1% since 03:00:05 UTC, 4m after v2 by alice"}
		m = withBody(m, s.body(m, opened))
	}
	lines = append(lines, s.says)
	if s.next != "" {
		lines = append(lines, "If you do nothing: "+s.next)
	}
	if s.command != "" {
		lines = append(lines, s.command)
	}
	m.Text = strings.Join(lines, "\n")
	return m
}

// withBody fills in an incident's JSON, and what channels use of it.
func withBody(m Message, body any) Message {
	data, err := json.Marshal(body)
	if err != nil || json.Unmarshal(data, &m.About) != nil {
		return m // it is made of texts and numbers only
	}
	m.Body = data
	return m
}

// object is a table of an incident's JSON.
type object = map[string]any

// body is the incident as the API shows it, as far as channels look at it.
func (s sample) body(m Message, opened time.Time) object {
	body := object{
		"id": sampleIncident, "service": m.Service, "severity": m.Severity, "mode": "live", "state": s.state, "outcome": s.outcome,
		"opened_at": opened,
		"triggers": []object{{
			"name": "errors", "when": "error_rate > 1% for 2m", "severity": m.Severity, "value": 0.081, "value_text": "8.1%", "threshold": "1%",
			"since": opened.Add(-2 * time.Minute), "fired_at": opened,
		}},
		"decision": object{
			"response": "rollback", "reason": "error_rate is above 1% for 2m after v2", "held_by": s.heldBy, "deadline": opened.Add(5 * time.Minute),
		},
		"deployment": object{"version": "v2", "previous": "v1", "started_at": opened.Add(-6 * time.Minute), "by": "alice", "url": "https://ci.example.com/run/42"},
		"samples":    []object{{"trigger": "errors", "unit": "ratio", "threshold": 0.01, "threshold_text": "1%", "points": samplePoints(opened)}},
	}
	if s.state == "closed" {
		body["closed_at"] = m.At
	}
	if s.run != "" {
		body["rollback"] = s.rollback(opened)
	}
	return body
}

func (s sample) rollback(opened time.Time) object {
	run := object{
		"state": s.run, "from": "v2", "to": "v1", "decided_at": opened, "started_at": opened.Add(time.Second), "sla_seconds": 900,
		"steps": []object{
			{"name": "previous release", "phase": "application", "state": "done"},
			{"name": "restart", "phase": "application", "state": "done"},
		},
	}
	if s.run == "completed" || s.run == "partial" {
		run["ended_at"], run["duration_seconds"], run["sla_met"] = opened.Add(6*time.Minute), 359, true
	}
	return run
}

// samplePoints are a breach that began two minutes before, with a gap.
func samplePoints(opened time.Time) []object {
	var points []object
	for i := range 20 {
		at := opened.Add(time.Duration(i-19) * 15 * time.Second)
		switch {
		case i == 5:
			points = append(points, object{"at": at, "value": nil, "truth": "unknown"})
		case i < 11:
			points = append(points, object{"at": at, "value": 0.001 + float64(i%3)/2000, "truth": "ok"})
		default:
			points = append(points, object{"at": at, "value": 0.07 + float64(i%4)/200, "truth": "breach"})
		}
	}
	return points
}

// TrialMessages are what `rollbackd notify-test` sends: a message that cannot be
// taken for a real one, and its end, for channels that keep something open.
func TrialMessages(receiver string, at time.Time) (begin, end Message) {
	at = at.UTC()
	id := "rollbackd-test-" + at.Format("20060102-150405")
	begin = Message{
		ID: id + "/test/1", At: at, Headline: "ACTING", Service: "rollbackd-test", Incident: id, Severity: "low", Event: "test",
		FirstLine: "TEST of the receiver " + receiver + " by rollbackd: nothing happened, there is nothing to do",
	}
	begin.Text = begin.FirstLine + "\nSomebody ran \"rollbackd notify-test " + receiver + "\" at " + at.Format("15:04:05 MST") +
		". If you can read this, messages of real incidents arrive here too."
	begin = withBody(begin, object{"id": id, "service": "rollbackd-test", "severity": "low", "mode": "live", "state": "firing", "outcome": "", "opened_at": at})
	end = begin
	end.ID, end.At, end.Headline, end.Event = id+"/closed/2", at.Add(time.Second), "RECOVERED", "closed"
	end.FirstLine = "TEST of the receiver " + receiver + " by rollbackd: it is over"
	end.Text = end.FirstLine
	end = withBody(end, object{
		"id": id, "service": "rollbackd-test", "severity": "low", "mode": "live", "state": "closed", "outcome": "recovered", "opened_at": at, "closed_at": end.At,
	})
	return begin, end
}

// Payload is a message as the outbox has it.
func (m Message) Payload() ([]byte, error) {
	type plain Message
	data, err := json.Marshal(plain(m))
	if err != nil {
		return nil, fmt.Errorf("message %s cannot be written as JSON: %w", m.ID, err)
	}
	if m.Body == nil {
		return rewrite(data, nil, "body")
	}
	return rewrite(data, object{"body": m.Body})
}

// rewrite puts fields into a JSON object in place of what it has, and takes some out.
func rewrite(data []byte, fields object, drop ...string) ([]byte, error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("message cannot be read: %w", err)
	}
	for name, value := range fields {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("message cannot be written as JSON: %w", err)
		}
		all[name] = text
	}
	for _, name := range drop {
		delete(all, name)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // what is left alone stays as it was
	if err := e.Encode(all); err != nil {
		return nil, fmt.Errorf("message cannot be written as JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
