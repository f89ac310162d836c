package scenario

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
)

// job is one attempt of a step, running in this world. The world carries it on
// when the daemon dies; only the word of its end is then lost.
type job struct {
	start incident.Start
	does  behaviour
	// turn is which of the exits is this one's: that of its attempt, or of its
	// being asked.
	turn    int
	began   time.Duration
	ends    time.Duration // of its own accord
	changes bool
	over    bool
	killed  bool // it was ended from outside, before ends
	// heard is the life of the daemon that hears of its end.
	heard int
}

// startStep starts an attempt, or goes on with one of an earlier life.
func (w *world) startStep(s incident.Start) {
	w.checkStart(s)
	if s.Resume {
		w.resume(s)
		return
	}
	if s.Ref.Section == incident.SectionPrepare {
		w.ended(s.Ref, w.prepare(s))
		return
	}
	if j, twice := w.jobs[s.Ref]; twice {
		w.fault("step %q of %s started twice as attempt %d", j.start.Ref.Name, s.Ref.Service, s.Ref.Attempt)
		return
	}
	if s.ProbeFirst && s.Probe != nil && w.probe(s) == 0 {
		done := incident.StepResult{State: incident.StepDone, Output: "probe: done already"}
		w.ended(s.Ref, w.result(w.carriedOut(s, answer{}, done, true), w.now))
		return
	}
	w.run(s)
}

// run lets a step run.
func (w *world) run(s incident.Start) {
	changes := w.journal.intents[s.Ref]
	does := w.behaviour(s.Ref)
	if s.If != nil && does.skip {
		w.ended(s.Ref, w.result(w.carriedOut(s, answer{skip: true}, incident.StepResult{State: incident.StepSkipped, NothingChanged: true}, true), w.now))
		return
	}
	if d, waits := waitOf(s.Do); waits && does.takes == 0 {
		does.takes = d
	}
	j := &job{
		start: s, does: does, turn: w.turn(s.Ref), began: w.now, ends: w.now + does.takes, changes: changes, heard: w.life,
	}
	w.checkAlone(j)
	w.jobs[s.Ref] = j
	if counts(s.Ref.Section) {
		w.record.ran(w.now, s.Ref)
	}
	deadline := w.now + s.Timeout
	if s.Timeout <= 0 || j.ends <= deadline {
		w.queue.push(j.ends, rankStep, func() { w.finish(j) })
		return
	}
	w.cutAt(deadline, j, "timed out after "+s.Timeout.String())
	// Without a daemon that cuts it, it runs to its own end.
	w.queue.push(j.ends, rankStep, func() { w.finish(j) })
}

// cutAt ends a step at a time, or when the host that would do it is awake again.
func (w *world) cutAt(at time.Duration, j *job, why string) {
	w.queue.push(at, rankStep, func() {
		switch {
		case j.heard != w.life:
		case w.asleep():
			w.cutAt(w.host.wakes, j, why)
		default:
			w.cut(j, why)
		}
	})
}

// counts tells whether steps of a section count among those that ran: all that
// may change something. Checks, and the question whether one can still go back,
// do not.
func counts(s incident.Section) bool {
	switch s {
	case incident.SectionSteps, incident.SectionFinally, incident.SectionFollowUp, incident.SectionForward, incident.SectionStopDeploy:
		return true
	case incident.SectionPrepare, incident.SectionChecks, incident.SectionReversible:
	}
	return false
}

// behaviour is what a step does in this world: what is said of its unit, else of
// its name.
func (w *world) behaviour(ref incident.StepRef) behaviour {
	name := ref.Name
	if ref.Section == incident.SectionReversible {
		name = reversibleName
	}
	if does, said := w.c.steps[titled(name, ref.Unit)]; said {
		return does
	}
	return w.c.steps[name]
}

// turn is which exit of a list is that of an attempt. Lists go on from one rollback
// of a service to the next, and the question whether one can still go back has the
// next one each time it is asked.
func (w *world) turn(ref incident.StepRef) int {
	if ref.Section == incident.SectionReversible {
		w.record.questions[ref.Service]++
		return w.record.questions[ref.Service]
	}
	before := 0
	for was := range w.jobs {
		if was.Run != ref.Run && was.Service == ref.Service && was.Section == ref.Section && was.Name == ref.Name && was.Unit == ref.Unit {
			before++
		}
	}
	return before + ref.Attempt
}

// endsWell tells whether a step comes to its own end with exit code 0.
func (j *job) endsWell() bool { return j.does.signal == "" && j.does.exit(j.turn) == 0 }

