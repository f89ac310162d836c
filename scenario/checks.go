package scenario

import (
	"bytes"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// What every case is held to, whatever it expects. Each is one of the
// invariants of the design; a case in which one does not hold has failed. What
// only needs the inputs, the journal and the steps started is the auditor's.

// hear lets the auditor, and the second brain, know what the brain is about to be told.
func (w *world) hear(in incident.Input) {
	now := w.present()
	w.audit.at(w.now, now)
	w.audit.input(in)
	w.lived.inputs = append(w.lived.inputs, said{now, in})
	w.driving = true
}

// checkEntry looks at an entry that has just become durable.
func (w *world) checkEntry(e incident.Entry) {
	w.audit.at(w.now, w.present())
	w.audit.entry(e)
	if e.At.IsZero() || e.At.Location() != time.UTC || e.Actor == "" || e.Text == "" {
		w.fault("entry %s has no time in UTC, no actor or no text", e.Kind)
	}
}

// checkStart looks at a step that is about to run.
func (w *world) checkStart(s incident.Start) {
	w.audit.at(w.now, w.present())
	w.audit.start(s)
	if !s.Resume {
		w.checkOrder(s)
		w.checkAgain(s)
	}
}

// checkAgain looks at a step that runs more than once in its run: only a step
// that is declared idempotent may, one that says that it changed nothing, or one
// that failed before our eyes and whose probe says that it is not done.
func (w *world) checkAgain(s incident.Start) {
	run, known := w.journal.runs[s.Ref.Run]
	if !known || !w.journal.intents[s.Ref] {
		return // what only looks or waits may be asked again
	}
	plan, there := stepOf(&run.plan, s.Ref)
	if !there {
		w.fault("step %d of %s started, which the plan does not have", s.Ref.Index, s.Ref.Service)
		return
	}
	for ref := range w.jobs {
		if !sameStep(ref, s.Ref) {
			continue
		}
		end, ended := w.journal.ends[ref]
		harmless := ended && (end.NothingChanged || !end.Interrupted && s.ProbeFirst && plan.Probe != nil)
		if !plan.Idempotent && !harmless {
			w.violated(1, "step %q of %s ran a second time, and is not idempotent", titled(s.Ref.Name, s.Ref.Unit), s.Ref.Service)
			return
		}
	}
}

// checkEnd looks at the whole when a case is over.
func (w *world) checkEnd() {
	w.checkReplay()
	if w.brain != nil {
		w.checkTwice(w.lived)
		w.checkTold()
		w.checkStuck()
	}
	w.checkSecrets()
}

// firstReplay is at how many entries a journal is first replayed in the middle of
// a case, and then each time it has twice as many: its end comes anyhow.
const firstReplay = 64

// checkReplayInTime replays the journal in the middle of a case, now and then.
func (w *world) checkReplayInTime() {
	if len(w.journal.lines) >= w.replayAt {
		w.replayAt = 2 * len(w.journal.lines)
		w.checkReplay()
	}
}

// canary begins what must never be told to anybody. A simulated configuration may
// have it where secrets are.
const canary = "canary-secret-"

// checkSecrets looks, in the end, at what was written down: no secret is in it.
func (w *world) checkSecrets() {
	for _, line := range w.journal.lines {
		if bytes.Contains(line, []byte(canary)) {
			w.violated(10, "a secret is in the journal: %s", around(line, bytes.Index(line, []byte(canary))))
			return
		}
	}
	for _, n := range w.record.notes {
		if strings.Contains(n.text, canary) {
			w.violated(10, "a secret is in the timeline: %s", n.text)
			return
		}
	}
}

// checkMessage looks at what people are told: no secret is in it.
func (w *world) checkMessage(m incident.Message) {
	if strings.Contains(m.FirstLine, canary) || strings.Contains(m.Text, canary) || bytes.Contains(m.Body, []byte(canary)) {
		w.violated(10, "a secret is in what people are told: %s", m.FirstLine)
	}
}
