package publish

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
)

// mostBytes is how large an event may become: half of what a NATS server takes
// unless it is told otherwise.
const mostBytes = 512 << 10

// analysis is the data of the signal that somebody should look for the root cause.
type analysis struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
	// Incident is its ID, and Reason why it is worth somebody's time.
	Incident string           `json:"incident"`
	Reason   string           `json:"reason"`
	Summary  incident.Summary `json:"summary"`
	// Document is the whole incident, without what steps wrote; left out where it
	// would be too large: Report and URL lead to it.
	Document *incident.Incident `json:"document,omitempty"`
	URL      string             `json:"url,omitempty"`
	Report   string             `json:"report,omitempty"`
}

// worthAnalysing tells whether an entry closes an incident whose cause somebody
// should look for: something was rolled back, or was to be. It is the condition of
// incident.SignalRootCause, by which receivers are told.
func worthAnalysing(f fact) bool {
	return f.Closed != nil && f.after != nil && f.after.Rollback != nil && f.after.Rehearses == nil
}

// whyAnalyse is why a closed incident should be looked into.
func whyAnalyse(run *incident.Run) string {
	switch {
	case run.State == incident.RunCompleted:
		return "rolled back and verified"
	case run.Changed:
		return "a rollback changed something and was not verified"
	case run.State == incident.RunBlocked:
		return "a rollback could not begin"
	}
	return "a rollback was begun and changed nothing"
}

// rootCause is the signal that somebody should look for the root cause.
func (p *Publisher) rootCause(f fact) (*nats.Msg, error) {
	links := p.o.Links(f.Incident)
	data := analysis{
		Seq: f.seq, Hash: f.hash, Incident: f.Incident, Reason: whyAnalyse(f.after.Rollback), Summary: f.after.Summary(),
		Document: shown(f.after), URL: links.Page, Report: links.Report,
	}
	if err := data.fit(); err != nil {
		return nil, fmt.Errorf("incident %s: %w", f.Incident, err)
	}
	return p.cloudEvent(f, f.id()+"/"+kindRootCause, kindRootCause, data).message(p.subject(f.Service, kindRootCause))
}

// fit leaves out what would make the event too large, the samples first.
func (a *analysis) fit() error {
	for range 2 {
		body, err := json.Marshal(a)
		if err != nil {
			return err
		}
		switch {
		case len(body) <= mostBytes:
			return nil
		case a.Document != nil && len(a.Document.Samples) > 0:
			a.Document.Samples = nil
		default:
			a.Document = nil
		}
	}
	return nil
}

// shown is an incident for listeners: the public form, without the outputs and
// errors of steps. Those are for people who may read the report.
func shown(inc *incident.Incident) *incident.Incident {
	c := inc.Public()
	c.Captures = nil
	c.Rollback = silent(c.Rollback)
	for i := range c.EarlierRollbacks {
		c.EarlierRollbacks[i] = silent(c.EarlierRollbacks[i])
	}
	return c
}

// silent is a run of the public form without what its steps wrote.
func silent(run *incident.Run) *incident.Run {
	if run == nil {
		return nil
	}
	for _, steps := range [][]incident.StepRun{run.Checks, run.Steps} {
		for i := range steps {
			steps[i].Output, steps[i].Error = "", ""
		}
	}
	return run
}
