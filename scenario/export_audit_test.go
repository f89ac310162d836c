package scenario

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Audit tells an auditor by hand what a brain is told and does.
type Audit struct {
	Options incident.Options
	// Found are the violations so far.
	Found []Violation

	auditor *auditor
}

// NewAudit begins with the configuration of a file's first case.
func NewAudit(f *File) *Audit {
	x := &Audit{Options: f.Cases[0].setting.options}
	x.auditor = newAuditor(x.Options, func(invariant int, format string, args ...any) {
		x.Found = append(x.Found, Violation{Invariant: invariant, At: x.auditor.now, Text: fmt.Sprintf(format, args...)})
	})
	x.At(0)
	return x
}

// At makes it a time since the start, which is also the wall clock's.
func (x *Audit) At(since time.Duration) { x.auditor.at(since, x.Wall(since)) }

// Wall is a time since the start by the wall clock.
func (x *Audit) Wall(since time.Duration) time.Time { return epoch().Add(since) }

// Tell is an input that the brain is given now.
func (x *Audit) Tell(in incident.Input) { x.auditor.input(in) }

// Carry is an effect that the brain asks for now.
func (x *Audit) Carry(e incident.Effect) {
	switch e := e.(type) {
	case incident.Read:
		x.auditor.read(e)
	case incident.Reply:
		x.auditor.reply(e)
	case incident.Start:
		x.auditor.start(e)
	}
}

// Record is an entry that becomes durable now.
func (x *Audit) Record(e incident.Entry) { x.auditor.entry(e) }

// Lost is an entry that cannot be written down now.
func (x *Audit) Lost() { x.auditor.lost() }

// Jump sets the daemon's clock without its knowledge.
func (x *Audit) Jump(by time.Duration) { x.auditor.jump(by) }

// Restart kills the daemon and starts it again.
func (x *Audit) Restart() { x.auditor.restarted(x.Options) }

// Window tells whether a trigger's window may be full, and the longest run of
// known ok answers that it may have.
func (x *Audit) Window(service, trigger string) (fired bool, okSince, okLast time.Time) {
	for _, t := range x.auditor.service(service).tracks {
		if t.spec.Name == trigger {
			okSince, okLast = t.well()
			return t.fired, okSince, okLast
		}
	}
	return false, time.Time{}, time.Time{}
}

// PlayTampered plays a case in which what the brain was told last is forgotten
// at a time: a second brain that is told the rest decides something else.
func (f *File) PlayTampered(c *Case, at time.Duration) Verdict {
	w := newWorld(c)
	w.queue.push(at, rankEffect, func() { w.lived.inputs = w.lived.inputs[:len(w.lived.inputs)-1] })
	w.play()
	return f.verdict(w)
}

// PlayDeaf plays a case in which nothing happens from a time on but that time
// goes by, whatever the brain waits for.
func (f *File) PlayDeaf(c *Case, at time.Duration) Verdict {
	w := newWorld(c)
	w.queue.push(at, rankEffect, func() {
		w.queue.heap = nil
		w.queue.push(c.Until, rankEffect, func() {})
	})
	w.play()
	return f.verdict(w)
}
