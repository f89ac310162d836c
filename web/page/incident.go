package page

import (
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

const (
	// outputBytes is how much of a page the outputs of steps may take, as it is sent.
	outputBytes = 16 << 10
	// mostMoments is how many lines of a timeline a page shows, the newest ones, and
	// momentBytes how much of the page their texts may take.
	mostMoments = 100
	momentBytes = 20 << 10
	// mostEarlier is how many of the rollbacks before the newest are shown, with at
	// most mostEarlierSteps steps each.
	mostEarlier, mostEarlierSteps = 3, 8
	// mostEvidence is how many triggers are told of one by one.
	mostEvidence = 20
)

// Incident is what the page of one incident shows.
type Incident struct {
	Daemon Daemon
	// Incident is in its public form.
	Incident *incident.Incident
	Viewer   Viewer
	Now      time.Time
}

// sentence is one trigger's evidence, and whether it still breaches.
type sentence struct {
	Text     string
	Severity State
	Cleared  Instant
}

type evidenceChart struct {
	Trigger string
	Chart   *drawing
}

type momentRow struct {
	At                Instant
	Kind, Actor, Text string
	Person            bool
	// Named is true where the text says who it was.
	Named bool
}

type captureRow struct {
	Name, Error, Output string
	State               State
}

type approvalRow struct {
	By, Reason, Roles string
	At                Instant
}

// incidentPage is what the template of an incident is given.
type incidentPage struct {
	Bar             bar
	ID, Service     string
	ServiceLink     string
	State, Severity State
	Way             string
	Shadow          bool
	Opened, Closed  Instant
	Lasted          string
	Evidence        []sentence
	Reason          string
	Next            string
	Deadline        *countdown
	DeadlineName    string
	Command         string
	Form            Form
	Only            string
	Why             []fact
	Holds           []incident.Hold
	Members         []incident.Member
	Charts          []evidenceChart
	Run             *runBox
	Earlier         []*runBox
	EarlierMore     int
	Verification    *verificationBox
	Approvals       []approvalRow
	Needs           string
	Captures        []captureRow
	Impact          []fact
	Timeline        []momentRow
	Older           int
	Reports         []link
}

type link struct{ Text, To string }

func incidentOf(in Incident) incidentPage {
	i, now := in.Incident, in.Now
	room := outputBytes
	p := incidentPage{
		Bar: barOf(in.Daemon, nil, now), ID: i.ID, Service: i.Service, ServiceLink: "/services/" + url.PathEscape(i.Service),
		State: incidentState(i), Severity: severityState(i.Severity), Way: wayOfIncident(i), Shadow: i.Mode == "shadow",
		Opened: instant(i.OpenedAt, now), Closed: instant(i.ClosedAt, now), Next: i.IfNothing(), Deadline: deadlineOf(i, now),
		DeadlineName: deadlineName(i), Only: in.Viewer.Only, Reason: reasonOf(i), Why: whyFacts(i, now), Members: i.Members, Needs: needsText(i.Needs),
		Form: incidentForm(i, in.Viewer), Verification: verificationOf(i, now), Impact: impactFacts(i.Impact), Reports: reportsOf(i),
	}
	if i.State != incident.Closed {
		p.Command = i.Command()
	}
	if len(i.Decision.Holds)+len(i.Decision.Caps) > 1 {
		p.Holds = append(slices.Clone(i.Decision.Holds), i.Decision.Caps...)
	}
	if !i.ClosedAt.IsZero() {
		p.Lasted = span(i.ClosedAt.Sub(i.OpenedAt))
	}
	for _, ev := range i.Triggers[:min(len(i.Triggers), mostEvidence)] {
		p.Evidence = append(p.Evidence, sentence{ev.Sentence(i.Deployment), severityState(ev.Severity), instant(ev.ClearedAt, now)})
	}
	p.Charts = evidenceCharts(i)
	if i.Rollback != nil {
		p.Run = runOf(i.Rollback, now, mostSteps, &room)
	}
	p.EarlierMore = max(0, len(i.EarlierRollbacks)-mostEarlier)
	for _, run := range i.EarlierRollbacks[p.EarlierMore:] {
		p.Earlier = append(p.Earlier, runOf(run, now, mostEarlierSteps, &room))
	}
	for _, a := range i.Approvals {
		p.Approvals = append(p.Approvals, approvalRow{a.By, a.Reason, strings.Join(a.Roles, ", "), instant(a.At, now)})
	}
	for _, c := range i.Captures {
		p.Captures = append(p.Captures, captureRow{c.Name, c.Error, cut(c.Output, &room), stepState(c.State)})
	}
	p.Timeline, p.Older = momentRows(i.Timeline, now)
	return p
}

// reasonOf is why an incident stands where it does, in a sentence.
func reasonOf(i *incident.Incident) string {
	if failed(i) {
		return "The rollback ended " + endingOf(i.Rollback)
	}
	if i.State == incident.Closed {
		return ""
	}
	for _, ev := range i.Triggers {
		if strings.Contains(i.Decision.Reason, ev.Sentence(i.Deployment)) {
			return "" // it says what stands above it
		}
	}
	return i.Decision.Reason
}

// wayOf is from one version to another.
func wayOf(from, to string) string {
	switch {
	case from == "" && to == "":
		return ""
	case from == "":
		return "to " + to
	case to == "":
		return from
	}
	return from + " → " + to
}

// wayOfIncident is the way that an incident's rollback goes, or would go.
func wayOfIncident(i *incident.Incident) string {
	if i.Rollback != nil {
		return wayOf(i.Rollback.From, i.Rollback.To)
	}
	from := ""
	if i.Deployment != nil {
		from = i.Deployment.Version
	}
	if i.State == incident.Closed {
		return from
	}
	return wayOf(from, i.Decision.Target)
}

func deadlineOf(i *incident.Incident, now time.Time) *countdown {
	return countdownTo(i.Deadline(), now)
}

// deadlineName says what is over at the deadline.
func deadlineName(i *incident.Incident) string {
	switch i.State {
	case incident.CountingDown:
		return "Rolls back"
	case incident.AwaitingApproval:
		if i.Decision.Silence {
			return "Rolls back, unless somebody says no,"
		}
		return "To be decided"
	case incident.RollingBack, incident.Verifying:
		if waitsAtStep(i) != nil {
			return "The rollback stops here"
		}
		return "The SLA is over"
	case incident.Firing, incident.Held, incident.Confirming, incident.Closed:
	}
	return "Deadline"
}

// needsText lists the approvals that are missing: "1 of ops-lead".
func needsText(needs []incident.Need) string {
	var parts []string
	for _, n := range needs {
		if n.Role == "any" {
			parts = append(parts, counted(n.Count, "approval", "approvals"))
		} else {
			parts = append(parts, counted(n.Count, "approval", "approvals")+" by "+n.Role)
		}
	}
	return strings.Join(parts, ", ")
}

// responseText is the response, and that it does not come about where it is held.
func responseText(d incident.Decision) string {
	if d.State == incident.Held {
		return d.Response.String() + ", but held"
	}
	return d.Response.String()
}

func whyFacts(i *incident.Incident, now time.Time) []fact {
	d := i.Decision
	deployed := ""
	if i.Deployment != nil {
		deployed = i.Deployment.Version + ", " + deploymentText(i.Deployment, now)
	}
	rehearses, releases := "", ""
	if d.HeldBy != "" {
		releases = d.ReleasesWhen
	}
	if i.Rehearses != nil {
		rehearses = "the plan of " + i.Rehearses.Service
	}
	return facts(
		"Decision", responseText(d), "Because", d.Reason, "Held by", words(string(d.HeldBy)), "Let go when", releases,
		"Scope", d.Scope, "Deployed", deployed, "Rehearses", rehearses, "Asked for by", i.AskedBy, "Vetoed by", i.VetoedBy,
		"Acknowledged by", i.AckedBy, "Your ID", i.ExternalID, "Labels", i.Labels.String(),
	)
}

// evidenceCharts are what the triggers showed, those that justify the decision first.
func evidenceCharts(i *incident.Incident) []evidenceChart {
	names := slices.Clone(i.Decision.Justified)
	for _, s := range i.Samples {
		if !slices.Contains(names, s.Trigger) {
			names = append(names, s.Trigger)
		}
	}
	d := drawer{left: chartBytes, width: 740, height: 190}
	var charts []evidenceChart
	for _, name := range names {
		c, ok := report.EvidenceChart(i, name)
		if !ok {
			continue
		}
		if drawn := d.draw(c); drawn != nil {
			charts = append(charts, evidenceChart{name, drawn})
		}
	}
	return charts
}

func impactFacts(m *incident.Impact) []fact {
	if m == nil {
		return nil
	}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%.0f", *v)
	}
	downtime := ""
	if m.DowntimeSeconds != nil {
		downtime = span(time.Duration(*m.DowntimeSeconds * float64(time.Second)))
	}
	return facts("Failed requests", number(m.FailedRequests), "Requests", number(m.Requests), "Affected users", number(m.AffectedUsers),
		"Downtime", downtime, "Not known", m.Problem)
}

