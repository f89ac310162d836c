package chart

import (
	"math"
	"time"
)

const day = 24 * time.Hour

// timeTick is a labelled instant of the time axis. A new day is set off.
type timeTick struct {
	at     time.Time
	label  string
	newDay bool
}

// timeSteps are the distances at which people read clocks.
func timeSteps() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		day, 2 * day, 5 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day,
	}
}

// timeTicks are at most so many instants between two, by the wall clock of the
// zone of from.
func timeTicks(from, to time.Time, most int) []timeTick {
	span := to.Sub(from)
	years := int(span/(365*day))/max(1, most) + 1
	step := time.Duration(years*365) * day
	for _, s := range timeSteps() {
		if span/s < time.Duration(max(1, most)) {
			step = s
			break
		}
	}
	if step >= day {
		return dayTicks(from, to, int(step/day))
	}
	return clockTicks(from, to, step)
}

// clockTicks are the multiples of a step since each midnight: where clocks are
// set forward or back, the hours stay the round ones.
func clockTicks(from, to time.Time, step time.Duration) []timeTick {
	layout := "15:04"
	if step < time.Minute {
		layout = "15:04:05"
	}
	var ticks []timeTick
	year, month, date := from.Date()
	each := int(step / time.Second)
	first := (from.Hour()*3600 + from.Minute()*60 + from.Second()) / each * each
	last := from.Add(-1)
	for offset := first; ; offset += each {
		at := time.Date(year, month, date, 0, 0, offset, 0, from.Location())
		if at.After(to) {
			return ticks
		}
		if !at.After(last) {
			continue
		}
		last = at
		t := timeTick{at: at, label: at.Format(layout)}
		if at.Hour() == 0 && at.Minute() == 0 && at.Second() == 0 {
			t.label, t.newDay = at.Format("2 Jan"), true
		}
		ticks = append(ticks, t)
	}
}

// dayTicks are midnights, some days apart.
func dayTicks(from, to time.Time, days int) []timeTick {
	var ticks []timeTick
	year, month, date := from.Date()
	layout := "2 Jan"
	if days >= 90 {
		layout = "Jan 2006"
	}
	for i := 0; len(ticks) < 40; i += days {
		at := time.Date(year, month, date+i, 0, 0, 0, 0, from.Location())
		if at.After(to) {
			break
		}
		if !at.Before(from) {
			ticks = append(ticks, timeTick{at: at, label: at.Format(layout), newDay: true})
		}
	}
	return ticks
}

// zoneName names a zone so that nobody takes it for another.
func zoneName(t time.Time) string {
	name, offset := t.Zone()
	if name == "UTC" {
		return name
	}
	numeric := t.Format("-07:00")
	if name == "" || offset == 0 && name != "GMT" || name[0] == '+' || name[0] == '-' {
		return "UTC" + numeric
	}
	return name + " (UTC" + numeric + ")"
}

// axisTitle says which day and zone the time axis speaks of.
func axisTitle(from, to time.Time) string {
	first, last := from.Format("2 Jan 2006"), to.In(from.Location()).Format("2 Jan 2006")
	zone := zoneName(from)
	if later := zoneName(to.In(from.Location())); later != zone {
		zone += ", then " + later
	}
	if first == last {
		return first + ", " + zone
	}
	return first + " to " + last + ", " + zone
}

// clockLabel writes an instant for the legend: with the day where the axis spans
// more than one, with seconds where it is short.
func clockLabel(at, from, to time.Time) string {
	at, to = at.In(from.Location()), to.In(from.Location())
	layout := "15:04:05"
	if to.Sub(from) > 6*time.Hour {
		layout = "15:04"
	}
	if from.YearDay() != to.YearDay() || from.Year() != to.Year() {
		layout = "2 Jan " + layout
	}
	return at.Format(layout)
}

// timeScale places instants between from (0) and to (1).
type timeScale struct{ from, to time.Time }

func (s timeScale) part(t time.Time) float64 {
	part := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	if math.IsNaN(part) {
		return 0
	}
	return max(0, min(1, part))
}

func (s timeScale) holds(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }
