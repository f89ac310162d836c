package incident

import (
	"encoding/json"
	"strings"
)

// Finding is how one line of a rehearsal ended.
type Finding string

// The findings.
const (
	FindingOK       Finding = "ok"
	FindingProblem  Finding = "problem"
	FindingNotKnown Finding = "not_known"
)

// RehearsalLine is one thing that a rehearsal looked at, what it found, and why.
type RehearsalLine struct {
	// About is "target", "quarantine", "prepare", "checks", "probe", "if",
	// "reversible", "receivers" or "time"; Name is which one of them.
	About string  `json:"about"`
	Name  string  `json:"name,omitempty"`
	Found Finding `json:"found"`
	Why   string  `json:"why,omitempty"`
}

// StepPreview is one step, or one of its units, as it would run.
type StepPreview struct {
	Section Section `json:"section"`
	Name    string  `json:"name"`
	Unit    string  `json:"unit,omitempty"`
	Phase   string  `json:"phase,omitempty"`
	Kind    string  `json:"kind,omitempty"`
	// Does is what it would do in a few lines; Do is the same for programs, and
	// null where it cannot be filled in: Problem says why.
	Does    []string        `json:"does"`
	Do      json.RawMessage `json:"do,omitempty"`
	Problem string          `json:"problem,omitempty"`
	// Probe and If are what would be asked before it, in a line each.
	Probe          string  `json:"probe,omitempty"`
	If             string  `json:"if,omitempty"`
	TimeoutSeconds float64 `json:"timeout_seconds"`
	Retries        int     `json:"retries,omitempty"`
	OnFailure      string  `json:"on_failure,omitempty"`
	// SoakSeconds is the pause after this unit, EnoughSeconds how long it is looked
	// after the step whether the rest is needed.
	SoakSeconds   float64 `json:"soak_seconds,omitempty"`
	EnoughSeconds float64 `json:"enough_seconds,omitempty"`
	// Approval is who must say yes, by role; nil where nobody is asked.
	Approval map[string]int `json:"approval,omitempty"`
}

// TimeEstimate is how long a rollback is likely to take, decision to verified.
type TimeEstimate struct {
	// Measured are the runs that it rests on; ExpectedSeconds is their median and
	// SlowestSeconds the longest of them. Zero where none has been measured.
	Measured        []MeasuredRun `json:"measured"`
	ExpectedSeconds float64       `json:"expected_seconds,omitempty"`
	SlowestSeconds  float64       `json:"slowest_seconds,omitempty"`
	// LeastSeconds is what it takes though every step ended at once: waits, soaks
	// and verification. StepsSeconds is the part of it before verification.
	LeastSeconds float64 `json:"least_seconds"`
	StepsSeconds float64 `json:"steps_seconds"`
	// WorstSeconds is the sum of all that may be waited for.
	WorstSeconds   float64 `json:"worst_seconds"`
	SLASeconds     float64 `json:"sla_seconds,omitempty"`
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
}

// RehearsalReport is what a rehearsal found. It holds no secret.
type RehearsalReport struct {
	Service  string `json:"service"`
	Plan     string `json:"plan"`
	PlanHash string `json:"plan_hash"`
	Scope    string `json:"scope,omitempty"`
	From     string `json:"from"`
	To       string `json:"to"`
	// OK is true where there is no problem; what is not known is none.
	OK       bool            `json:"ok"`
	Problems int             `json:"problems"`
	NotKnown int             `json:"not_known"`
	Lines    []RehearsalLine `json:"lines"`
	Steps    []StepPreview   `json:"steps"`
	Time     TimeEstimate    `json:"time"`
	// Person are the guards that would refuse a person at present, Automatic what a
	// critical breach that began now would lead to. Neither is a problem: they come
	// and go.
	Person    []Hold   `json:"person,omitempty"`
	Automatic Decision `json:"automatic"`
	// Before is the rehearsal before this one; nil for the first.
	Before *RehearsalView `json:"before,omitempty"`
	// NotRecorded is why this rehearsal is not on record; empty where it is.
	NotRecorded string  `json:"not_recorded,omitempty"`
	TookSeconds float64 `json:"took_seconds"`
}

// Add takes in a line.
func (r *RehearsalReport) Add(l RehearsalLine) {
	r.Lines = append(r.Lines, l)
	switch l.Found {
	case FindingOK:
	case FindingProblem:
		r.Problems++
	case FindingNotKnown:
		r.NotKnown++
	}
	r.OK = r.Problems == 0
}

// Rehearsal is the report as it is remembered.
func (r *RehearsalReport) Rehearsal() Rehearsal {
	return Rehearsal{
		Plan: r.Plan, PlanHash: r.PlanHash, Scope: r.Scope, OK: r.OK, Problems: r.Problems, Problem: r.firstProblem(),
		From: r.From, To: r.To, TookSeconds: r.TookSeconds,
	}
}

// maxProblem is how many characters of a problem are remembered: a decision is read
// on a phone, and the report has the whole of it.
const maxProblem = 160

// firstProblem is the first line with a problem in a few words; empty without one.
func (r *RehearsalReport) firstProblem() string {
	for _, l := range r.Lines {
		if l.Found != FindingProblem {
			continue
		}
		words := []string{l.About}
		if l.Name != "" {
			words = append(words, l.Name)
		}
		text := []rune(strings.Join(words, " ") + ": " + l.Why)
		if len(text) > maxProblem {
			text = append(text[:maxProblem-1], '…')
		}
		return string(text)
	}
	return ""
}
