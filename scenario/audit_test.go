package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
	"github.com/rollbackd/rollbackd/trigger"
)

// story tells an auditor what a brain is told and does, in the words of a test.
type story struct {
	*scenario.Audit
	now  time.Duration
	runs int
}

// audited is the configuration that stories play in: its triggers fire after two
// minutes, a rollback is verified by one minute of known ok, half a minute after.
const audited = `
[[case]]
name     = "x"
until    = "1m"
standing = true
[case.config.guards]
cooldown       = "10m"
per_service    = "2 in 6h"
max_concurrent = 2
max_per_hour   = 3
# more
[case.config.plans.undo]
steps = [{ name = "undo", exec = ["/usr/local/bin/undo", "${target_version}"] }]
[case.config.plans.restart]
steps = [{ name = "restart", exec = ["/usr/local/bin/restart"] }]
[case.config.services]
cart   = { plan = "undo", triggers = { errors = { when = "error_rate > 1% for 2m", severity = "critical" } }, deployment = { required = true } }
search = { plan = "undo", triggers = { errors = { when = "error_rate > 1% for 2m", severity = "critical" } }, deployment = { required = true } }
tools  = { plan = "restart", triggers = { errors = { when = "error_rate > 1% for 2m", severity = "critical" } }, deployment = { required = false } }
stock  = { plan = "undo", triggers = { errors = { when = "error_rate > 1% for 2m", severity = "critical" } }, deployment = { symlink = "/srv/stock/current" } }
`

func newStory(t *testing.T, more string) *story {
	t.Helper()
	if !strings.Contains(more, "never_ok") {
		more = "never_ok = false\n" + more // stories begin with a breach
	}
	return &story{Audit: scenario.NewAudit(parse(t, strings.Replace(audited, "# more\n", more, 1)))}
}

// ticks are grid samples from now on, one every 15 s, of one service: a number, or
// "?" for one that is not known.
func (s *story) ticks(service, values string) {
	for v := range strings.FieldsSeq(values) {
		s.Tell(incident.Samples{At: s.Wall(s.now), Kind: incident.Grid, Answers: readings(service, v)})
		s.after(15 * time.Second)
	}
}

func readings(service, value string) map[string]trigger.Answer {
	r := trigger.UnknownBecause("nan")
	var number float64
	if _, err := fmt.Sscan(value, &number); err == nil {
		r = trigger.KnownValue(number)
	}
	return map[string]trigger.Answer{"error_rate": {Services: map[string]trigger.Reading{service: r}}}
}

// after lets time go by.
func (s *story) after(d time.Duration) {
	s.now += d
	s.At(s.now)
}

func (s *story) record(kind incident.Kind, service string, fill func(*incident.Entry)) {
	e := incident.Entry{At: s.Wall(s.now), Kind: kind, Service: service, Incident: "of " + service, Actor: "a", Text: "t"}
	if fill != nil {
		fill(&e)
	}
	s.Record(e)
}

func (s *story) deploys(service, version string) {
	s.record(incident.KindDeployment, service, func(e *incident.Entry) {
		e.Deployment = &incident.Deployment{Service: service, Version: version, StartedAt: e.At}
	})
}

// opens opens an incident for the trigger errors.
func (s *story) opens(service string) {
	s.record(incident.KindOpened, service, func(e *incident.Entry) {
		e.Opened = &incident.OpenedEntry{Triggers: []incident.Evidence{{Name: "errors", Length: 2 * time.Minute}}}
	})
}

// confirms reads the trigger once more.
func (s *story) confirms(service, value string) {
	s.Carry(incident.Read{ID: "c", Kind: incident.Confirm, Service: service})
	s.Tell(incident.Samples{At: s.Wall(s.now), Kind: incident.Confirm, ReadID: "c", Answers: readings(service, value)})
}

