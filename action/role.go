package action

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// role is what a step is carried out as. In every role but asStep it only looks:
// it keeps no pid file, sends no idempotency key, and nobody needs its end.
type role int

const (
	asStep  role = iota
	asProbe      // it tells whether the step is done already
	asIf         // it tells whether the step is needed
)

func (as role) looks() bool { return as != asStep }

// String names the role in messages.
func (as role) String() string {
	switch as {
	case asProbe:
		return "probe"
	case asIf:
		return "if"
	case asStep:
	}
	return "step"
}

// output is the name of the file that a program in this role writes to.
func (as role) output() string {
	switch as {
	case asProbe:
		return probeFile
	case asIf:
		return ifFile
	case asStep:
	}
	return outputFile
}

// hurry is the grace of what keeps a rollback waiting and changes nothing.
const hurry = time.Second

// timeout is how long the attempt may take in a role.
func (a *attempt) timeout(as role) time.Duration {
	if as.looks() {
		return min(a.req.Timeout, probeTimeout)
	}
	return a.req.Timeout
}

// grace is the time between the SIGTERM and the SIGKILL of an attempt that
// is ended.
func (r *Runner) grace(a *attempt) time.Duration {
	if a.req.Section == sectionCapture {
		return min(r.o.Grace, hurry)
	}
	return r.o.Grace
}

// sectionCapture is the section of what looks at an incident's state.
const sectionCapture = "capture"

// changesNothing tells whether all that runs in a section only looks.
func changesNothing(section string) bool {
	switch section {
	case "checks", "prepare", "reversible", sectionCapture:
		return true
	default:
		return false
	}
}

// outOfTime tells whether ctx ended by its deadline, in a section that changes
// nothing. Elsewhere the caller's patience must not end a step half-way.
func (a *attempt) outOfTime(ctx context.Context) bool {
	return (a.askedOnly || changesNothing(a.req.Section)) && errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// ended is what an ended ctx means for an attempt that was on its way.
func (a *attempt) ended(ctx context.Context, otherwise Result) Result {
	switch {
	case wasCut(ctx):
		return cutShort()
	case a.outOfTime(ctx):
		return Result{State: Failed, Error: describe(a.req) + ": its time was over"}
	default:
		return otherwise
	}
}

// certain makes an uncertain end a failure where nothing hangs on it: a capture
// that did not come to its end is one that is not there.
func (a *attempt) certain(res Result) Result {
	if a.req.Section == sectionCapture && res.State == Uncertain {
		res.State = Failed
	}
	return res
}

// describe names a request in messages.
func describe(req Request) string {
	if req.Unit != "" {
		return fmt.Sprintf("%s step %q for %s", req.Section, req.Name, req.Unit)
	}
	return fmt.Sprintf("%s step %q", req.Section, req.Name)
}
