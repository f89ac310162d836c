package report

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Options are what a report is made with beside its incident.
type Options struct {
	// Now is when it is written; it is the only time that does not come from the
	// record.
	Now time.Time
	// ExternalURL is where the page is reached; empty leaves the link out.
	ExternalURL string
}

// Report is one incident written down. Its JSON form is what programs read; keys
// are added and never change their meaning. Times are UTC. A number that is not
// known is null, with the reason beside it.
type Report struct {
	// Format names the form of the document: "rollbackd.report/1".
	Format      string    `json:"format"`
	GeneratedAt time.Time `json:"generated_at"`
	Incident    string    `json:"incident"`
	ExternalID  string    `json:"external_id,omitempty"`
	// URL is the incident's page; empty where no external_url is configured.
	URL     string            `json:"url,omitempty"`
	Service string            `json:"service"`
	Group   string            `json:"group,omitempty"`
	Members []incident.Member `json:"members,omitempty"`
	// Labels are the service's own, as they were when it opened.
	Labels   incident.Labels  `json:"labels,omitempty"`
	Severity string           `json:"severity"`
	Mode     string           `json:"mode"`
	State    incident.State   `json:"state"`
	Outcome  incident.Outcome `json:"outcome,omitempty"`
	OpenedAt time.Time        `json:"opened_at"`
	ClosedAt time.Time        `json:"closed_at,omitzero"`
	// DurationSeconds is from the opening to the close; null while it is open.
	DurationSeconds *float64 `json:"duration_seconds"`
	Manual          bool     `json:"manual"`

	Summary       Summary                `json:"summary"`
	Timeline      []Moment               `json:"timeline"`
	Triggers      []Trigger              `json:"triggers"`
	Detection     Detection              `json:"detection"`
	Deployment    *incident.Deployment   `json:"deployment"`
	Decision      incident.Decision      `json:"decision"`
	Holds         []Held                 `json:"holds"`
	Approvals     []incident.Approval    `json:"approvals"`
	Rollbacks     []Rollback             `json:"rollbacks"`
	SLA           SLA                    `json:"sla"`
	Impact        Impact                 `json:"impact"`
	CapturedState []incident.StateBefore `json:"captured_state"`
	Verification  incident.Verification  `json:"verification"`
	People        []Word                 `json:"people"`
	// ForPeople is what rollbackd cannot know.
	ForPeople []Blank `json:"for_people"`

	inc *incident.Incident
}

// Summary is what a reader in a hurry takes away.
type Summary struct {
	// Headline says in a line what happened; Sentences say the rest.
	Headline  string   `json:"headline"`
	Sentences []string `json:"sentences"`
}

// Moment is one line of the timeline.
type Moment struct {
	At time.Time `json:"at"`
	// SinceOpeningSeconds is negative for what came before the opening.
	SinceOpeningSeconds float64       `json:"since_opening_seconds"`
	Kind                incident.Kind `json:"kind"`
	Actor               string        `json:"actor"`
	Text                string        `json:"text"`
}

// Trigger is one trigger of the incident with what was seen of it.
type Trigger struct {
	incident.Evidence
	// WindowSeconds is what its hold asks for, or as long as its samples span.
	WindowSeconds *float64 `json:"window_seconds"`
	// Samples are what it showed around the incident; null where none is on record.
	Samples *incident.Series `json:"samples"`
}

// Detection is the time from a breach to the first change, in its parts.
type Detection struct {
	// Trigger is the one that fired first; empty where a person asked.
	Trigger string    `json:"trigger,omitempty"`
	Onset   time.Time `json:"onset,omitzero"`
	// TotalSeconds is from the onset to the first changing step; null where there
	// was none.
	TotalSeconds *float64 `json:"total_seconds"`
	Parts        []Part   `json:"parts"`
}

// Part is one part of the detection delay.
type Part struct {
	// Part is window, scrape_lag, poll_lag, decision, waiting or action.
	Part string `json:"part"`
	// Seconds is null where the record does not say.
	Seconds *float64 `json:"seconds"`
	// Text says what it is, or why it is not known.
	Text string `json:"text"`
}

// Held is one stretch in which a guard held the incident.
type Held struct {
	Guard incident.Guard `json:"guard"`
	From  time.Time      `json:"from"`
	// Until is when something else came; zero where it still held at the end.
	Until time.Time `json:"until,omitzero"`
	// Text is the decision as the timeline has it, ReleasedBy what came next.
	Text       string `json:"text"`
	ReleasedBy string `json:"released_by,omitempty"`
}

