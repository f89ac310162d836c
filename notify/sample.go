package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sample is what one event's message says. The words are those that the brain has
// for an incident of this kind: what looks right here must look right at night.
type sample struct {
	event, headline, severity   string
	service                     string // of one about a service, without an incident
	state, outcome, heldBy, run string
	first, says, next, command  string
	// well is true where the triggers no longer breach.
	well bool
}

// sampleIncident is the incident that all samples but those of the daemon are about.
const sampleIncident = "checkout-20260301-030205"

// samples are one for each event of the brain; a test holds them to its list.
func samples() []sample {
	all := append(incidentSamples(), daemonSamples()...)
	slices.SortFunc(all, func(a, b sample) int { return strings.Compare(a.event, b.event) })
	return all
}

// daemonSamples are those about the daemon itself.
func daemonSamples() []sample {
	return []sample{
		{
			event: "blind", headline: "HELD", severity: "high", first: "all services: blind, prometheus does not answer",
			says: "prometheus has not answered since 03:00:05 UTC (timeout): no trigger on metrics can fire, and none counts as healthy",
			next: ifNothing + "rollbackd goes on asking.", command: statusCommand,
		},
		{
			event: "disk_low", headline: "WAITING FOR YOU", severity: "high", first: "all services: the journal's disk is nearly full",
			says: "the journal's disk has 52 MiB free, less than min_free (64 MiB): without a journal nothing new is begun",
			next: ifNothing + "what runs is finished from the reserve, and then no rollback can begin.", command: statusCommand,
		},
		{
			event: "journal_failed", headline: "WAITING FOR YOU", severity: "critical", first: "all services: the journal cannot be written",
			says: "the journal cannot be written (disk full): nothing new is begun until it can",
			next: ifNothing + "rollbackd goes on watching and does not act.", command: statusCommand,
		},
		{
			event: "trigger_blind", headline: "HELD", severity: "medium", service: "checkout", first: "checkout: blind, nothing is known of slow",
			says: "slow (latency_p99 > 500ms for 5m) has shown nothing known for 5m0s: no series. It cannot fire, and counts as neither well nor bad.\n" +
				"Check that Prometheus scrapes the service, the query and its label `by`, and the service's `match`; " +
				"`rollbackd check FILE --live --service checkout` asks Prometheus now.",
			next: ifNothing + "rollbackd goes on asking, and does not act on it.", command: "rollbackd why checkout",
		},
	}
}

// What the samples say in the brain's words.
const (
	ifNothing      = "If you do nothing: "
	nothingToDo    = "There is nothing to do."
	goesOn         = ifNothing + "the rollback goes on and is verified."
	waits          = ifNothing + "nothing is changed, and you are reminded."
	watches        = ifNothing + "rollbackd goes on watching and tells you when that changes."
	byPerson       = "never by itself: approve to try again, roll back by hand, or close; it is closed once all is known ok for long enough"
	stillNeeded    = "\nStill needed: approvals, 1 of any."
	abortCommand   = "rollbackd abort " + sampleIncident + " --reason '…'"
	approveCommand = "rollbackd approve " + sampleIncident + " --reason '…'"
	vetoCommand    = "rollbackd veto " + sampleIncident + " --reason '…'"
	showCommand    = "rollbackd show " + sampleIncident
	statusCommand  = "rollbackd status"
)

// incidentSamples are those about the one incident.
func incidentSamples() []sample {
	return append(smoothSamples(), []sample{
		{
			event: "break_glass", headline: "ACTING", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "approved breaking the glass by bob: the shop is down", next: goesOn, command: abortCommand,
		},
		{
			event: "escalation", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC",
			says: "nobody acknowledged since 03:02:05 UTC: telling level 1" + stillNeeded, next: waits, command: approveCommand,
		},
		{
			event: "failed", headline: "FAILED", state: "held", heldBy: "verification", run: "partial", first: "checkout v2 → v1 (partial)",
			says: "held (verification) instead of rollback: the rollback ended partial: not verified by 03:17:05 UTC: errors is not ok; released when: " + byPerson,
			next: ifNothing + "nothing more is changed. It is released when: " + byPerson + ".", command: showCommand,
		},
		{
			event: "held", headline: "HELD", state: "held", heldBy: "cooldown", first: "checkout v2 → v1 (cooldown)",
			says: "held (cooldown) instead of rollback: the last step of the last rollback ended at 02:42:05 UTC, and the cooldown is 30m; released when: it ends at 03:12:05 UTC",
			next: ifNothing + "nothing is changed. It is released when: it ends at 03:12:05 UTC.", command: approveCommand,
		},
		{
			event: "monitor", headline: "HELD", state: "closed", outcome: "rolled_back", run: "completed", first: "checkout v2 → v1 (closer look)",
			says: "closer look until 2026-03-01 03:40:05 UTC: failed: no longer true: errors < 0.5%", next: nothingToDo, command: showCommand,
		},
		{
			event: "notify", headline: "HELD", severity: "low", state: "firing", first: "checkout v2 → v1",
			says: "notify (errors 8.1% > 1% since 03:00:05 UTC, 4m after v2 by alice)", next: watches, command: showCommand,
		},
		{
			event: "overdue", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC",
			says: "nobody decided by 03:07:05 UTC" + stillNeeded, next: waits, command: approveCommand,
		},
		{
			event: "reopened", headline: "FAILED", state: "held", heldBy: "verification", run: "completed", first: "checkout v1 → v0 (verification)",
			says: "reopened: it broke again 40m0s after the rollback: errors 8.1% > 1% since 03:00:05 UTC",
			next: ifNothing + "nothing more is changed. It is released when: never by itself: approve to roll back once more, to v0, roll back by hand, or close; " +
				"it is closed once all is known ok for long enough.", command: approveCommand,
		},
		{
			event: "sla_missed", headline: "ACTING", state: "verifying", run: "verifying", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "the rollback takes longer than its SLA of 15m0s; it goes on", next: ifNothing + "verification goes on.", command: showCommand,
		},
		{
			event: "step_failed", headline: "FAILED", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "finally: maintenance off failed", next: goesOn, command: abortCommand,
		},
	}...)
}

