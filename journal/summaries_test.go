package journal_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

// summed is the meta of an entry that changes a summary.
func summed(id, service string, opened time.Duration, closed bool, document string) journal.Meta {
	s := &journal.Summary{Incident: id, Service: service, Opened: begin().Add(opened), Document: []byte(document)}
	if closed {
		s.Closed = begin().Add(opened + time.Minute)
	}
	return journal.Meta{Kind: "decided", Service: service, Incident: id, Summary: s}
}

func TestSummaries(t *testing.T) {
	j, _ := fresh(t)
	for n, id := range []string{"a", "b", "c", "d"} {
		add(t, j, summed(id, []string{"checkout", "search"}[n%2], time.Duration(n/2)*time.Hour, false, id), "opened")
	}
	add(t, j, summed("a", "checkout", 0, true, "a closed"), "closed")
	add(t, j, journal.Meta{Kind: "step_begun", Incident: "b"}, "no change")
	for name, tt := range map[string]struct {
		q    journal.SummaryQuery
		want []string
	}{
		"all, newest first, those of one moment by ID": {journal.SummaryQuery{}, []string{"d", "c", "b", "a closed"}},
		"one service's":           {journal.SummaryQuery{Service: "checkout"}, []string{"c", "a closed"}},
		"since":                   {journal.SummaryQuery{Since: begin().Add(time.Hour)}, []string{"d", "c"}},
		"open":                    {journal.SummaryQuery{State: "open"}, []string{"d", "c", "b"}},
		"closed":                  {journal.SummaryQuery{State: "closed"}, []string{"a closed"}},
		"first page":              {journal.SummaryQuery{Limit: 2}, []string{"d", "c"}},
		"next page":               {journal.SummaryQuery{Limit: 2, Before: "c"}, []string{"b", "a closed"}},
		"next page of a service":  {journal.SummaryQuery{Service: "search", Before: "d"}, []string{"b"}},
		"after the last":          {journal.SummaryQuery{Before: "a"}, nil},
		"before one that is none": {journal.SummaryQuery{Before: "x"}, nil},
	} {
		documents, err := j.Summaries(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range documents {
			got = append(got, string(d))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := j.Summaries(t.Context(), journal.SummaryQuery{State: "held"}); err == nil {
		t.Error("an unknown state is no error")
	}
	if diff := cmp.Diff([]string{"4 d", "5 a closed"}, changed(t, j, 3)); diff != "" {
		t.Errorf("changed after entry 3 (-want +got):\n%s", diff)
	}
}

func changed(t *testing.T, j *journal.Journal, after uint64) (got []string) {
	t.Helper()
	err := j.ChangedSummaries(t.Context(), after, func(s journal.Summary) error {
		got = append(got, fmt.Sprintf("%d %s", s.Seq, s.Document))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestASummaryComesWithItsEntryOrNotAtAll: a full disk refuses both.
func TestASummaryComesWithItsEntryOrNotAtAll(t *testing.T) {
	j, _ := fresh(t)
	add(t, j, summed("a", "checkout", 0, false, "before"), "opened")
	if err := j.Limit(t.Context()); err != nil {
		t.Fatal(err)
	}
	big := string(make([]byte, 1<<20))
	if _, err := j.Append(t.Context(), []byte("closed"), summed("a", "checkout", 0, true, big), nil); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if err := j.Unlimit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 before"}, changed(t, j, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := replay(t, j); len(got) != 1 {
		t.Errorf("%d entries, want the first alone", len(got))
	}
}

func TestFillSummaries(t *testing.T) {
	j, _ := fresh(t)
	add(t, j, summed("a", "checkout", 0, false, "wrong"), "opened")
	var all []journal.Summary
	for n := range 1200 {
		all = append(all, journal.Summary{Incident: fmt.Sprintf("i%04d", n), Opened: begin().Add(time.Duration(n)), Document: []byte("x"), Seq: 1})
	}
	all = append(all, journal.Summary{Incident: "a", Service: "checkout", Opened: begin(), Document: []byte("right"), Seq: 1})
	if err := j.FillSummaries(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	found, err := j.Summaries(t.Context(), journal.SummaryQuery{Service: "checkout"})
	if err != nil || len(found) != 1 || string(found[0]) != "right" {
		t.Errorf("got %q, %v", found, err)
	}
	if got := changed(t, j, 0); len(got) != 1201 {
		t.Errorf("%d summaries, want 1201", len(got))
	}
}

// TestADamagedTableHoldsUpNoEntry: what is decided counts more than how it is listed.
func TestADamagedTableHoldsUpNoEntry(t *testing.T) {
	j, path := fresh(t)
	tamper(t, path, "DROP TABLE summaries")
	add(t, j, summed("a", "checkout", 0, false, "a"), "opened")
	add(t, j, summed("a", "checkout", 0, true, "a closed"), "closed")
	if got := replay(t, j); len(got) != 2 {
		t.Errorf("%d entries, want both", len(got))
	}
}
