package backtest

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Report is what a backtest found: one Result for each variant that was played,
// in the order in which they were asked for. Without a sweep there is one. The
// same configuration, labels and history always give the same Report: it holds no
// time of day of its making, and nothing of the cache.
type Report struct {
	// From and To are the first and the last tick that was played.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// StepSeconds is the grid's interval, Ticks how many ticks there were.
	StepSeconds float64 `json:"step_seconds"`
	Ticks       int     `json:"ticks"`
	// Services are those that are shown, in the order of their names. All of the
	// configuration's were played: guards look at the others too.
	Services []string `json:"services"`
	// Series are the recorded values that the triggers look at, in the order of
	// service and metric; all variants share them. What a variant assumed instead is
	// in its Assumed.
	Series []Series `json:"series"`
	// Gaps are the stretches in which something was not known, in the order of From.
	Gaps []Gap `json:"gaps"`
	// GapsLeftOut counts further gaps that are in the totals but not listed.
	GapsLeftOut int `json:"gaps_left_out,omitempty"`
	// Known says of each series how much of the period was known.
	Known []Coverage `json:"known"`
	// Labels are the labelled incidents of the services shown, in the order of the
	// file; empty without one.
	Labels []Label `json:"labels,omitempty"`
	// Results has one element a variant, never none.
	Results []Result `json:"results"`
}

// Result is what one variant of the configuration would have done.
type Result struct {
	// Config is the hash of the configuration that was played.
	Config string `json:"config"`
	// Set are the keys that were given another value, as `key = value`; empty for
	// the configuration as it stands.
	Set []string `json:"set,omitempty"`
	// Services are those shown, in the order of their names.
	Services []ServiceResult `json:"services"`
	// Assumed are the stretches after a rollback in which the record does not say
	// how the service would have behaved.
	Assumed []Assumption `json:"assumed"`
	// NotJudged are the triggers that history says nothing about (health, events).
	NotJudged []NotJudged `json:"not_judged"`
	// NothingKnown are the triggers that were judged without one known sample.
	NothingKnown []NothingKnown `json:"nothing_known,omitempty"`
	Totals       Totals         `json:"totals"`
	// Score compares with the labels; nil without any.
	Score *Score `json:"score,omitempty"`
}

// ServiceResult is one service in one variant.
type ServiceResult struct {
	Service string `json:"service"`
	// Mode is "live" or "shadow"; in shadow a rollback is held by `shadow`.
	Mode string `json:"mode"`
	// Triggers are those that were judged, in the order of their names.
	Triggers    []TriggerResult `json:"triggers"`
	Deployments []Deployment    `json:"deployments"`
	// Firings, Incidents and Rollbacks are in the order of time.
	Firings   []Firing   `json:"firings"`
	Incidents []Incident `json:"incidents"`
	Rollbacks []Rollback `json:"rollbacks"`
}

// TriggerResult is a trigger as it was played.
type TriggerResult struct {
	Name     string           `json:"name"`
	When     string           `json:"when"`
	Severity trigger.Severity `json:"severity"`
	// WindowSeconds is the length of its `for`, or of M samples; 0 without a hold.
	WindowSeconds float64 `json:"window_seconds"`
	// Conditions are its comparisons, in the order written. An `absent` has Op
	// "absent" and no threshold.
	Conditions []Condition `json:"conditions"`
}

// Condition is one comparison of a trigger; its values are in Report.Series.
type Condition struct {
	Metric string `json:"metric"`
	Op     string `json:"op"`
	// Threshold is in the metric's own unit, ThresholdText as written.
	Threshold     float64 `json:"threshold"`
	ThresholdText string  `json:"threshold_text,omitempty"`
}

// Series is the recorded history of one metric of one service, in points of equal
// length. A point of one tick has Min equal to Max.
type Series struct {
	Service string `json:"service"`
	Metric  string `json:"metric"`
	// Unit is the metric's; empty for a plain number.
	Unit trigger.Unit `json:"unit"`
	// From is the first tick of the first point, PointSeconds the length of a point.
	From         time.Time `json:"from"`
	PointSeconds float64   `json:"point_seconds"`
	Points       []Point   `json:"points"`
}

// Point is a stretch of a series: the least and the greatest known value in it,
// and how many of its ticks were known, unknown and missing. With no known tick,
// Min and Max mean nothing.
type Point struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Known   int     `json:"known"`
	Unknown int     `json:"unknown,omitempty"`
	Missing int     `json:"missing,omitempty"`
}

// Deployment is a version of a service as the record has it.
type Deployment struct {
	Version  string    `json:"version"`
	Previous string    `json:"previous,omitempty"`
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"`
	Change   string    `json:"change,omitempty"`
	// Source is "file" or "version_query".
	Source string `json:"source"`
	// FirstLook is true for what ran when the period began.
	FirstLook bool `json:"first_look,omitempty"`
	// Ignored is true where the played world had left that version by a rollback
	// of its own, so that its being recorded on is no news.
	Ignored bool `json:"ignored,omitempty"`
}

// Firing is one firing of one trigger.
type Firing struct {
	Trigger  string           `json:"trigger"`
	Severity trigger.Severity `json:"severity"`
	// Incident is the one that it opened or joined; Reopened as there.
	Incident string `json:"incident"`
	Reopened int    `json:"reopened,omitempty"`
	// Onset is the first breaching tick, FiredAt when the window was full.
	Onset   time.Time `json:"onset"`
	FiredAt time.Time `json:"fired_at"`
	// ClearedAt is when it was known ok again; zero while it was not.
	ClearedAt time.Time `json:"cleared_at,omitzero"`
	// Value is in the metric's own unit; ValueText and Threshold as people write it.
	Value          float64 `json:"value"`
	HasValue       bool    `json:"has_value"`
	ValueText      string  `json:"value_text,omitempty"`
	Threshold      string  `json:"threshold,omitempty"`
	ThresholdValue float64 `json:"threshold_value"`
	// WindowSeconds is the least time that the hold takes, OvershootSeconds by how
	// much later than that it fired.
	WindowSeconds    float64 `json:"window_seconds"`
	OvershootSeconds float64 `json:"overshoot_seconds"`
	// Label is the name of the labelled incident it belongs to; empty for none.
	Label string `json:"label,omitempty"`
}

// Incident is one incident as it would have been.
type Incident struct {
	ID string `json:"id"`
	// Reopened is how often it had been opened again: each time is an element of its
	// own, with the same ID.
	Reopened int              `json:"reopened,omitempty"`
	Severity trigger.Severity `json:"severity"`
	Mode     string           `json:"mode"`
	OpenedAt time.Time        `json:"opened_at"`
	// ClosedAt is zero where it was still open at the end of the period.
	ClosedAt time.Time        `json:"closed_at,omitzero"`
	State    incident.State   `json:"state"`
	Outcome  incident.Outcome `json:"outcome,omitempty"`
	// Response is the most direct one that was decided ("rollback", "countdown 2m"),
	// Reason that of the last decision.
	Response string `json:"response"`
	Reason   string `json:"reason"`
	// HeldBy is the guard shown by the last decision that was held; empty when none was.
	HeldBy incident.Guard `json:"held_by,omitempty"`
	// Holds are all guards that ever held it, and Caps all that lowered the
	// response, each with the first reason given, in the order of their coming.
	Holds []Hold `json:"holds,omitempty"`
	Caps  []Hold `json:"caps,omitempty"`
	// Triggers are the names of those that fired in it.
	Triggers []string `json:"triggers"`
	// Deployment is the version blamed; empty for none.
	Deployment string `json:"deployment,omitempty"`
	// DeployedAt is when that began; zero without one.
	DeployedAt time.Time `json:"deployed_at,omitzero"`
	// WaitedForPeople is true where somebody was asked, and in a backtest nobody answers.
	WaitedForPeople bool   `json:"waited_for_people,omitempty"`
	Label           string `json:"label,omitempty"`
}

// Hold is a guard that held an incident, or a limit that lowered its response.
type Hold struct {
	// Guard is empty for a limit that no guard has a name for (no_data, max_back).
	Guard        incident.Guard `json:"guard,omitempty"`
	Reason       string         `json:"reason"`
	ReleasesWhen string         `json:"releases_when,omitempty"`
	// At is when it was first decided.
	At time.Time `json:"at"`
}

// Rollback is one that would have run. Its steps are assumed to succeed at once.
type Rollback struct {
	Incident string `json:"incident"`
	// Reopened is that of the incident it belongs to.
	Reopened  int               `json:"reopened,omitempty"`
	State     incident.RunState `json:"state"`
	From      string            `json:"from"`
	To        string            `json:"to"`
	Onset     time.Time         `json:"onset"`
	DecidedAt time.Time         `json:"decided_at"`
	// StartedAt is when its first changing step would have begun; zero if none did.
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Triggers  []string  `json:"triggers"`
	// Label is the labelled incident it belongs to; empty for none.
	Label string `json:"label,omitempty"`
}

// GapKind says what kind of not knowing a gap is.
type GapKind string

// The kinds of gaps.
const (
	// GapUnknown is an answer that could not be used: an error, NaN, partial.
	GapUnknown GapKind = "unknown"
	// GapMissing is a series that was there before, and came back or did not.
	GapMissing GapKind = "missing"
	// GapEverything is no series of any metric for any service: Prometheus itself
	// was down or restarted.
	GapEverything GapKind = "everything"
	// GapBefore is the beginning of the period, before the first sample of anything:
	// Prometheus does not remember as far back.
	GapBefore GapKind = "before_history"
	// GapVersion is a stretch in which the running version could not be seen.
	GapVersion GapKind = "version"
)

