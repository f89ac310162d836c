package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// blindTold are the messages about triggers that are blind.
func (w *world) blindTold() (told []incident.Message) {
	for _, m := range w.told {
		if m.Event == "trigger_blind" {
			told = append(told, m)
		}
	}
	return told
}

// A trigger that was never known is told once, also over a restart, and what people
// read says what to do.
func TestABlindTriggerIsToldOnce(t *testing.T) {
	o := options("shop")
	spec := o.Services["shop"]
	spec.Triggers[0].Receivers = []string{"shop-team"}
	o.Services["shop"] = spec
	w := newWorld(t, o)
	w.values["shop"] = trigger.UnknownBecause("nan")
	w.run(5 * time.Minute)
	if n := len(w.blindTold()); n != 0 {
		t.Fatalf("told %d times within five minutes of the first tick, want not yet", n)
	}
	w.run(15 * time.Second)
	w.restart(time.Minute)
	w.run(30 * time.Minute)
	told := w.blindTold()
	if len(told) != 1 {
		t.Fatalf("told %d times, want once", len(told))
	}
	m := told[0]
	if m.FirstLine != "HELD shop: blind, nothing is known of errors LIVE" || m.Severity != trigger.Medium || m.Service != "shop" || m.Incident != "" {
		t.Errorf("%s message %q about %s, incident %q", m.Severity, m.FirstLine, m.Service, m.Incident)
	}
	for _, part := range []string{"errors (errors > 1% for 2m) has shown nothing known since it was added", "nan", "`match`", "scrapes", "\nrollbackd why shop"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("no %q in %q", part, m.Text)
		}
	}
	if len(m.Receivers) != 1 || m.Receivers[0] != "shop-team" {
		t.Errorf("told to %q, want the trigger's receivers", m.Receivers)
	}
	if len(w.started) != 0 || len(w.brain.Incidents()) != 0 {
		t.Error("want nothing done and no incident")
	}
}

// Once it was known for five minutes it is over, on record and without a word; a
// trigger that is gone from the configuration is over, too.
func TestABlindTriggerIsSighted(t *testing.T) {
	sighted := func(w *world) (n int) {
		for _, e := range w.journal {
			if e.Kind == incident.KindTriggerSighted {
				n++
			}
		}
		return n
	}
	w := newWorld(t, options("shop"))
	w.run(6 * time.Minute)
	w.set(0.001, "shop")
	w.run(4 * time.Minute)
	if n := sighted(w); n != 0 {
		t.Errorf("sighted %d times after four minutes, want not yet", n)
	}
	w.run(2 * time.Minute)
	if n, told := sighted(w), len(w.told); n != 1 || told != 1 {
		t.Errorf("sighted %d times and told %d times, want once each", n, told)
	}

	w = newWorld(t, options("shop"))
	w.run(6 * time.Minute)
	o := options("shop")
	o.Services["shop"].Triggers[0].Name = "failures"
	w.give(incident.Reloaded{Options: o})
	w.run(time.Minute)
	if n := sighted(w); n != 1 {
		t.Errorf("sighted %d times once it is gone, want once", n)
	}
}

// Nothing waits for it: while the disk is nearly full it is not written down, and
// it is made up for.
func TestABlindTriggerWaitsForTheDisk(t *testing.T) {
	w := newWorld(t, options("shop"))
	w.give(incident.Disk{Free: 1, MinFree: 2})
	w.run(10 * time.Minute)
	if n := len(w.blindTold()); n != 0 {
		t.Errorf("told %d times with a disk that is nearly full, want not at all", n)
	}
	w.give(incident.Disk{Free: 3, MinFree: 2})
	w.run(15 * time.Second)
	if n := len(w.blindTold()); n != 1 {
		t.Errorf("told %d times once there is room, want once", n)
	}
}

// The first line stays short, however many there are.
func TestManyBlindTriggersAreOneShortLine(t *testing.T) {
	o := options("shop")
	s := o.Services["shop"]
	for _, name := range []string{strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)} {
		spec := s.Triggers[0]
		spec.Name = name
		s.Triggers = append(s.Triggers, spec)
	}
	o.Services["shop"] = s
	w := newWorld(t, o)
	w.run(6 * time.Minute)
	told := w.blindTold()
	if len(told) != 1 || len([]rune(told[0].FirstLine)) > 120 || !strings.HasSuffix(told[0].FirstLine, "… LIVE") {
		t.Errorf("told %+v, want one message with a line that is cut", told)
	}
}
