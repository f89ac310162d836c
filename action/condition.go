package action

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ifRecord is the file, in an attempt's directory, that says how far its If came.
// It is durable before what it speaks of goes on, so a crash leaves no doubt
// whether the step's own work can have begun.
const ifRecord = "if"

// What stands in an ifRecord.
const (
	ifAsked = "asked" // the step's own work has not begun
	ifRun   = "run"   // the step is needed; its own work may have begun
)

// onlyAsked tells whether an earlier daemon began this attempt and came no further
// than to its If. Without a record nothing is certain, and it did not.
func (r *Runner) onlyAsked(a *attempt) bool {
	return a.condition != nil && r.recorded(attemptKey(a.req, a.req.Attempt)) == ifAsked
}

// saidRun tells whether the If of an earlier attempt said that the step is needed.
// It is not asked again then: the step may have changed what it looks at.
func (r *Runner) saidRun(a *attempt) bool {
	for n := 1; n < a.req.Attempt; n++ {
		if r.recorded(attemptKey(a.req, n)) == ifRun {
			return true
		}
	}
	return false
}

func (r *Runner) recorded(key string) string {
	raw, err := os.ReadFile(filepath.Join(r.o.Dir, key, ifRecord))
	if err != nil {
		return ""
	}
	return string(raw)
}

func (r *Runner) record(a *attempt, word string) error {
	dir := filepath.Join(r.o.Dir, a.key)
	err := r.makeDir(a.req.Run, dir)
	if err == nil {
		err = writeDurably(filepath.Join(dir, ifRecord), []byte(word))
	}
	if err != nil {
		return fmt.Errorf("if: keeping a record of it: %w", err)
	}
	return nil
}

// beganWork is when an earlier daemon began the step's own work: after its If.
func (r *Runner) beganWork(a *attempt) time.Time {
	info, err := os.Stat(filepath.Join(r.o.Dir, a.key, ifRecord))
	if a.condition == nil || err != nil || info.ModTime().Before(a.began) {
		return a.began
	}
	return info.ModTime()
}

// needed asks the attempt's If. Where the step is not to be run, the result says
// how the attempt ends.
func (r *Runner) needed(ctx context.Context, a *attempt) (Result, bool) {
	if a.condition == nil || r.saidRun(a) {
		return Result{}, true
	}
	if err := r.record(a, ifAsked); err != nil {
		return notRun(err), false
	}
	res := r.perform(ctx, a, *a.condition, asIf)
	switch {
	case ctx.Err() != nil:
		// Whatever it said: nothing was begun, and it is asked again.
		stopped := interrupted("the daemon stopped while the step's if was asked")
		stopped.NothingChanged = true
		return a.ended(ctx, stopped), false
	case res.Skipped, res.ExitCode != nil && *res.ExitCode == 1:
		return Result{State: Done, Skipped: true, NothingChanged: true, Output: res.Output + "\n(its if says that this step is not needed; it was not run)"}, false
	case res.State != Done:
		return Result{State: Failed, Error: "if: " + res.Error, Output: res.Output}, false
	}
	if err := r.record(a, ifRun); err != nil {
		return notRun(err), false
	}
	a.began = r.o.Clock.Now()
	return Result{}, true
}