func momentRows(moments []incident.Moment, now time.Time) (rows []momentRow, older int) {
	room := momentBytes
	for n, m := range slices.Backward(moments) {
		text := brief(m.Text, 400)
		if room -= sent(text); room < 0 || len(rows) == mostMoments {
			return rows, n + 1
		}
		kind := words(string(m.Kind))
		if strings.HasPrefix(text, kind) {
			kind = "" // the text says it
		}
		rows = append(rows, momentRow{instant(m.At, now), kind, m.Actor, text, m.Actor != "rollbackd", strings.Contains(text, "by "+m.Actor)})
	}
	return rows, 0
}

// sent is how many bytes of a page a text takes.
func sent(text string) int { return len(visible([]byte(html.EscapeString(text)))) }

// cut is the end of an output, as far as there is room on the page: what went
// wrong is usually said last.
func cut(output string, room *int) string {
	const most = 4 << 10
	lines := strings.SplitAfter(output, "\n")
	size := 0
	for n, line := range slices.Backward(lines) {
		size += sent(line)
		if size > min(most, *room) {
			limit := min(most, *room)
			kept := strings.Join(lines[n+1:], "")
			if strings.TrimSpace(kept) == "" { // no line fits in whole
				kept = tail(line+kept, limit)
			}
			*room -= min(size, limit)
			return "… cut here, the report as JSON has the whole output\n" + kept
		}
	}
	*room -= size
	return output
}

