package incident

import (
	"fmt"
	"time"
)

// ForgottenEntry says of which incidents the details were removed from the record:
// what steps and captures wrote, and the samples. Everything else stays.
type ForgottenEntry struct {
	// Before is the end of what is kept no longer: nothing was on record about these
	// incidents from then on.
	Before    time.Time `json:"before"`
	Incidents []string  `json:"incidents"`
}

// Forget says of which incidents nothing was on record since Before, so that their
// details may be removed once the brain has put that on record.
type Forget struct {
	Before    time.Time
	Incidents []string
}

func (Forget) input() {}

// Lasting is the entry as it stays once its incident's details were removed; ok is
// false for one that has none. It is the entry without one piece of its JSON, and no
// rule of the brain looks at what is left out.
func (e Entry) Lasting() (lasting Entry, ok bool) {
	switch {
	case e.Incident == "":
		return e, false
	case e.Step != nil && e.Step.Result != nil && e.Step.Result.Output != "":
		step, result := *e.Step, *e.Step.Result
		result.Output = ""
		step.Result = &result
		e.Step = &step
	case e.Captured != nil && e.Captured.Result.Output != "":
		captured := *e.Captured
		captured.Result.Output = ""
		e.Captured = &captured
	case len(e.Samples) > 0:
		e.Samples = nil
	default:
		return e, false
	}
	return e, true
}

// forget puts on record that the details of incidents are removed. It leaves out
// those that the brain knows to be younger.
func (b *Brain) forget(now time.Time, in Forget) []Effect {
	young := map[string]bool{}
	for _, s := range b.mem.Services {
		if s.Open != nil {
			young[s.Open.ID] = true
		}
		for _, inc := range s.Closed {
			young[inc.ID] = !inc.ClosedAt.Before(in.Before)
		}
	}
	var old []string
	for _, id := range in.Incidents {
		if !young[id] {
			old = append(old, id)
		}
	}
	if len(old) == 0 {
		return nil
	}
	text := fmt.Sprintf("what steps wrote is kept no longer of the incidents of which nothing was on record since %s: %d", clockTime(in.Before), len(old))
	e := b.entry(now, KindForgotten, "", "rollbackd", text)
	e.Forgotten = &ForgottenEntry{Before: in.Before, Incidents: old}
	return []Effect{Record{Entry: e}}
}

// applyForgotten drops the details of incidents that are still in memory, as a
// replay of the file without them would.
func (m *memory) applyForgotten(e Entry) {
	gone := map[string]bool{}
	for _, id := range e.Forgotten.Incidents {
		gone[id] = true
	}
	for _, s := range m.Services {
		for _, inc := range s.Closed {
			if gone[inc.ID] {
				inc.dropDetails()
			}
		}
	}
}

// dropDetails leaves of a closed incident what its lasting entries fold to. What
// others were shown of it stays as it was.
func (inc *Incident) dropDetails() {
	for i := range inc.Captures {
		inc.Captures[i].Output = ""
	}
	runs := append([]*Run{}, inc.EarlierRollbacks...)
	if inc.Rollback != nil {
		runs = append(runs, inc.Rollback)
	}
	for _, run := range runs {
		for i := range run.Steps {
			run.Steps[i].Output = ""
		}
	}
	inc.Samples = nil
}
