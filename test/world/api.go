package world

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// What follows are the documents of the API, with the names that users are
// promised and no others: they are written out here so that a name which changes
// breaks a test.

// Incident is GET /api/v1/incidents/{id}.
type Incident struct {
	ID           string     `json:"id"`
	Service      string     `json:"service"`
	Severity     string     `json:"severity"`
	Mode         string     `json:"mode"`
	State        string     `json:"state"`
	Outcome      string     `json:"outcome"`
	OpenedAt     time.Time  `json:"opened_at"`
	ClosedAt     time.Time  `json:"closed_at"`
	Triggers     []Trigger  `json:"triggers"`
	Decision     Decision   `json:"decision"`
	Deployment   Deployment `json:"deployment"`
	Rollback     *Rollback  `json:"rollback"`
	Verification struct {
		State string `json:"state"`
	} `json:"verification"`
	Timeline []struct {
		At    time.Time `json:"at"`
		Kind  string    `json:"kind"`
		Actor string    `json:"actor"`
		Text  string    `json:"text"`
	} `json:"timeline"`
}

// Trigger is a trigger of an incident or of a service.
type Trigger struct {
	Name    string    `json:"name"`
	When    string    `json:"when"`
	State   string    `json:"state"`
	Truth   string    `json:"truth"`
	Value   float64   `json:"value"`
	Since   time.Time `json:"since"`
	FiredAt time.Time `json:"fired_at"`
	Reason  string    `json:"reason"`
}

// Decision is what was decided, and why.
type Decision struct {
	Response     json.RawMessage `json:"response"`
	Reason       string          `json:"reason"`
	HeldBy       string          `json:"held_by"`
	ReleasesWhen string          `json:"releases_when"`
}

// Deployment is what is blamed.
type Deployment struct {
	Version   string    `json:"version"`
	Previous  string    `json:"previous"`
	StartedAt time.Time `json:"started_at"`
}

// Rollback is one run.
type Rollback struct {
	State           string    `json:"state"`
	From            string    `json:"from"`
	To              string    `json:"to"`
	StartedAt       time.Time `json:"started_at"`
	EndedAt         time.Time `json:"ended_at"`
	DurationSeconds float64   `json:"duration_seconds"`
	Steps           []Step    `json:"steps"`
}

// Step is one step of a run.
type Step struct {
	Name      string    `json:"name"`
	Unit      string    `json:"unit"`
	Section   string    `json:"section"`
	State     string    `json:"state"`
	Attempts  int       `json:"attempts"`
	ExitCode  *int      `json:"exit_code"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
}

// Step finds one by its name; nil without one.
func (r *Rollback) Step(name string) *Step {
	if r == nil {
		return nil
	}
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	return nil
}

// ServiceState is GET /api/v1/services/{s}.
type ServiceState struct {
	Service        string    `json:"service"`
	State          string    `json:"state"`
	RunningVersion string    `json:"running_version"`
	TargetVersion  string    `json:"target_version"`
	Incident       string    `json:"incident"`
	Triggers       []Trigger `json:"triggers"`
	Instances      []struct {
		Instance string `json:"instance"`
		Status   string `json:"status"`
		Failures int    `json:"consecutive_failures"`
	} `json:"instances"`
}

// Failures is how many checks of an instance failed in a row; -1 where the
// instance is not known.
func (s ServiceState) Failures(instance string) int {
	for _, i := range s.Instances {
		if i.Instance == instance {
			return i.Failures
		}
	}
	return -1
}

// Trigger finds one by its name.
func (s ServiceState) Trigger(name string) Trigger {
	for _, tr := range s.Triggers {
		if tr.Name == name {
			return tr
		}
	}
	return Trigger{}
}

// Service reads a service's state.
func (d *Daemon) Service(t testing.TB, name string) ServiceState {
	t.Helper()
	var s ServiceState
	d.Get(t, "/api/v1/services/"+name, &s)
	return s
}

// Incidents lists a service's incidents, newest first.
func (d *Daemon) Incidents(t testing.TB, service string) []Incident {
	t.Helper()
	var list []Incident
	d.Get(t, "/api/v1/incidents?service="+service, &list)
	return list
}

// Newest is the newest incident of each service that has one, by service.
func (d *Daemon) Newest(t testing.TB) map[string]Incident {
	t.Helper()
	var list []Incident
	d.Get(t, "/api/v1/incidents?limit=1000", &list)
	newest := map[string]Incident{}
	for _, i := range list {
		if _, newer := newest[i.Service]; !newer {
			newest[i.Service] = i
		}
	}
	return newest
}

// AwaitTrigger waits until a trigger is as wanted.
func (d *Daemon) AwaitTrigger(t testing.TB, service, name string, within time.Duration, want func(Trigger) bool) Trigger {
	t.Helper()
	var tr Trigger
	Await(t, "trigger "+name+" to be as wanted", within, func() (bool, string) {
		tr = d.Service(t, service).Trigger(name)
		return want(tr), fmt.Sprintf("%+v", tr)
	})
	return tr
}

// AwaitIncident waits until the service's newest incident is as wanted.
func (d *Daemon) AwaitIncident(t testing.TB, service string, within time.Duration, want func(Incident) bool) Incident {
	t.Helper()
	var newest Incident
	Await(t, "an incident to be as wanted", within, func() (bool, string) {
		list := d.Incidents(t, service)
		if len(list) == 0 {
			return false, fmt.Sprintf("no incident; %+v", d.Service(t, service))
		}
		newest = list[0]
		return want(newest), newest.summary()
	})
	return newest
}

// summary is an incident in as many lines as its timeline.
func (i Incident) summary() string {
	text := fmt.Sprintf("%s %s %s held by %q: %s", i.ID, i.State, i.Outcome, i.Decision.HeldBy, i.Decision.Reason)
	for _, m := range i.Timeline {
		text += fmt.Sprintf("\n  %s %s %s", m.At.Format("15:04:05.000"), m.Kind, m.Text)
	}
	return text
}

// InState is for AwaitIncident.
func InState(state string) func(Incident) bool {
	return func(i Incident) bool { return i.State == state }
}

// InTruth is for AwaitTrigger.
func InTruth(truth string) func(Trigger) bool {
	return func(tr Trigger) bool { return tr.Truth == truth }
}