// plans plans a rollback, automatic unless change says otherwise.
func (s *story) plans(service, from, to string, change func(*incident.Run)) string {
	s.runs++
	run := &incident.Run{
		ID: fmt.Sprint("r", s.runs), From: from, To: to, Automatic: true, Leaves: true, Fence: uint64(s.runs), Plan: *s.Options.Services["checkout"].Plan,
	}
	if change != nil {
		change(run)
	}
	s.record(incident.KindPlanned, service, func(e *incident.Entry) { e.Planned = run })
	return run.ID
}

func byPerson(run *incident.Run) { run.Automatic = false }

// flagsOff is a person's rollback that leaves the version where it is.
func flagsOff(run *incident.Run) { run.Automatic, run.Leaves = false, false }

// step begins the run's step: the intent, and the start.
func (s *story) step(service, run string) {
	ref := incident.StepRef{Incident: "of " + service, Service: service, Run: run, Section: incident.SectionSteps, Name: "undo", Attempt: 1, Fence: uint64(s.runs)}
	s.record(incident.KindStepBegun, service, func(e *incident.Entry) { e.Step = &incident.StepEntry{Ref: ref, Changes: true} })
	s.Carry(incident.Start{Ref: ref})
}

// ends ends the run's step.
func (s *story) ends(service, run string, result incident.StepResult) {
	ref := incident.StepRef{Incident: "of " + service, Service: service, Run: run, Section: incident.SectionSteps, Name: "undo", Attempt: 1, Fence: uint64(s.runs)}
	s.record(incident.KindStepEnded, service, func(e *incident.Entry) {
		e.Step = &incident.StepEntry{Ref: ref, Changes: true, Result: &result}
	})
}

// verifies begins the verification, and over ends the run.
func (s *story) verifies(service, run string) {
	s.record(incident.KindVerifying, service, func(e *incident.Entry) {
		e.Verifying = &incident.VerifyingEntry{Run: run, From: e.At, Until: e.At.Add(5 * time.Minute), Triggers: []string{"errors"}}
	})
}

func (s *story) over(service, run string, state incident.RunState, samples int) {
	s.record(incident.KindRunEnded, service, func(e *incident.Entry) {
		e.RunEnded = &incident.RunEndedEntry{Run: run, State: state, Samples: samples}
	})
}

func (s *story) closes(service string, outcome incident.Outcome) {
	s.record(incident.KindClosed, service, func(e *incident.Entry) { e.Closed = &incident.ClosedEntry{Outcome: outcome} })
}

// commands asks for something, and it is done.
func (s *story) commands(c incident.Command) {
	c.ID, c.Actor = "1", "alice"
	s.Tell(c)
	s.Carry(incident.Reply{ID: "1", Incident: "of " + c.Service})
}

// breaks makes a deployment bad, up to a confirmed breach.
func (s *story) breaks(service string) {
	s.ticks(service, "0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05")
	s.opens(service)
	s.confirms(service, "0.05")
}

// rollsBack is a whole rollback that a person asked for or not, up to its end.
func (s *story) rollsBack(service, from, to string, change func(*incident.Run)) {
	run := s.plans(service, from, to, change)
	s.step(service, run)
	s.ends(service, run, incident.StepResult{State: incident.StepDone})
	s.verifies(service, run)
	s.over(service, run, incident.RunAborted, 0)
	s.closes(service, incident.RolledBack)
}

// auditTest is a story, and the invariant that it breaks; zero for one that breaks none.
type auditTest struct {
	name string
	tell func(*story)
	want int
	text string // a part of what is said
}

// runAudits tells each story and looks at what the auditor found.
func runAudits(t *testing.T, tests []auditTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, "")
			tt.tell(s)
			if tt.want == 0 {
				for _, v := range s.Found {
					t.Errorf("nothing is wrong here, and it says: %s", v)
				}
				return
			}
			found := ""
			for _, v := range s.Found {
				if v.Invariant != tt.want {
					t.Errorf("besides: %s", v)
				}
				found += v.String() + "\n"
			}
			if !strings.Contains(found, tt.text) || found == "" {
				t.Errorf("found:\n%s\nwant invariant %d: …%s…", found, tt.want, tt.text)
			}
		})
	}
}
