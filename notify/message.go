package notify

import (
	"encoding/json"
	"fmt"
	"time"
)

// Message is what a Delivery's payload says: a transition of an incident, or of the
// daemon itself, as people are told of it. Its JSON is the brain's message; webhooks
// and exec receivers get that as it is.
type Message struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// Headline is ACTING, WAITING FOR YOU, HELD, FAILED or RECOVERED.
	Headline string `json:"headline"`
	// Service and Incident are empty for a message about the daemon.
	Service  string `json:"service"`
	Incident string `json:"incident"`
	// Severity is critical, high, medium or low; empty for a message about the daemon.
	Severity string `json:"severity"`
	// Event is a stable word for the transition: acting, held, closed, …
	Event string `json:"event"`
	// FirstLine is at most 120 characters; Text is the whole message, with it.
	FirstLine string `json:"first_line"`
	Text      string `json:"text"`
	Level     int    `json:"level"`
	// Withheld is how many messages about the incident this receiver did not get
	// right before this one, because of its limit. Text says so too.
	Withheld int `json:"withheld"`
	// About is the incident as it was then; its zero value where there is none.
	About About `json:"body"`
	// Body is the same as the API shows it, byte for byte; nil where there is none.
	Body json.RawMessage `json:"-"`
}

// Labels are those of the service that the message is about, as they were when its
// incident opened: what templates call .Labels.
func (m Message) Labels() map[string]string { return m.About.Labels }

// About is what channels use of an incident's JSON.
type About struct {
	State   string `json:"state"`
	Outcome string `json:"outcome"`
	Mode    string `json:"mode"`
	// Labels are the service's own, as they were when the incident opened.
	Labels     map[string]string `json:"labels"`
	OpenedAt   time.Time         `json:"opened_at"`
	ClosedAt   time.Time         `json:"closed_at"`
	Triggers   []Trigger         `json:"triggers"`
	Decision   Decision          `json:"decision"`
	Deployment *struct {
		Version  string    `json:"version"`
		Previous string    `json:"previous"`
		Started  time.Time `json:"started_at"`
		By       string    `json:"by"`
		URL      string    `json:"url"`
		Change   string    `json:"change"`
	} `json:"deployment"`
	Rollback *Rollback `json:"rollback"`
	Samples  []Series  `json:"samples"`
	AckedBy  string    `json:"acked_by"`
	// Needs are the approvals that are still missing.
	Needs []struct {
		Role  string `json:"role"`
		Count int    `json:"count"`
	} `json:"needs"`
}

// Trigger is one trigger's evidence.
type Trigger struct {
	Name      string    `json:"name"`
	When      string    `json:"when"`
	Severity  string    `json:"severity"`
	ValueText string    `json:"value_text"`
	Threshold string    `json:"threshold"`
	Since     time.Time `json:"since"`
	ClearedAt time.Time `json:"cleared_at"`
}

// Decision is what was decided.
type Decision struct {
	Response     string    `json:"response"`
	Reason       string    `json:"reason"`
	HeldBy       string    `json:"held_by"`
	Holds        []Hold    `json:"holds"`
	ReleasesWhen string    `json:"releases_when"`
	Deadline     time.Time `json:"deadline"`
}

// Hold is one of the guards that hold.
type Hold struct {
	Guard string `json:"guard"`
}

// Rollback is the newest run.
type Rollback struct {
	State           string    `json:"state"`
	From            string    `json:"from"`
	To              string    `json:"to"`
	DecidedAt       time.Time `json:"decided_at"`
	StartedAt       time.Time `json:"started_at"`
	EndedAt         time.Time `json:"ended_at"`
	DurationSeconds float64   `json:"duration_seconds"`
	SLASeconds      float64   `json:"sla_seconds"`
	SLAMet          *bool     `json:"sla_met"`
	Steps           []Step    `json:"steps"`
}

// Step is one step of a run.
type Step struct {
	Name  string `json:"name"`
	Phase string `json:"phase"`
	Unit  string `json:"unit"`
	State string `json:"state"`
	// Section is the part of the plan that it stands in.
	Section string `json:"section"`
}

// Series is what a trigger showed around the incident.
type Series struct {
	Trigger       string   `json:"trigger"`
	Unit          string   `json:"unit"`
	Threshold     *float64 `json:"threshold"`
	ThresholdText string   `json:"threshold_text"`
	Points        []struct {
		At    time.Time `json:"at"`
		Value *float64  `json:"value"`
		Truth string    `json:"truth"`
	} `json:"points"`
}

// ParseMessage reads a Delivery's payload. Fields that it does not know are left
// alone: a message may wait in the outbox while rollbackd is replaced.
func ParseMessage(payload []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(payload, &m); err != nil {
		return Message{}, fmt.Errorf("message cannot be read: %w", err)
	}
	var raw struct {
		Body json.RawMessage `json:"body"`
	}
	if err := json.Unmarshal(payload, &raw); err != nil {
		return Message{}, fmt.Errorf("message cannot be read: %w", err)
	}
	m.Body = raw.Body
	return m, nil
}
