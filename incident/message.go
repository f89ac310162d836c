package incident

import (
	"encoding/json"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Headline is the word a message begins with.
type Headline string

// The five headlines of CONTRACT.md section 6.
const (
	Acting        Headline = "ACTING"
	WaitingForYou Headline = "WAITING FOR YOU"
	HeldHeadline  Headline = "HELD"
	FailedHead    Headline = "FAILED"
	RecoveredHead Headline = "RECOVERED"
)

// Message is what people are told at one transition.
type Message struct {
	// ID is stable: the same transition always has the same one.
	ID       string           `json:"id"`
	At       time.Time        `json:"at"`
	Headline Headline         `json:"headline"`
	Service  string           `json:"service,omitempty"`
	Incident string           `json:"incident,omitempty"`
	Severity trigger.Severity `json:"severity"`
	// Event is a stable word for the transition: deciding, acting, held, …
	Event string `json:"event"`
	// Signals are further words for it, by which a receiver may want it too: that an
	// analysis of the cause is due (SignalRootCause).
	Signals []string `json:"signals,omitempty"`
	// FirstLine is at most 120 characters; Text is the whole message with it.
	FirstLine string `json:"first_line"`
	Text      string `json:"text"`
	// Receivers are the names of those to tell; empty means all.
	Receivers []string `json:"receivers,omitempty"`
	// Level is the level of escalation: receivers with a higher `escalation` are
	// not told. Zero is everybody who is told at once.
	Level int `json:"level,omitempty"`
	// Everybody is true where every receiver is told, whatever it asks for: glass
	// was broken.
	Everybody bool `json:"everybody,omitempty"`
	// Body is the incident as the API shows it, at this transition.
	Body json.RawMessage `json:"body,omitempty"`
}

// SignalRootCause says that an incident is over in which something was changed or
// failed, and that somebody should find out why (PROCEDURES.md P25).
const SignalRootCause = "root_cause_analysis"

// Events are the words that Message.Event and Message.Signals can have: what a
// receiver's `events` may name.
func Events() []string {
	return []string{
		"acting", "approval_needed", "blind", "break_glass", "closed", "countdown", "disk_low", "escalation", "failed", "held", "journal_failed", "monitor", "notify", "overdue",
		"reopened", SignalRootCause, "sla_missed", "stood_down", "step_failed", "trigger_blind",
	}
}
