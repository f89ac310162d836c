package scenario

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Tally counts what happened in a case. It shows whether a world was worth
// playing: one in which nothing was decided proves nothing.
type Tally struct {
	// Length is the simulated time.
	Length time.Duration
	// Entries counts the journal's, by kind.
	Entries map[incident.Kind]int
	// Runs counts the ended runs by their exit state, and Outcomes the closed
	// incidents by their outcome.
	Runs     map[incident.RunState]int
	Outcomes map[incident.Outcome]int
	// Guards counts the decisions in which a guard held, or left it to a person, by
	// the one that is shown.
	Guards map[incident.Guard]int
	// Kills is how often the daemon was killed, Refused how many commands were.
	Kills, Refused int
}

func newTally() Tally {
	return Tally{
		Entries: map[incident.Kind]int{}, Runs: map[incident.RunState]int{},
		Outcomes: map[incident.Outcome]int{}, Guards: map[incident.Guard]int{},
	}
}

// entry counts an entry that has become durable.
func (t *Tally) entry(e incident.Entry) {
	t.Entries[e.Kind]++
	switch {
	case e.RunEnded != nil:
		t.Runs[e.RunEnded.State]++
	case e.Closed != nil:
		t.Outcomes[e.Closed.Outcome]++
	case e.Decided != nil && e.Decided.Shown() != "":
		t.Guards[e.Decided.Shown()]++
	}
}