// finish is a step's own end: what it does has come true.
func (w *world) finish(j *job) {
	if j.over {
		return
	}
	j.over = true
	ref := j.start.Ref
	if j.does.signal == "" && j.does.happens(j.turn) {
		for key, s := range j.does.then {
			w.values[key] = append(w.values[key], placed{from: w.now, series: s})
		}
		w.replace(j.does.thenRaw)
	}
	switch {
	case j.heard != w.life || w.brain == nil:
		w.record.note(w.now, ref.Service, "world", fmt.Sprintf("step %q ends unheard", titled(ref.Name, ref.Unit)))
	case j.start.Resume:
		w.ended(ref, w.lostEnd(j))
	default:
		w.ended(ref, w.result(w.ownEnd(j), j.began))
	}
	w.release(j)
}

// exited is the result of a step that ended by itself.
func exited(b behaviour, attempt int) incident.StepResult {
	if b.signal != "" {
		return incident.StepResult{State: incident.StepUncertain, Error: "ended by signal " + b.signal}
	}
	code := b.exit(attempt)
	r := incident.StepResult{State: incident.StepDone, ExitCode: &code}
	if code != 0 {
		r.State, r.Error = incident.StepFailed, fmt.Sprintf("exit code %d", code)
		r.NothingChanged = code == exitNothingChanged
	}
	return r
}

// cut ends a step from outside: it never comes to its own end.
func (w *world) cut(j *job, why string) {
	if j.over {
		return
	}
	j.over, j.killed = true, true
	if j.start.Resume {
		w.ended(j.start.Ref, w.lostEnd(j))
		return
	}
	w.ended(j.start.Ref, w.result(incident.StepResult{State: incident.StepUncertain, Error: why}, j.began))
}

// stopStep cuts short the present step of a run, if it changes nothing.
func (w *world) stopStep(run string) {
	for _, j := range w.jobs {
		if j.start.Ref.Run == run && !j.over && !j.changes && j.heard == w.life {
			j.over, j.killed = true, true
			cut := incident.StepResult{State: incident.StepFailed, Error: "cut short", NothingChanged: true}
			w.ended(j.start.Ref, w.result(cut, j.began))
			return
		}
	}
}

// resume waits for a step of an earlier life, if it still runs, and then asks
// its probe. It starts nothing.
func (w *world) resume(s incident.Start) {
	j := w.jobs[s.Ref]
	if j == nil || j.over {
		gone := &job{start: s, began: w.since(s.StartedAt)}
		if j != nil {
			gone.turn = j.turn
		}
		w.ended(s.Ref, w.lostEnd(gone))
		return
	}
	j.start, j.heard = s, w.life
	if deadline := w.since(s.StartedAt) + s.Timeout; s.Timeout > 0 && deadline < j.ends {
		w.cutAt(max(deadline, w.now), j, "timed out")
	}
}

// onlyLooks tells whether a step is one that a start takes up again: a wait goes
// on, and a query is asked once more. Neither has an end that could be lost.
func onlyLooks(s incident.Start) bool {
	step, err := action.Decode(s.Do)
	return err == nil && (step.Kind == action.KindWait || step.Kind == action.KindQuery)
}

// lostEnd is the result of a step whose end nobody heard: what its probe says,
// else uncertain.
func (w *world) lostEnd(j *job) incident.StepResult {
	if onlyLooks(j.start) {
		if j.turn == 0 { // it never began: it is asked now
			j.turn = w.turn(j.start.Ref)
		}
		return w.result(exited(w.behaviour(j.start.Ref), j.turn), j.began)
	}
	r := incident.StepResult{
		State: incident.StepUncertain, Interrupted: true, Error: "its end was lost when the daemon died",
	}
	how := answer{probe: 1}
	if j.start.Probe != nil {
		how.probe = w.probe(j.start)
	}
	if how.probe == 0 {
		r.State, r.Error, r.Output, r.Interrupted = incident.StepDone, "", "probe: done", false
	}
	asked := j.start
	asked.Resume = true
	return w.result(w.carriedOut(asked, how, r, true), j.began)
}

// probe is the exit code of a step's probe now: as the case says, else 0 once
// an attempt of the step came to its end with 0.
func (w *world) probe(s incident.Start) int {
	if probes := w.behaviour(s.Ref).probes; len(probes) > 0 {
		w.record.probes[titled(s.Ref.Name, s.Ref.Unit)]++
		return nth(probes, w.record.probes[titled(s.Ref.Name, s.Ref.Unit)], 1)
	}
	for _, j := range w.jobs {
		if sameStep(j.start.Ref, s.Ref) && j.over && !j.killed && j.endsWell() {
			return 0
		}
	}
	return 1
}

// sameStep tells whether two attempts are of the same step and unit of a run.
func sameStep(a, b incident.StepRef) bool {
	return a.Run == b.Run && a.Section == b.Section && a.Index == b.Index && a.Unit == b.Unit
}

// result fills in the times of a result.
func (w *world) result(r incident.StepResult, began time.Duration) incident.StepResult {
	r.StartedAt, r.EndedAt = w.wall(began), w.clock()
	return r
}

// ended tells the brain of a step's end, after all else at this instant.
func (w *world) ended(ref incident.StepRef, r incident.StepResult) {
	w.later(incident.StepEnded{Ref: ref, Result: r})
}
