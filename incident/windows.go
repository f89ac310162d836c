package incident

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
)

// windowWait is the length of a countdown that a window asks for instead of a
// rollback, where it names none: CONTRACT.md's countdown.
const windowWait = 2 * time.Minute

// windowNow is a maintenance or freeze window that is in force.
type windowNow struct {
	Window
	until time.Time
}

// windowsNow are the windows in force for a service, in the configuration's order.
func (b *Brain) windowsNow(now time.Time, name string) []windowNow {
	var list []windowNow
	for _, w := range b.opts.Windows {
		if !w.appliesTo(name) {
			continue
		}
		if inForce, until := w.At(now); inForce {
			list = append(list, windowNow{w, until})
		}
	}
	return list
}

// why says what a window does, and until when.
func (w windowNow) why(now time.Time, what string) Hold {
	end := shortTime(w.until)
	if w.until.Sub(now) > 12*time.Hour {
		end = clockTime(w.until)
	}
	return Hold{
		Guard: GuardWindow, Reason: fmt.Sprintf("the window %q, until %s, %s", w.Name, end, what),
		ReleasesWhen: "the window ends at " + end,
	}
}

// windowLimits are the windows that allow something, but less than a rollback.
func (b *Brain) windowLimits(now time.Time, name string) []limit {
	var limits []limit
	for _, w := range b.windowsNow(now, name) {
		most := evaluator.Response{Directness: w.Cap}
		switch w.Cap {
		case evaluator.Approve:
			limits = append(limits, limit{most, w.why(now, "leaves it to a person")})
		case evaluator.Countdown:
			if most.Wait = w.Wait; most.Wait <= 0 {
				most.Wait = windowWait
			}
			limits = append(limits, limit{most, w.why(now, "asks for a countdown")})
		case evaluator.Rollback, evaluator.Notify, evaluator.NoResponse: // no limit, or a hold
		}
	}
	return limits
}

// windowHolds are the windows in which nobody is asked for anything.
func (b *Brain) windowHolds(now time.Time, name string) []Hold {
	var holds []Hold
	for _, w := range b.windowsNow(now, name) {
		switch w.Cap {
		case evaluator.Notify:
			holds = append(holds, w.why(now, "allows no more than to tell people"))
		case evaluator.NoResponse:
			holds = append(holds, w.why(now, "suppresses what breaches"))
		case evaluator.Approve, evaluator.Countdown, evaluator.Rollback:
		}
	}
	return holds
}

// suppressed are the windows in which people are not told either.
func (b *Brain) suppressed(now time.Time, name string) []Hold {
	var holds []Hold
	for _, w := range b.windowsNow(now, name) {
		if w.Cap == evaluator.NoResponse {
			holds = append(holds, w.why(now, "suppresses what breaches"))
		}
	}
	return holds
}

// untold tells whether people are to hear nothing of a decision: a window
// suppresses the incident, and they know nothing of it yet. What they were told
// of once they are told the rest of.
func (b *Brain) untold(now time.Time, inc *Incident, d Decision) bool {
	return d.State == Held && !inc.told && inc.Rollback == nil && len(b.suppressed(now, inc.Service)) > 0
}

// dueOfWindows are the moments at which a window in force ends.
func (b *Brain) dueOfWindows(now time.Time, name string, consider func(time.Time)) {
	for _, w := range b.windowsNow(now, name) {
		consider(w.until)
	}
}

// foldTold takes in whether people know of the incident.
func (inc *Incident) foldTold(e Entry) {
	switch e.Kind {
	case KindDecided:
		inc.told = inc.told || e.Decided.State != Confirming && !e.Decided.Untold
	case KindApproved, KindVetoed, KindAborted, KindAcked, KindStoodDown, KindPlanned, KindEscalated:
		inc.told = true
	default: // tells nobody by itself
	}
}
