package incident

import (
	"slices"
	"time"
)

// mergedWindows bounds how many occurrences of a window that follow each other
// without a gap are told as one: a window that is always in force has no end to tell.
const mergedWindows = 8

// At tells whether the window is in force at a time, and until when. It is a
// matter of the local wall clock: in the hour that a change of daylight saving
// skips, a window begins at the first moment after it, and one that would lie
// wholly in that hour keeps its length; in the hour that comes twice, a window
// lasts from its first beginning to its last end, and is one. The end lies at
// most some days ahead: one that is always in force has another end then.
func (w Window) At(t time.Time) (inForce bool, until time.Time) {
	until = w.endAt(t)
	if until.IsZero() {
		return false, time.Time{}
	}
	for range mergedWindows {
		next := w.endAt(until)
		if next.IsZero() {
			break
		}
		until = next
	}
	return true, until.UTC()
}

// appliesTo tells whether the window is for a service.
func (w Window) appliesTo(service string) bool {
	return len(w.Services) == 0 || slices.Contains(w.Services, service)
}

// endAt is the latest end of the occurrences that a time lies in; zero when it
// lies in none.
func (w Window) endAt(t time.Time) time.Time {
	var end time.Time
	local := t.In(w.location())
	// An occurrence lasts a day and the hour that comes twice, at most.
	for back := range 3 {
		day := time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, time.UTC)
		if len(w.Days) > 0 && !slices.Contains(w.Days, day.Weekday()) {
			continue
		}
		from, to := w.occurrence(day)
		if !t.Before(from) && t.Before(to) && to.After(end) {
			end = to
		}
	}
	return end
}

func (w Window) location() *time.Location {
	if w.Location == nil {
		return time.UTC
	}
	return w.Location
}

// occurrence is the stretch of time of the window that begins on a day. The day
// is a wall-clock date, written in UTC.
func (w Window) occurrence(day time.Time) (from, to time.Time) {
	length := w.To - w.From
	if length <= 0 {
		length += 24 * time.Hour
	}
	loc := w.location()
	from, _, _ = instants(day.Add(w.From), loc)
	// The end is right after the last moment that still belongs to it: the same
	// wall time may come once more, when that of the end itself does not.
	_, to, shown := instants(day.Add(w.From+length-1), loc)
	if shown {
		to = to.Add(1)
	}
	if !from.Before(to) {
		to = from.Add(length)
	}
	return from, to
}

// instants are the first and the last time at which a zone's wall clocks show a
// time, here written in UTC. They are the same except in the hour that comes
// twice. In an hour that is skipped no clock shows it, and both are the moment
// of the change.
func instants(wall time.Time, loc *time.Location) (first, last time.Time, shown bool) {
	at := func(near time.Time) (t time.Time, shows bool) {
		_, offset := near.In(loc).Zone()
		t = wall.Add(-time.Duration(offset) * time.Second)
		_, then := t.In(loc).Zone()
		return t, then == offset
	}
	// No zone changes its clocks twice within so few days.
	before, showsBefore := at(wall.Add(-24 * time.Hour))
	after, showsAfter := at(wall.Add(24 * time.Hour))
	switch {
	case showsBefore && showsAfter:
		return before, after, true
	case showsBefore:
		return before, before, true
	case showsAfter:
		return after, after, true
	}
	change, _ := before.In(loc).ZoneBounds()
	return change, change, false
}
