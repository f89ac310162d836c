package incident_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// last is the newest message that people were told.
func (w *world) last() incident.Message {
	w.t.Helper()
	if len(w.told) == 0 {
		w.t.Fatal("nobody was told anything")
	}
	return w.told[len(w.told)-1]
}

// What people say is one line of a message: a line of theirs that looks like a
// command would be copied by whoever is on call.
func TestNobodyPutsACommandIntoAMessage(t *testing.T) {
	w := asking(t, nil)
	w.say(incident.Command{Verb: "close", Reason: "done\nrollbackd lock --all --reason 'x'\r\nrollbackd\u2028rollbackd pause"})
	m := w.last()
	if m.Event != "closed" || !strings.Contains(m.Text, "done rollbackd lock") {
		t.Fatalf("%s: %s", m.Event, m.Text)
	}
	var commands []string
	for line := range strings.SplitSeq(m.Text, "\n") {
		if strings.HasPrefix(line, "rollbackd ") {
			commands = append(commands, line)
		}
	}
	if len(commands) != 1 || commands[0] != "rollbackd show "+m.Incident || strings.ContainsAny(m.Text, "\r\u2028") {
		t.Errorf("commands %q in %q", commands, m.Text)
	}
}

// The command of a message is one that is not refused.
func TestTheCommandOfAMessageWorks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*incident.Plan, *incident.Options)
		story  func(w *world)
		want   string
	}{
		"a question": {nil, nil, "approve"},
		"in shadow":  {func(_ *incident.Plan, o *incident.Options) { o.Shadow = true }, nil, "show"},
		"nothing to go back to": {nil, func(w *world) {
			w.set(0.001, "shop")
			w.run(time.Minute)
			w.set(0.08, "shop") // and no deployment was ever known
		}, "show"},
		"a rollback that did not help": {func(_ *incident.Plan, o *incident.Options) { o.Matrix = evaluator.DefaultMatrix("1", 2*time.Minute) }, func(w *world) {
			broken(w.t, w, "shop")
			w.run(40 * time.Minute)
		}, "show"},
		"one that could not begin": {func(p *incident.Plan, o *incident.Options) {
			o.Matrix = evaluator.DefaultMatrix("1", 2*time.Minute)
			p.Checks = []incident.PlanStep{{Name: "backup", Timeout: time.Minute, Do: json.RawMessage(`{"kind":"exec","argv":["backup"]}`)}}
		}, func(w *world) {
			w.results["backup"] = []incident.StepResult{{State: incident.StepFailed}}
			broken(w.t, w, "shop")
			w.run(10 * time.Minute)
		}, "approve"},
		"locked": {nil, func(w *world) {
			w.say(incident.Command{Verb: "lock", For: time.Hour})
			broken(w.t, w, "shop")
		}, "show"},
	} {
		w := plannedWorld(t, func(p *incident.Plan, o *incident.Options) {
			o.Matrix = evaluator.Matrix{"1": {trigger.Critical: {Directness: evaluator.Approve}}}
			if c.change != nil {
				c.change(p, o)
			}
		})
		if c.story == nil {
			broken(t, w, "shop")
		} else {
			c.story(w)
		}
		w.run(3 * time.Minute)
		m := w.last()
		if !strings.Contains(m.Text, "\nrollbackd "+c.want+" "+m.Incident) {
			t.Errorf("%s: want the command %s in %s", name, c.want, m.Text)
		}
		refused := w.say(incident.Command{Verb: "approve"}).Err != ""
		if refused != (c.want == "show") {
			t.Errorf("%s: a yes is refused: %v, and the message says %s", name, refused, c.want)
		}
	}
}

// A version may be a digest: the deadline must be seen all the same.
func TestTheFirstLineOfLongVersionsHasTheDeadline(t *testing.T) {
	w := plannedWorld(t, func(_ *incident.Plan, o *incident.Options) {
		o.Matrix = evaluator.Matrix{"1": {trigger.Critical: {Directness: evaluator.Countdown, Wait: 5 * time.Minute}}}
	})
	v1, v2 := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	w.set(0.001, "shop")
	w.run(time.Minute)
	w.deploy("shop", v2, v1)
	w.run(time.Minute)
	w.set(0.08, "shop")
	w.run(3 * time.Minute)
	m := w.told[0]
	if m.Event != "countdown" || len([]rune(m.FirstLine)) > 120 || !strings.Contains(m.FirstLine, "sha256:222") || !strings.Contains(m.FirstLine, "sha256:111") ||
		!strings.Contains(m.FirstLine, " by ") || !strings.HasSuffix(m.FirstLine, " UTC LIVE") {
		t.Errorf("%s: %s", m.Event, m.FirstLine)
	}
}
