package backtest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// Record keeps an entry, as incident.Carrier asks. It is durable at once: nothing
// crashes here.
func (p *player) Record(e incident.Entry, _ *incident.Message) error {
	p.record.take(e)
	if e.Kind == incident.KindVerifying {
		p.parted.leave(e)
	}
	return nil
}

// Carry carries out any other effect, as incident.Carrier asks. Everything succeeds,
// and nobody answers.
func (p *player) Carry(e incident.Effect) {
	switch e := e.(type) {
	case incident.Read:
		p.then = append(p.then, incident.Samples{At: p.now, Kind: e.Kind, ReadID: e.ID, Answers: p.board.read(e.Metrics)})
	case incident.Start:
		p.start(e)
	case incident.Stop:
		p.cut(e.Run)
	case incident.WakeAt:
		p.wake = e.T
	case incident.Capture:
		for _, step := range e.Steps {
			p.first = append(p.first, incident.Captured{Service: e.Service, Incident: e.Incident, Name: step.Name, Result: p.done(p.now)})
		}
	case incident.Reply, incident.Tell, incident.Record, incident.ReadPast:
		// Nobody is there to be told.
	}
}

// start ends a step well: at once, or after the time that it says it waits.
func (p *player) start(s incident.Start) {
	ends := p.now.Add(waits(s.Do))
	in := incident.StepEnded{Ref: s.Ref, Result: p.done(ends)}
	if !ends.After(p.now) {
		p.then = append(p.then, in)
		return
	}
	p.steps = append(p.steps, laterInput{at: ends, in: in})
	slices.SortStableFunc(p.steps, func(a, b laterInput) int { return a.at.Compare(b.at) })
}

// cut ends a wait of a run that is to stop.
func (p *player) cut(run string) {
	for i, later := range p.steps {
		if ended, is := later.in.(incident.StepEnded); is && ended.Ref.Run == run {
			ended.Result = p.done(p.now)
			ended.Result.State, ended.Result.ExitCode = incident.StepFailed, nil
			ended.Result.Error, ended.Result.NothingChanged = "cut short", true
			p.steps = slices.Delete(p.steps, i, i+1)
			p.then = append(p.then, ended)
			return
		}
	}
}

func (p *player) done(ends time.Time) incident.StepResult {
	code := 0
	return incident.StepResult{State: incident.StepDone, ExitCode: &code, StartedAt: p.now, EndedAt: ends}
}

// waits is how long a step waits by itself.
func waits(do json.RawMessage) time.Duration {
	if s, err := action.Decode(do); err == nil && s.Kind == action.KindWait {
		return s.For
	}
	return 0
}
