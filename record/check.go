package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
)

// Summary is what a whole record holds. The zero value is an empty one.
type Summary struct {
	// Entries is how many there are, Removed how many of them have had their details
	// removed, as the record itself says.
	Entries, Removed int
	// First and Last are the times of the first and the newest entry.
	First, Last time.Time
	// Head is the newest entry's number and hash.
	Head Head
}

// AlteredError names the first thing in a record that is not as it was written.
type AlteredError struct {
	// Source is the file.
	Source string
	// Seq is the number of the entry; 0 where the file as a whole is meant.
	Seq uint64
	// At, Kind, Service and Incident are what is stored with it; empty where the entry
	// is not there.
	At                      time.Time
	Kind, Service, Incident string
	Problem                 string
}

// Error names the file and the entry, as it is found in the timeline.
func (e *AlteredError) Error() string {
	if e.Seq == 0 {
		return fmt.Sprintf("%s: %s", e.Source, e.Problem)
	}
	return fmt.Sprintf("%s: entry %d%s: %s", e.Source, e.Seq, e.about(), e.Problem)
}

// about is what an entry can be found by, in brackets.
func (e *AlteredError) about() string {
	if e.Kind == "" && e.At.IsZero() {
		return ""
	}
	parts := []string{e.At.Format(time.RFC3339), e.Kind}
	for _, part := range []string{e.Service, e.Incident} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return fmt.Sprintf(" (%.200q)", strings.Join(parts, " "))
}

// altered is a problem with a row.
func altered(r journal.Row, problem string) *AlteredError {
	return &AlteredError{Seq: r.Seq, At: r.At, Kind: r.Kind, Service: r.Service, Incident: r.Incident, Problem: problem}
}

// checker follows a record from its first entry on.
type checker struct {
	last    journal.Row
	sum     Summary
	heads   []Head
	own     Head                // the end that the file itself names; zero where it names none
	removed map[string]*absence // by incident
}

// absence is an incident whose entries have had their details removed, and no entry
// yet that says so.
type absence struct {
	first  journal.Row
	newest time.Time
}

func newChecker(heads []Head) *checker { return &checker{heads: heads, removed: map[string]*absence{}} }

// take takes in the next row; an *AlteredError says what is wrong with it.
func (c *checker) take(r journal.Row) *AlteredError {
	if err := r.Follow(c.last); err != nil {
		return c.explain(r, err.Error())
	}
	if c.own.Seq == r.Seq && c.own.Hash != r.Hash {
		return altered(r, "it is not the entry that the journal ended with")
	}
	for _, h := range c.heads {
		if h.Seq == r.Seq && !h.names(r.Hash) {
			return altered(r, fmt.Sprintf("it was published as the end of the record with the hash %s, and has %s now: it, or an entry before it, was rewritten",
				h.Hash, r.Hash))
		}
	}
	if problem := c.details(r); problem != "" {
		return altered(r, problem)
	}
	if c.sum.Entries == 0 {
		c.sum.First = r.At
	}
	c.sum.Entries, c.sum.Last, c.sum.Head = c.sum.Entries+1, r.At, Head{Seq: r.Seq, Hash: r.Hash}
	r.Entry = nil
	c.last = r
	return nil
}

// explain says what is wrong with a row that does not follow the one before it.
func (c *checker) explain(r journal.Row, problem string) *AlteredError {
	next := c.last.Seq + 1
	switch {
	case r.Seq > next:
		return &AlteredError{Seq: next, Problem: fmt.Sprintf("it is missing: the next one is entry %d of %s", r.Seq, r.At.Format(time.RFC3339))}
	case r.Seq < next:
		return altered(r, fmt.Sprintf("an entry with the number %d cannot come after %d", r.Seq, c.last.Seq))
	}
	own := r
	own.Prev = c.last.Hash
	if r.Prev != c.last.Hash && own.Follow(c.last) == nil {
		return altered(r, "the hash of the entry before it was altered in it")
	}
	if index := indexAltered(r); index != "" {
		return altered(r, index)
	}
	alone := r.Follow(journal.Row{Seq: c.last.Seq, Hash: r.Prev}) == nil
	if r.Prev != c.last.Hash && alone && c.last.Seq > 0 {
		problem = fmt.Sprintf("it was written after another entry %d than the one that is there: that one was rewritten with a new hash, or this one was", c.last.Seq)
	}
	return altered(r, problem)
}

// indexAltered says which of the columns beside an entry differs from what the entry
// says itself; "" where none does, or the entry cannot be read.
func indexAltered(r journal.Row) string {
	var e incident.Entry
	if json.Unmarshal(r.Entry, &e) != nil || e.Kind == "" {
		return ""
	}
	differs := func(column, stored, says string) string {
		return fmt.Sprintf("its %s was altered: %.80q is stored beside it, and the entry itself says %.80q", column, stored, says)
	}
	switch {
	case !e.At.Equal(r.At):
		return differs("time", r.At.Format(time.RFC3339Nano), e.At.Format(time.RFC3339Nano))
	case string(e.Kind) != r.Kind:
		return differs("kind", r.Kind, string(e.Kind))
	case e.Service != r.Service:
		return differs("service", r.Service, e.Service)
	case e.Incident != r.Incident:
		return differs("incident", r.Incident, e.Incident)
	}
	return ""
}

// details takes in that details are gone, and what allows it.
func (c *checker) details(r journal.Row) (problem string) {
	if r.Removed() {
		c.sum.Removed++
		a := c.removed[r.Incident]
		if a == nil {
			a = &absence{first: r}
			a.first.Entry = nil
			c.removed[r.Incident] = a
		}
		if r.At.After(a.newest) {
			a.newest = r.At
		}
	}
	if r.Kind != string(incident.KindForgotten) {
		return ""
	}
	var e incident.Entry
	if err := json.Unmarshal(r.Entry, &e); err != nil || e.Forgotten == nil {
		return "it does not say which details were removed"
	}
	for _, id := range e.Forgotten.Incidents {
		if a := c.removed[id]; a != nil && a.newest.Before(e.Forgotten.Before) && e.Forgotten.Before.Before(r.At) {
			delete(c.removed, id)
		}
	}
	return ""
}

// end says what is wrong with a record that ends here; nil where nothing is.
func (c *checker) end() *AlteredError {
	var first *journal.Row
	for _, a := range c.removed {
		if first == nil || a.first.Seq < first.Seq {
			first = &a.first
		}
	}
	if first != nil {
		return altered(*first, "its details were removed, and no entry after it says that they were old enough")
	}
	for _, h := range append([]Head{c.own}, c.heads...) {
		if h.Seq > c.last.Seq {
			return &AlteredError{
				Seq:     c.last.Seq + 1,
				Problem: fmt.Sprintf("it is missing: the record was cut after entry %d, and had ended with entry %d before", c.last.Seq, h.Seq),
			}
		}
	}
	return nil
}
