package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/incident"
)

// The number of incidents in a list: what is given when the request does not
// say, and the most it may ask for.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Filter picks incidents. Its zero value picks all, without a limit.
type Filter struct {
	// Service is empty for all.
	Service string
	// State is a state, "open" for all but closed, or empty for all.
	State string
	// Since drops incidents opened before it; zero drops none.
	Since time.Time
	// Before is the ID of an incident: only older ones are given. Empty begins with
	// the newest.
	Before string
	// Limit is how many at most; zero for all.
	Limit int

	// cursor is the incident that Before names; nil without.
	cursor *incident.Summary
}

// Matches tells whether an incident passes the filter, its limit aside.
func (f Filter) Matches(i *incident.Incident) bool {
	switch {
	case f.Service != "" && i.Service != f.Service:
		return false
	case i.OpenedAt.Before(f.Since):
		return false
	case f.cursor != nil && older(i.OpenedAt, i.ID, f.cursor.OpenedAt, f.cursor.ID) >= 0:
		return false
	case f.State == "open":
		return i.State != incident.Closed
	}
	return f.State == "" || string(i.State) == f.State
}

// parseFilter reads the query of a list. An unknown word is an error: a filter
// that is silently ignored shows the wrong incidents.
func parseFilter(q url.Values, now time.Time) (Filter, error) {
	f := Filter{Limit: defaultLimit}
	for key := range q {
		var err error
		value := q.Get(key)
		switch key {
		case "service":
			f.Service = value
		case "state":
			f.State, err = parseState(value)
		case "since":
			f.Since, err = parseSince(value, now)
		case "limit":
			f.Limit, err = parseLimit(value)
		case "before":
			f.Before = value
		default:
			err = fmt.Errorf("unknown parameter %q (want service, state, since, before or limit)", key)
		}
		if err != nil {
			return Filter{}, err
		}
	}
	return f, nil
}

func parseState(word string) (string, error) {
	states := []string{
		"", "open", string(incident.Firing), string(incident.CountingDown), string(incident.AwaitingApproval), string(incident.Held),
		string(incident.Confirming), string(incident.RollingBack), string(incident.Verifying), string(incident.Closed),
	}
	if !slices.Contains(states, word) {
		return "", fmt.Errorf("state: %q is not a state (want one of %q)", word, states[1:])
	}
	return word, nil
}

// parseSince reads an instant, or a duration before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	ago, err := model.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("since: %q is neither a time (2026-03-01T03:00:00Z) nor a duration (24h)", text)
	}
	return now.Add(-time.Duration(ago)), nil
}

func parseLimit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, fmt.Errorf("limit: %q is not a number from 1 to %d", text, maxLimit)
	}
	return n, nil
}

func (s *Server) incidents(w http.ResponseWriter, r *http.Request) {
	f, err := parseFilter(r.URL.Query(), s.o.Clock.Now())
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if f.Before != "" {
		known, err := s.beginAfter(r.Context(), &f)
		if err == nil && !known {
			fail(w, http.StatusBadRequest, "before: there is no incident "+f.Before)
			return
		}
		if err != nil {
			s.unavailable(w, err)
			return
		}
	}
	found, err := s.remembered(r.Context(), f)
	if err == nil {
		found, err = s.addOlder(r.Context(), f, found)
	}
	if err != nil {
		s.unavailable(w, err)
		return
	}
	data, err := json.Marshal(newest(found, f.Limit))
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// beginAfter finds the incident that a page begins after; false where there is none.
func (s *Server) beginAfter(ctx context.Context, f *Filter) (known bool, err error) {
	err = s.o.View(ctx, func(m Memory, _ time.Time) {
		if i, ok := m.Incident(f.Before); ok {
			f.cursor, f.Before = new(i.Summary()), i.ID
		}
	})
	if err != nil || f.cursor != nil || s.o.History == nil {
		return f.cursor != nil, err
	}
	i, known, err := s.o.History.Incident(ctx, f.Before)
	if err == nil && known {
		f.cursor = new(i.Summary())
	}
	return known, err
}

// remembered gives copies of at most as many incidents as are wanted: while they
// are made nothing is decided.
func (s *Server) remembered(ctx context.Context, f Filter) (found []*incident.Incident, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = s.o.View(ctx, func(m Memory, _ time.Time) {
		for _, i := range m.Incidents() {
			if f.Matches(i) {
				found = append(found, i)
			}
		}
		found = newest(found, f.Limit)
		for n, i := range found {
			found[n] = i.Public()
		}
	})
	return found, err
}

// addOlder adds what memory has let go of. Every open incident is in memory, so
// history is only asked where closed ones are wanted. Of those only the ones that
// are shown are folded from their entries.
func (s *Server) addOlder(ctx context.Context, f Filter, found []*incident.Incident) ([]*incident.Incident, error) {
	if s.o.History == nil || (f.State != "" && f.State != string(incident.Closed)) {
		return found, nil
	}
	known := map[string]bool{}
	for _, i := range found {
		known[i.ID] = true
	}
	page, err := s.o.History.Summaries(ctx, SummaryFilter{Service: f.Service, State: f.State, Since: f.Since, Before: f.Before, Limit: f.Limit})
	if err != nil {
		return nil, err
	}
	for _, summary := range page {
		if !known[summary.ID] {
			found = append(found, &incident.Incident{ID: summary.ID, OpenedAt: summary.OpenedAt})
		}
	}
	found = newest(found, f.Limit)
	shown := make([]*incident.Incident, 0, len(found))
	for _, i := range found {
		if !known[i.ID] {
			old, ok, err := s.o.History.Incident(ctx, i.ID)
			if err != nil {
				return nil, err
			}
			if !ok || !f.Matches(old) {
				continue
			}
			i = old.Public()
		}
		shown = append(shown, i)
	}
	return shown, nil
}

// older compares two incidents by the order of lists, in which the newest comes
// first: negative where the first of the two comes later.
func older(at time.Time, id string, than time.Time, thanID string) int {
	return cmp.Or(at.Compare(than), cmp.Compare(id, thanID))
}

// newest sorts newest first and keeps limit of them; 0 keeps all. It is never nil.
func newest(found []*incident.Incident, limit int) []*incident.Incident {
	slices.SortStableFunc(found, func(a, b *incident.Incident) int {
		return older(b.OpenedAt, b.ID, a.OpenedAt, a.ID)
	})
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return list(found)
}

func (s *Server) incident(w http.ResponseWriter, r *http.Request) {
	inc, ok := s.asked(w, r)
	if !ok {
		return
	}
	data, err := json.Marshal(inc)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// asked is the incident that a request names, in its public form; where there is
// none the request is answered, and ok is false.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) (inc *incident.Incident, ok bool) {
	id := r.PathValue("id")
	inc, found, err := s.anyIncident(r.Context(), id)
	switch {
	case err != nil:
		s.unavailable(w, err)
	case !found:
		fail(w, http.StatusNotFound, "there is no incident "+id+", and no service of that name with an open one")
	}
	return inc, err == nil && found
}