// tail is the end of a text, of at most so many bytes as it is sent.
func tail(text string, most int) string {
	from := len(text)
	for from > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:from])
		if most -= sent(string(r)); most < 0 {
			break
		}
		from -= size
	}
	return text[from:]
}

func reportsOf(i *incident.Incident) []link {
	at := "/api/v1/incidents/" + url.PathEscape(i.ID)
	return []link{
		{"Report", at + "/report?format=html"},
		{"Markdown", at + "/report?format=markdown"},
		{"JSON", at + "/report?format=json"},
		{"Draft for customers", at + "/report?for=customers"},
		{"Draft for executives", at + "/report?for=executives"},
		{"Draft for support", at + "/report?for=support"},
	}
}

// incidentForm has the words that mean something in the incident's state, for
// those who may say them.
func incidentForm(i *incident.Incident, v Viewer) Form {
	if i.State == incident.Closed || !v.Operate {
		return Form{}
	}
	f := Form{ID: "incident", Legend: "Your word on it"}
	if i.State == incident.AwaitingApproval || waitsAtStep(i) != nil { // elsewhere nobody keeps it up to date
		f.Plan = i.Decision.PlanHash
	}
	add := func(verb, text string, tone Tone, hint string) {
		f.Buttons = append(f.Buttons, Button{"/incidents/" + url.PathEscape(i.ID) + "/" + verb, text, tone, hint})
	}
	if v.Approve {
		approverWords(i, add)
		f.Shown = Shown(i)
	}
	if i.AckedBy == "" {
		add("ack", "Acknowledge", Dim, "Stops reminding people; what happens next stays the same.")
	}
	underWay := i.State == incident.RollingBack || i.State == incident.Verifying // then it is to be aborted first
	if v.Approve && !underWay {
		add("close", "Close", Dim, "It is over by your word; its windows start anew.")
	}
	return f
}

func approverWords(i *incident.Incident, add func(verb, text string, tone Tone, hint string)) {
	yes, hint := "Approve", "The plan begins after one more look at the triggers."
	if way := wayOfIncident(i); way != "" && waitsAtStep(i) == nil {
		yes = "Approve " + way
	}
	no := "This deployment is not rolled back until it gets worse."
	switch i.State {
	case incident.Held:
		if i.Decision.HeldBy != "" {
			hint = "Rolls back although it is held by " + words(string(i.Decision.HeldBy)) + "."
		}
		add("approve", yes, Act, hint)
		add("veto", "Veto", Bad, no)
	case incident.AwaitingApproval, incident.CountingDown, incident.Firing:
		add("approve", yes, Act, hint)
		add("veto", "Veto", Bad, no)
	case incident.Confirming:
		add("veto", "Veto", Bad, no)
	case incident.RollingBack:
		if s := waitsAtStep(i); s != nil {
			add("approve", strings.TrimSpace("Approve step "+s.Name+" "+s.Unit), Act, "The plan goes on.")
		}
		add("abort", "Abort", Bad, "Stops at the next step boundary; a step that runs is finished first.")
	case incident.Verifying:
		add("abort", "Abort", Bad, "Stops at the next step boundary.")
	case incident.Closed:
	}
}
