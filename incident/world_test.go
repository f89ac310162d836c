package incident_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// start is on the 15 s grid.
var start = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// world carries effects out at once: reads answer with the present value, steps
// end as told, and the journal is a slice that can be made to fail.
type world struct {
	t       *testing.T
	brain   *incident.Brain
	opts    incident.Options
	now     time.Time
	values  map[string]trigger.Reading // by service, of the one metric "errors"
	sourceX string                     // an error of the source; empty while it answers
	journal []incident.Entry
	told    []incident.Message
	started []incident.Start
	reads   []incident.Read
	// confirms happens before a confirm-read is answered.
	confirms func()
	replies  []incident.Reply
	queue    []incident.Input
	// captures are those asked for; one whose name hangs does not end.
	captures []incident.Capture
	wakeAt   time.Time
	// results are the ends of the steps by name, in turn; the last repeats. A
	// step without one ends done.
	results map[string][]incident.StepResult
	hang    map[string]bool // steps that never end in this process
	full    bool            // the journal refuses
	// holdWhen answers [guards] hold_when; its zero value is that nothing holds.
	holdWhen trigger.Answer
	history  []incident.Samples // the newest ticks, for rebuilding windows
	reversed bool               // of several reads the last is answered first
	unread   string             // a service whose confirm-reads get no answer
}

func newWorld(t *testing.T, o incident.Options) *world {
	t.Helper()
	w := &world{
		t: t, brain: incident.New(o), opts: o, now: start,
		values: map[string]trigger.Reading{}, results: map[string][]incident.StepResult{}, hang: map[string]bool{},
	}
	w.give(incident.Restored{To: start})
	return w
}

type journalFullError struct{}

func (journalFullError) Error() string { return "disk full" }

func (w *world) Record(e incident.Entry, m *incident.Message) error {
	if w.full {
		return journalFullError{}
	}
	data, err := json.Marshal(e)
	if err != nil {
		w.t.Fatalf("entry does not marshal: %v", err)
	}
	var back incident.Entry
	if err := json.Unmarshal(data, &back); err != nil {
		w.t.Fatalf("entry does not unmarshal: %v", err)
	}
	w.journal = append(w.journal, back)
	if m != nil {
		w.told = append(w.told, *m)
	}
	return nil
}

func (w *world) Carry(effect incident.Effect) {
	switch e := effect.(type) {
	case incident.Read:
		w.reads = append(w.reads, e)
		if w.confirms != nil && e.Kind == incident.Confirm {
			w.confirms()
		}
		answers := map[string]trigger.Answer{}
		for _, metric := range e.Metrics {
			answers[metric] = w.answerTo(metric)
		}
		if e.Service == w.unread {
			return
		}
		answer := incident.Samples{At: w.now, Kind: e.Kind, ReadID: e.ID, Answers: answers}
		if w.reversed {
			w.queue = slices.Insert(w.queue, 0, incident.Input(answer))
			return
		}
		w.queue = append(w.queue, answer)
	case incident.Start:
		w.started = append(w.started, e)
		if w.hang[e.Ref.Name] {
			return
		}
		w.queue = append(w.queue, incident.StepEnded{Ref: e.Ref, Result: w.result(e)})
	case incident.Tell:
		w.told = append(w.told, e.Message)
	case incident.Reply:
		w.replies = append(w.replies, e)
	case incident.Capture:
		w.captures = append(w.captures, e)
		for _, s := range e.Steps {
			if !w.hang[s.Name] {
				w.queue = append(w.queue, incident.Captured{Service: e.Service, Incident: e.Incident, Name: s.Name, Result: w.ending(s.Name)})
			}
		}
	case incident.WakeAt:
		w.wakeAt = e.T
	case incident.Stop, incident.Record:
	}
}

func (w *world) result(e incident.Start) incident.StepResult {
	if e.Ref.Unit != "" {
		if _, own := w.results[e.Ref.Name+" "+e.Ref.Unit]; own {
			return w.ending(e.Ref.Name + " " + e.Ref.Unit)
		}
	}
	return w.ending(e.Ref.Name)
}

// ending is how something by a name ends this time.
func (w *world) ending(name string) incident.StepResult {
	r := incident.StepResult{State: incident.StepDone}
	if list := w.results[name]; len(list) > 0 {
		r = list[0]
		if len(list) > 1 {
			w.results[name] = list[1:]
		}
	}
	r.StartedAt, r.EndedAt = w.now, w.now
	return r
}

func (w *world) answerTo(metric string) trigger.Answer {
	if metric == incident.HoldWhenMetric {
		return w.holdWhen
	}
	return w.answer()
}

func (w *world) answer() trigger.Answer {
	if w.sourceX != "" {
		return trigger.Answer{Err: w.sourceX}
	}
	services := map[string]trigger.Reading{}
	for name, r := range w.values {
		if r.Presence != trigger.Missing {
			services[name] = r
		}
	}
	return trigger.Answer{Services: services}
}

// give hands one input to the brain, and all that comes of it.
func (w *world) give(in incident.Input) {
	before := len(w.journal)
	incident.Drive(w.brain, w.now, in, w)
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		incident.Drive(w.brain, w.now, next, w)
	}
	// A rule that undoes what another has just decided never comes to rest.
	if n := len(w.journal) - before; n > 100 {
		w.t.Fatalf("%T led to %d entries, the last of them %q", in, n, w.journal[len(w.journal)-1].Text)
	}
}

