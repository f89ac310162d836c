package incident_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("zone %s: %v", name, err)
	}
	return loc
}

func clock(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "24:00" {
		return 24 * time.Hour
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Sub(at.Truncate(24 * time.Hour))
}

func TestAWindowOnTheDaysWhenTheClocksChange(t *testing.T) {
	berlin, lordHowe := "Europe/Berlin", "Australia/Lord_Howe"
	for _, test := range []struct {
		name, zone, from, to string
		days                 []time.Weekday
		look                 string // a time in force
		begin, end           string // the first moment in force, and the first after it
	}{
		{name: "an ordinary day", zone: berlin, from: "02:30", to: "03:30", look: "2026-03-28T02:00:00Z", begin: "2026-03-28T01:30:00Z", end: "2026-03-28T02:30:00Z"},
		{name: "wholly in the skipped hour", zone: berlin, from: "02:15", to: "02:45", look: "2026-03-29T01:10:00Z", begin: "2026-03-29T01:00:00Z", end: "2026-03-29T01:30:00Z"},
		{name: "the skipped hour itself", zone: berlin, from: "02:00", to: "03:00", look: "2026-03-29T01:59:59Z", begin: "2026-03-29T01:00:00Z", end: "2026-03-29T02:00:00Z"},
		{name: "it begins in the skipped hour", zone: berlin, from: "02:30", to: "05:00", look: "2026-03-29T02:00:00Z", begin: "2026-03-29T01:00:00Z", end: "2026-03-29T03:00:00Z"},
		{name: "it ends in the skipped hour", zone: berlin, from: "01:00", to: "02:30", look: "2026-03-29T00:30:00Z", begin: "2026-03-29T00:00:00Z", end: "2026-03-29T01:00:00Z"},
		{name: "across the skipped hour", zone: berlin, from: "22:00", to: "06:00", look: "2026-03-29T01:00:00Z", begin: "2026-03-28T21:00:00Z", end: "2026-03-29T04:00:00Z"},
		{name: "a part of the hour that comes twice", zone: berlin, from: "02:15", to: "02:45", look: "2026-10-25T01:00:00Z", begin: "2026-10-25T00:15:00Z", end: "2026-10-25T01:45:00Z"},
		{name: "the hour that comes twice", zone: berlin, from: "02:00", to: "03:00", look: "2026-10-25T01:30:00Z", begin: "2026-10-25T00:00:00Z", end: "2026-10-25T02:00:00Z"},
		{name: "it ends where the hour that comes twice begins", zone: berlin, from: "01:00", to: "02:00", look: "2026-10-24T23:30:00Z", begin: "2026-10-24T23:00:00Z", end: "2026-10-25T00:00:00Z"},
		{name: "it ends in the hour that comes twice", zone: berlin, from: "01:00", to: "02:30", look: "2026-10-25T00:45:00Z", begin: "2026-10-24T23:00:00Z", end: "2026-10-25T01:30:00Z"},
		{name: "it begins after it", zone: berlin, from: "03:00", to: "04:00", look: "2026-10-25T02:30:00Z", begin: "2026-10-25T02:00:00Z", end: "2026-10-25T03:00:00Z"},
		{name: "half an hour that comes twice", zone: lordHowe, from: "01:40", to: "01:50", look: "2026-04-04T15:00:00Z", begin: "2026-04-04T14:40:00Z", end: "2026-04-04T15:20:00Z"},
		{name: "half an hour that is skipped", zone: lordHowe, from: "02:10", to: "02:20", look: "2026-10-03T15:35:00Z", begin: "2026-10-03T15:30:00Z", end: "2026-10-03T15:40:00Z"},
		{name: "the day is that of the beginning", zone: "America/New_York", from: "22:00", to: "06:00", days: []time.Weekday{time.Saturday}, look: "2026-03-08T07:00:00Z", begin: "2026-03-08T03:00:00Z", end: "2026-03-08T10:00:00Z"},
		{name: "a whole day", zone: "Asia/Kolkata", from: "00:00", to: "24:00", days: []time.Weekday{time.Monday}, look: "2026-01-05T00:00:00Z", begin: "2026-01-04T18:30:00Z", end: "2026-01-05T18:30:00Z"},
		{name: "a day and night from noon", zone: "", from: "12:00", to: "12:00", days: []time.Weekday{time.Monday}, look: "2026-01-06T11:00:00Z", begin: "2026-01-05T12:00:00Z", end: "2026-01-06T12:00:00Z"},
		{name: "two days that follow each other are one", zone: "", from: "00:00", to: "24:00", days: []time.Weekday{time.Saturday, time.Sunday}, look: "2026-01-10T11:00:00Z", begin: "2026-01-10T00:00:00Z", end: "2026-01-12T00:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := incident.Window{From: clock(t, test.from), To: clock(t, test.to), Days: test.days}
			if test.zone != "" {
				w.Location = zone(t, test.zone)
			}
			at := func(text string) time.Time {
				v, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			if in, until := w.At(at(test.look)); !in || !until.Equal(at(test.end)) {
				t.Errorf("at %s: in force %v until %s, want until %s", test.look, in, until, test.end)
			}
			if in, _ := w.At(at(test.begin)); !in {
				t.Errorf("it is not in force at %s", test.begin)
			}
			if in, _ := w.At(at(test.begin).Add(-1)); in {
				t.Errorf("it is in force before %s", test.begin)
			}
			if in, until := w.At(at(test.end)); in {
				t.Errorf("it is still in force at %s, until %s", test.end, until)
			}
		})
	}
}

func TestAWindowThatIsAlwaysInForceHasAnEndToWakeAt(t *testing.T) {
	w := incident.Window{To: 24 * time.Hour}
	in, until := w.At(start)
	if !in || !until.After(start) || until.After(start.Add(30*24*time.Hour)) {
		t.Errorf("in force %v until %s, want some days from %s", in, until, start)
	}
}

// occurrenceByMinute is the meaning of a window in the slowest way: go through
// the minutes, look at the wall clock of each, and fill what lies between the
// first and the last that belong to it.
func occurrenceByMinute(w incident.Window, day time.Time) (from, to time.Time) {
	length := w.To - w.From
	if length <= 0 {
		length += 24 * time.Hour
	}
	begin, end := day.Add(w.From), day.Add(w.From+length)
	var reached time.Time
	for m := day.Add(-16 * time.Hour); m.Before(day.Add(64 * time.Hour)); m = m.Add(time.Minute) {
		local := m.In(w.Location)
		wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
		if reached.IsZero() && !wall.Before(begin) {
			reached = m
		}
		if wall.Before(begin) || !wall.Before(end) {
			continue
		}
		if from.IsZero() {
			from = m
		}
		to = m.Add(time.Minute)
	}
	if from.IsZero() {
		return reached, reached.Add(length)
	}
	return from, to
}

// TestAWindowAgreesWithAMinuteByMinuteOracle looks at the days around every
// change of the clocks of some years, and at some others, in several zones.
func TestAWindowAgreesWithAMinuteByMinuteOracle(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo", "America/Sao_Paulo"} {
		loc := zone(t, name)
		r := rand.New(rand.NewPCG(3, uint64(len(name))))
		for _, day := range daysToLookAt(loc, r) {
			for range 6 {
				w := incident.Window{From: minutes(r), To: minutes(r), Location: loc, Days: []time.Weekday{day.Weekday()}}
				if r.IntN(2) == 0 { // where the clocks change
					w.From, w.To = time.Duration(r.IntN(200))*time.Minute, time.Duration(r.IntN(200))*time.Minute
				}
				from, to := occurrenceByMinute(w, day)
				what := fmt.Sprintf("%s, %s from %s to %s", name, day.Format("2006-01-02"), w.From, w.To)
				if in, until := w.At(from); !in || !until.Equal(to) {
					t.Errorf("%s: at its beginning %s it is in force %v until %s, want until %s", what, from, in, until, to)
				}
				for m := from.Add(-3 * time.Hour); m.Before(to.Add(3 * time.Hour)); m = m.Add(time.Minute) {
					in, _ := w.At(m)
					if want := !m.Before(from) && m.Before(to); in != want {
						t.Fatalf("%s: at %s it is in force %v, want %v", what, m, in, want)
					}
				}
			}
		}
	}
}

func minutes(r *rand.Rand) time.Duration { return time.Duration(r.IntN(24*60)) * time.Minute }

// daysToLookAt are the days of the zone's changes from 2016 to 2027, with their
// neighbours, and a few others.
func daysToLookAt(loc *time.Location, r *rand.Rand) []time.Time {
	var days []time.Time
	first := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	for at := first; at.Year() < 2028; {
		_, next := at.In(loc).ZoneBounds()
		if next.IsZero() {
			break
		}
		for d := -1; d <= 1; d++ {
			local := next.In(loc)
			days = append(days, time.Date(local.Year(), local.Month(), local.Day()+d, 0, 0, 0, 0, time.UTC))
		}
		at = next
	}
	for range 5 {
		days = append(days, first.AddDate(0, 0, r.IntN(4000)))
	}
	return days
}
