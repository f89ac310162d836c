package responder

import (
	"encoding/json"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// summary is the summary of an entry's incident, to be written with it; nil where
// the entry changes none.
func (l *loop) summary(e incident.Entry) *journal.Summary {
	if l.options.Brain == nil {
		return nil
	}
	s, changed := l.options.Brain.SummaryAfter(e)
	if !changed {
		return nil
	}
	row, err := SummaryRow(s)
	if err != nil {
		// The entry counts, and the table can be made again from the entries.
		l.log.Error("an incident could not be summed up: lists may show it as it was before", "incident", s.ID, "err", err)
		return nil
	}
	return &row
}

// SummaryRow is a summary as the journal keeps it. It is here because neither of
// the two packages knows the other.
func SummaryRow(s incident.Summary) (journal.Summary, error) {
	document, err := json.Marshal(s)
	return journal.Summary{Incident: s.ID, Service: s.Service, Opened: s.OpenedAt, Closed: s.ClosedAt, Document: document}, err
}