// pass lets time pass without ticks of the grid, as far as the brain asked to be woken.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for !w.wakeAt.IsZero() && !w.wakeAt.After(end) && w.wakeAt.After(w.now) {
		w.now = w.wakeAt
		w.give(incident.Wake{})
	}
	w.now = end
	w.give(incident.Wake{})
}

// run lets ticks of the grid pass for a while.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for w.now.Before(end) {
		w.now = w.now.Truncate(w.opts.Poll).Add(w.opts.Poll)
		tick := incident.Samples{At: w.now, Kind: incident.Grid, Answers: map[string]trigger.Answer{"errors": w.answer()}}
		if w.opts.Guards.HoldWhen {
			tick.Answers[incident.HoldWhenMetric] = w.holdWhen
		}
		if w.history = append(w.history, tick); len(w.history) > 10 {
			w.history = w.history[1:]
		}
		w.give(tick)
	}
}

// setClock sets the wall clock; no time passes by it.
func (w *world) setClock(by time.Duration) {
	w.now, w.history = w.now.Add(by), nil
	w.give(incident.ClockStepped{By: by})
}

// restart kills the brain and goes on from the journal.
func (w *world) restart(down time.Duration) {
	w.queue = nil
	b := incident.New(w.opts)
	for _, e := range w.journal {
		b.Apply(e)
	}
	w.brain = b
	from := w.now
	for _, h := range w.history {
		w.give(incident.Samples{At: h.At, Kind: incident.Rebuilt, Answers: h.Answers})
	}
	w.now = w.now.Add(down)
	w.give(incident.Restored{DownFrom: from, To: w.now})
}

func (w *world) set(v float64, services ...string) {
	for _, s := range services {
		w.values[s] = trigger.KnownValue(v)
	}
}

func (w *world) deploy(service, version, previous string) {
	w.give(incident.Deployed{Service: service, Version: version, Previous: previous, At: w.now, Source: "nats"})
}

func (w *world) command(verb, service string) incident.Reply {
	w.t.Helper()
	before := len(w.replies)
	w.give(incident.Command{ID: "c", Verb: verb, Service: service, Actor: "alice", Reason: "because"})
	if len(w.replies) != before+1 {
		w.t.Fatalf("%s got %d replies, want 1", verb, len(w.replies)-before)
	}
	return w.replies[before]
}

func (w *world) incident(service string) *incident.Incident {
	w.t.Helper()
	inc, ok := w.brain.Newest(service)
	if !ok {
		w.t.Fatalf("%s has no incident", service)
	}
	return inc
}

// steps are the names of the started steps of the plan's main part and finally.
func (w *world) steps() []string {
	return w.ran(incident.SectionStopDeploy, incident.SectionSteps, incident.SectionForward, incident.SectionFinally)
}

// ran are the names of the started steps of some sections, with their units.
func (w *world) ran(sections ...incident.Section) []string {
	var names []string
	for _, s := range w.started {
		if slices.Contains(sections, s.Ref.Section) && !s.Resume {
			names = append(names, strings.TrimSpace(s.Ref.Name+" "+s.Ref.Unit))
		}
	}
	return names
}

// options is one configuration for all tests: error_rate > 1% for 2m, critical.
func options(services ...string) incident.Options {
	const poll = 15 * time.Second
	spec := trigger.Spec{
		Name: "errors", Severity: trigger.Critical, Poll: poll, MaxGap: 3 * poll,
		Expr: trigger.Expr{
			Text: "errors > 1% for 2m",
			Conditions: []trigger.Condition{{
				Kind: trigger.Compare, Metric: "errors", Op: trigger.Greater, Threshold: 0.01, ThresholdText: "1%", Text: "errors > 1%",
			}},
			Hold: trigger.Hold{For: 2 * time.Minute},
		},
	}
	o := incident.Options{
		Hash: "test", Poll: poll, MaxGap: 3 * poll, Matrix: evaluator.DefaultMatrix("1", 2*time.Minute),
		Decide: incident.Decide{
			Within:    map[trigger.Severity]time.Duration{trigger.Critical: 5 * time.Minute, trigger.High: 15 * time.Minute, trigger.Medium: time.Hour},
			Approvals: map[string]int{"any": 1}, ApprovalExpires: 15 * time.Minute,
		},
		Guards: incident.Guards{
			PerServiceCount: 2, PerServiceWithin: 6 * time.Hour, MaxConcurrent: 2, MaxPerHour: 5, NeverOK: true,
			Correlated: incident.Correlated{Services: 3, Share: 0.3, Within: 5 * time.Minute},
		},
		Services: map[string]incident.ServiceOptions{},
	}
	for _, name := range services {
		plan := &incident.Plan{
			Name: "undo", SLA: 15 * time.Minute, Timeout: 30 * time.Minute,
			Verify: incident.Verify{Settle: 30 * time.Second, Hold: time.Minute, Within: 5 * time.Minute},
			Steps: []incident.PlanStep{
				{Name: "flip", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, Do: json.RawMessage(`{"kind":"exec","argv":["flip"]}`)},
				{Name: "restart", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, Do: json.RawMessage(`{"kind":"exec","argv":["restart"]}`)},
			},
		}
		o.Services[name] = incident.ServiceOptions{
			Name: name, Tier: "1", Triggers: []trigger.Spec{spec}, Quorum: trigger.Quorum{Share: 0.5, MinInstances: 1}, Plan: plan,
			Deployment: incident.DeploymentOptions{Required: true, BlameWindow: time.Hour, OnsetSlack: 2 * time.Minute, MaxBack: 1},
			Cooldown:   5 * time.Minute,
		}
	}
	return o
}