// smoothSamples are an incident that goes as it should.
func smoothSamples() []sample {
	return []sample{
		{
			event: "acting", headline: "ACTING", state: "rolling_back", run: "running", first: "checkout v2 → v1 by 03:17:05 UTC",
			says: "rolling back v2 → v1 by plan checkout", next: goesOn, command: abortCommand,
		},
		{
			event: "approval_needed", headline: "WAITING FOR YOU", state: "awaiting_approval", first: "checkout v2 → v1 by 03:07:05 UTC",
			says: "approve: waiting for a person (errors 8.1% > 1% since 03:00:05 UTC, 4m after v2 by alice)" + stillNeeded, next: waits, command: approveCommand,
		},
		{
			event: "closed", headline: "RECOVERED", state: "closed", outcome: "rolled_back", run: "completed", first: "checkout v2 → v1 (rolled_back)",
			says: "closed as rolled_back: v2 → v1 verified", next: nothingToDo, command: showCommand,
		},
		{
			event: "countdown", headline: "ACTING", state: "countdown", first: "checkout v2 → v1 by 03:04:05 UTC",
			says: "countdown 2m: acting at 03:04:05 UTC unless vetoed (errors 8.1% > 1% since 03:00:05 UTC, 4m after v2 by alice)",
			next: ifNothing + "it is rolled back at 03:04:05 UTC.", command: vetoCommand,
		},
		{
			event: "stood_down", headline: "RECOVERED", state: "firing", well: true, first: "checkout v2 → v1",
			says: "read once more before acting: every trigger is ok, so nothing is done; back to watching", next: watches, command: showCommand,
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
		FirstLine: s.headline + " " + s.first + " LIVE", Service: s.service,
	}
	lines := []string{m.FirstLine}
	if s.state != "" {
		s.well = s.well || s.state == "closed"
		m.ID, m.Incident, m.Service = fmt.Sprintf("%s/%s/%d", sampleIncident, s.event, i+1), sampleIncident, "checkout"
		if m.Severity == "" {
			m.Severity = "critical"
		}
		if !s.well {
			lines = append(lines, "errors 8.1% > 1% since 03:00:05 UTC, 4m after v2 by alice")
		}
		m = withBody(m, s.body(m, opened))
	}
	m.Text = strings.Join(append(lines, s.says, s.next, s.command), "\n")
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
		"opened_at": opened, "labels": object{"team": "shop"},
		"triggers": []object{s.trigger(m, opened)},
		"decision": object{
			"response": "rollback", "reason": "error_rate is above 1% for 2m after v2", "held_by": s.heldBy, "deadline": opened.Add(5 * time.Minute),
		},
		"deployment": object{"version": "v2", "previous": "v1", "started_at": opened.Add(-6 * time.Minute), "by": "alice", "url": "https://ci.example.com/run/42"},
		"samples":    []object{{"trigger": "errors", "unit": "ratio", "threshold": 0.01, "threshold_text": "> 1%", "points": samplePoints(opened)}},
	}
	if s.state == "closed" {
		body["closed_at"] = m.At
	}
	if s.run != "" {
		body["rollback"] = s.rollback(opened)
	}
	return body
}

func (s sample) trigger(m Message, opened time.Time) object {
	t := object{
		"name": "errors", "when": "error_rate > 1% for 2m", "severity": m.Severity, "value": 0.081, "value_text": "8.1%", "threshold": "> 1%",
		"since": opened.Add(-2 * time.Minute), "fired_at": opened,
	}
	if s.well {
		t["cleared_at"] = m.At
	}
	return t
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
