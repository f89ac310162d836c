package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// errDead is what a daemon gets that has been killed inside an input: nothing
// it does has an effect any more.
var errDead = errors.New("the daemon was killed")

// journal is the durable memory of this world: the entries as they are on disk.
type journal struct {
	lines [][]byte
	// intents tells of each step that was begun whether it changes something.
	intents map[incident.StepRef]bool
	// ends are the durable ends of steps.
	ends map[incident.StepRef]incident.StepResult
	// runs are the runs by ID, and ways what they know of the way back.
	runs map[string]plannedRun
	ways map[string]wayBack
}

func newJournal() journal {
	return journal{
		intents: map[incident.StepRef]bool{}, ends: map[incident.StepRef]incident.StepResult{},
		runs: map[string]plannedRun{}, ways: map[string]wayBack{},
	}
}

// Record makes an entry durable, as incident.Carrier asks.
func (w *world) Record(e incident.Entry, m *incident.Message) error {
	line, err := w.write(e, m)
	if err != nil {
		w.audit.lost()
	}
	if w.driving {
		w.lived.writes = append(w.lived.writes, write{line, err})
	}
	return err
}

// write makes an entry durable; what it was on disk is nil where it could not be.
func (w *world) write(e incident.Entry, m *incident.Message) ([]byte, error) {
	if w.dying {
		return nil, errDead
	}
	w.observe()
	if err := w.room(e); err != nil {
		return nil, err
	}
	line, err := json.Marshal(e)
	if err != nil {
		w.fault("entry %s cannot be written: %v", e.Kind, err)
		return nil, err
	}
	w.journal.lines = append(w.journal.lines, line)
	w.append(e, line)
	w.disk.flight.Note(e)
	w.journal.keep(e, w.now)
	w.tally.entry(e)
	w.checkEntry(e)
	w.record.note(w.now, e.Service, string(e.Kind), entryLine(e))
	if m != nil && !w.unsaid(e) {
		w.tell(*m)
	}
	w.dying = w.killAfter > 0 && len(w.journal.lines) == w.killAfter
	return line, nil
}

func entryLine(e incident.Entry) string {
	if e.Actor == "" || e.Actor == "rollbackd" {
		return e.Text
	}
	return e.Text + " [" + e.Actor + "]"
}

// Carry carries out any other effect, as incident.Carrier asks.
func (w *world) Carry(e incident.Effect) {
	if w.dying {
		return
	}
	w.observe()
	switch e := e.(type) {
	case incident.Read:
		w.audit.read(e)
		w.later(incident.Samples{At: w.clock(), Kind: e.Kind, ReadID: e.ID, Answers: w.answers(w.now, e.Metrics)})
	case incident.ReadPast:
		w.readPast(e)
	case incident.Start:
		w.startStep(e)
	case incident.Stop:
		w.stopStep(e.Run)
	case incident.Reply:
		w.audit.reply(e)
		if e.Err != "" {
			w.tally.Refused++
			w.record.note(w.now, "", "refused", e.Err)
		}
	case incident.Tell:
		w.tell(e.Message)
	case incident.WakeAt:
		w.wakeAt(e.T)
	case incident.Capture:
		w.capture(e)
	default:
		w.fault("unknown effect %T", e)
	}
}

// wakeAt asks for a wake. A later one replaces it, a zero time cancels it.
func (w *world) wakeAt(t time.Time) {
	if t.IsZero() {
		w.wake = -1
		return
	}
	at, life := max(w.since(t), w.now), w.life
	w.wake = at
	w.queue.push(at, rankEffect, func() {
		if w.life == life && w.wake == at {
			w.wake = -1
			w.input(incident.Wake{})
		}
	})
}

// offset writes a time since the start as the timeline shows it: +03:15, and
// with hours +1:03:15.
func offset(d time.Duration) string {
	if d < 0 {
		return "-" + offset(-d)[1:]
	}
	d = d.Round(time.Millisecond)
	h, m, s := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute
	text := fmt.Sprintf("%02d:%02d", m, s/time.Second)
	if fraction := s % time.Second; fraction > 0 {
		text += fmt.Sprintf(".%03d", fraction/time.Millisecond)
	}
	if h > 0 {
		text = fmt.Sprintf("%d:%s", h, text)
	}
	return "+" + text
}
