package incident

import "time"

// WaitsForPerson tells whether it goes on only once a person says something.
func (inc *Incident) WaitsForPerson() bool { return inc.waitsForPerson() }

// UnansweredSince is since when a person is waited for and nobody has acknowledged
// it; zero where nobody is waited for, or somebody is on it.
func (inc *Incident) UnansweredSince() time.Time {
	if !inc.waitsForPerson() || inc.acked {
		return time.Time{}
	}
	return inc.waitSince
}