// Rollback is one run with its times by phase.
type Rollback struct {
	ID              string             `json:"id"`
	State           incident.RunState  `json:"state"`
	From            string             `json:"from"`
	To              string             `json:"to"`
	By              string             `json:"by"`
	Automatic       bool               `json:"automatic"`
	Plan            string             `json:"plan"`
	Scope           string             `json:"scope,omitempty"`
	Changed         bool               `json:"changed"`
	Reason          string             `json:"reason,omitempty"`
	DecidedAt       time.Time          `json:"decided_at"`
	StartedAt       time.Time          `json:"started_at"`
	EndedAt         time.Time          `json:"ended_at,omitzero"`
	DurationSeconds *float64           `json:"duration_seconds"`
	Phases          []Phase            `json:"phases"`
	Steps           []incident.StepRun `json:"steps"`
}

// Phase is the time that one phase of a rollback took, over all of its steps.
type Phase struct {
	Phase   string  `json:"phase"`
	Seconds float64 `json:"seconds"`
	Steps   int     `json:"steps"`
}

// SLA is what was agreed for a rollback, and whether it was kept: that of the
// newest run. Without a rollback, or an SLA, its numbers are null.
type SLA struct {
	TargetSeconds   *float64 `json:"target_seconds"`
	TargetMet       *bool    `json:"target_met"`
	SLASeconds      *float64 `json:"sla_seconds"`
	DurationSeconds *float64 `json:"duration_seconds"`
	Met             *bool    `json:"met"`
}

// Impact is what the incident did to those who use the service. Each number is
// null where it is not known; Problem then says why.
type Impact struct {
	From            time.Time `json:"from,omitzero"`
	To              time.Time `json:"to,omitzero"`
	Requests        *float64  `json:"requests"`
	FailedRequests  *float64  `json:"failed_requests"`
	AffectedUsers   *float64  `json:"affected_users"`
	DowntimeSeconds *float64  `json:"downtime_seconds"`
	Problem         string    `json:"problem,omitempty"`
}

// Word is what one person said or did.
type Word struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Verb   string    `json:"verb"`
	Reason string    `json:"reason,omitempty"`
	// Text is the line of the timeline.
	Text string `json:"text"`
}

// Blank is a part that people fill in.
type Blank struct {
	Title string `json:"title"`
	// Hint says what belongs there; Text is always empty here.
	Hint string `json:"hint"`
	Text string `json:"text"`
}

// Of writes an incident down. It takes the incident in its public form, changes
// nothing of it, and shares its parts: the report is to be written out before the
// incident changes.
func Of(inc *incident.Incident, o Options) *Report {
	r := &Report{
		Format: "rollbackd.report/1", GeneratedAt: o.Now.UTC(), Incident: inc.ID, ExternalID: inc.ExternalID, Service: inc.Service,
		Group: inc.Group, Members: inc.Members, Labels: inc.Labels, Severity: inc.Severity.String(), Mode: inc.Mode, State: inc.State, Outcome: inc.Outcome,
		OpenedAt: inc.OpenedAt, ClosedAt: inc.ClosedAt, Manual: inc.Manual, Deployment: inc.Deployment, Decision: inc.Decision,
		Verification: inc.Verification, inc: inc,
	}
	if o.ExternalURL != "" {
		r.URL = pageURL(o.ExternalURL, inc.ID)
	}
	if inc.State == incident.Closed {
		r.DurationSeconds = between(inc.OpenedAt, inc.ClosedAt)
	}
	r.Timeline, r.Triggers, r.Detection = timelineOf(inc), triggersOf(inc), detectionOf(inc)
	r.Holds, r.People, r.ForPeople = holdsOf(inc), wordsOf(inc), blanks()
	r.Rollbacks, r.SLA, r.Impact = rollbacksOf(inc), slaOf(inc), impactOf(inc)
	r.Approvals, r.CapturedState = orEmpty(inc.Approvals), orEmpty(inc.Captures)
	r.Summary = r.summary()
	return r
}

// blanks are the parts that only people can write.
func blanks() []Blank {
	return []Blank{
		{Title: "Root cause", Hint: "Why the change did what it did, and why it was not noticed before it went out."},
		{Title: "Lessons", Hint: "What went well, what did not, and where we were lucky."},
		{Title: "Follow-up actions", Hint: "What is to be done, by whom, until when."},
	}
}
