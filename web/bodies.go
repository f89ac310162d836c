package web

import "github.com/rollbackd/rollbackd/trigger"

// The bodies of commands. What is left out of JSON when it is empty need not be sent.
type (
	rollbackBody struct {
		Reason     string           `json:"reason"`
		IncidentID string           `json:"incident_id,omitempty"`
		To         string           `json:"to,omitempty"`
		Unseen     bool             `json:"unseen,omitempty"`
		Severity   trigger.Severity `json:"severity,omitempty"`
		Scope      string           `json:"scope,omitempty"`
		BreakGlass bool             `json:"break_glass,omitempty"`
	}
	brakeBody struct {
		Reason string   `json:"reason"`
		For    duration `json:"for,omitempty"`
	}
	pardonBody struct {
		Version string `json:"version"`
		Reason  string `json:"reason,omitempty"`
	}
	approveBody struct {
		Reason     string `json:"reason"`
		Plan       string `json:"plan,omitempty"`
		BreakGlass bool   `json:"break_glass,omitempty"`
	}
	wordBody struct {
		Reason string `json:"reason"`
	}
	rehearseBody struct {
		Reason string `json:"reason,omitempty"`
		Plan   string `json:"plan,omitempty"`
		To     string `json:"to,omitempty"`
		Unseen bool   `json:"unseen,omitempty"`
		Scope  string `json:"scope,omitempty"`
		In     string `json:"in,omitempty"`
	}
)