// Gap is a stretch in which something was not known. It never counts as healthy.
type Gap struct {
	Kind GapKind `json:"kind"`
	// Service and Metric are empty where it concerns all of them.
	Service string `json:"service,omitempty"`
	Metric  string `json:"metric,omitempty"`
	// From is the first tick of it, To the first tick after it.
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// Coverage says how much of the period a series was known. The three add up to
// the period.
type Coverage struct {
	Service        string  `json:"service"`
	Metric         string  `json:"metric"`
	KnownSeconds   float64 `json:"known_seconds"`
	UnknownSeconds float64 `json:"unknown_seconds"`
	MissingSeconds float64 `json:"missing_seconds"`
}

// Assumption is a stretch for which the service's metrics were assumed.
type Assumption struct {
	Service string    `json:"service"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	// Text says what was assumed and why.
	Text string `json:"text"`
	// Values are what the metrics were assumed to be, by metric; a metric without a
	// known value before is not in it, and stayed unknown.
	Values map[string]float64 `json:"values,omitempty"`
}

// NotJudged is a trigger that cannot be played, and why.
type NotJudged struct {
	Service string `json:"service"`
	Trigger string `json:"trigger"`
	When    string `json:"when"`
	Reason  string `json:"reason"`
}

// Totals count what is in the services shown.
type Totals struct {
	Firings   int `json:"firings"`
	Incidents int `json:"incidents"`
	Rollbacks int `json:"rollbacks"`
	// Held counts the incidents that a guard held at any time, HeldBy by the guard
	// that was shown last.
	Held   int                    `json:"held"`
	HeldBy map[incident.Guard]int `json:"held_by,omitempty"`
	// Asked counts the incidents in which people were asked.
	Asked int `json:"asked"`
}

// Label is a labelled incident: what people know to have happened.
type Label struct {
	Service string    `json:"service"`
	Name    string    `json:"name"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	// BadVersion is the version to blame; empty where the label does not say.
	BadVersion string `json:"bad_version,omitempty"`
	// Deployment is true where a deployment caused it, so that undoing it was right.
	Deployment bool `json:"deployment"`
}

// Finding says what became of a label.
type Finding string

// What becomes of a label.
const (
	Caught Finding = "caught" // rolled back, or fired, within it
	Missed Finding = "missed"
	// NotSeen is one that was not found, and of which gaps left no stretch long
	// enough to find it in: it counts neither way.
	NotSeen Finding = "not_seen"
	// LeftAlone is one that no deployment caused, and that was not rolled back.
	LeftAlone Finding = "left_alone"
	// Wrong is one that was rolled back although no deployment caused it, or from
	// another version than the bad one.
	Wrong Finding = "wrong"
	// NotInPeriod is one of which nothing was played. It counts neither way, and
	// nor does what was done within five minutes of it.
	NotInPeriod Finding = "not_in_period"
)

// Score compares a variant with the labels.
type Score struct {
	// Rollbacks counts against the labels that a deployment caused, Firings
	// against all labels.
	Rollbacks Accuracy `json:"rollbacks"`
	Firings   Accuracy `json:"firings"`
	// Labels has one element for each of Report.Labels, in the same order.
	Labels []LabelScore `json:"labels"`
}

// Accuracy is how well something agrees with the labels.
type Accuracy struct {
	// Right and All count what was done: Precision is Right/All.
	Right int `json:"right"`
	All   int `json:"all"`
	// Found and Labels count the labels: Recall is Found/Labels. Those not seen
	// are in NotSeen and not in Labels.
	Found   int `json:"found"`
	Labels  int `json:"labels"`
	NotSeen int `json:"not_seen"`
	// Precision and Recall are 0 to 1; nil where there is nothing to divide by.
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	// The delays are from the beginning of a label that was found; nil without any.
	MedianDelaySeconds *float64 `json:"median_delay_seconds"`
	P95DelaySeconds    *float64 `json:"p95_delay_seconds"`
}

// LabelScore is what became of one label.
type LabelScore struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	// Rollback and Firing say what became of it, as to each.
	Rollback Finding `json:"rollback"`
	Firing   Finding `json:"firing"`
	// The delays are from the label's beginning; nil where there was none.
	RollbackDelaySeconds *float64 `json:"rollback_delay_seconds,omitempty"`
	FiringDelaySeconds   *float64 `json:"firing_delay_seconds,omitempty"`
	// Gap is the first of the gaps that left too little of it to be found; nil where
	// enough was known.
	Gap *Gap `json:"gap,omitempty"`
	// HeldBy says what held the incident, where it was not rolled back for that.
	HeldBy incident.Guard `json:"held_by,omitempty"`
	// Notes say what happened instead, where it was not caught.
	Notes []string `json:"notes,omitempty"`
}
