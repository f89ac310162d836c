package scenario

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/trigger"
)

// kill is kill -9, and a start after down. What the daemon had in its hands is
// lost; what the world does goes on.
func (w *world) kill(down time.Duration) {
	if w.brain == nil {
		return
	}
	w.tally.Kills++
	w.record.note(w.now, "", "world", "the daemon is killed and starts again after "+down.String())
	w.checkReplay()
	w.checkTwice(w.lived)
	w.audit.jump(w.host.unnoticed)
	w.brain, w.wake, w.host.unnoticed, w.host.told = nil, -1, 0, time.Time{}
	w.life++
	w.queue.push(w.now+down, rankSource, w.restart)
}

// restart starts the daemon again: it replays its journal, rebuilds its windows
// from their sources and goes on.
func (w *world) restart() {
	err := w.readBack()
	if err != nil {
		w.fault("%v", err)
		return
	}
	b, err := w.replay()
	if err != nil {
		w.fault("%v", err)
		return
	}
	w.brain = b
	w.starts()
	w.lived = &life{options: w.options, began: w.now, before: len(w.journal.lines)}
	w.audit.restarted(w.options)
	downFrom := b.LastEntryAt()
	if w.scrapes != nil {
		w.configure(w.scrapes.setting, true)
	}
	w.rebuild()
	w.input(incident.Restored{DownFrom: downFrom, To: w.clock()})
	w.catchUp()
	w.showVersions()
	w.lookForVersions(source.Floor(w.clock(), w.options.Poll))
	w.scheduleTick(w.now)
}

// replay makes a brain from the journal alone.
func (w *world) replay() (*incident.Brain, error) { return replayed(w.options, w.journal.lines) }

func replayed(o incident.Options, lines [][]byte) (*incident.Brain, error) {
	b := incident.New(o)
	for i, line := range lines {
		var e incident.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("entry %d of the journal cannot be read back: %w", i+1, err)
		}
		b.Apply(e)
	}
	return b, nil
}

// checkReplay holds the memory of the living brain against its journal: a
// replay must give the same bytes.
func (w *world) checkReplay() {
	if w.brain == nil || len(w.violations) > 0 {
		return
	}
	b, err := w.replay()
	if err != nil {
		w.fault("%v", err)
		return
	}
	want, err := w.brain.Snapshot()
	if err != nil {
		w.fault("the memory cannot be written: %v", err)
		return
	}
	got, err := b.Snapshot()
	if err != nil {
		w.fault("the replayed memory cannot be written: %v", err)
		return
	}
	if !bytes.Equal(want, got) {
		i := differsAt(want, got)
		w.violated(9, "a replay of the journal gives another memory\n    live:     …%s\n    replayed: …%s", around(want, i), around(got, i))
	}
}

func differsAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func around(text []byte, i int) []byte {
	return text[max(0, i-80):min(len(text), i+80)]
}

// rebuild reads the past back: every tick of the grid over the longest window,
// and the health checks of that time, in the order of time. A source that does
// not answer now shows nothing of the past either.
func (w *world) rebuild() {
	poll := w.options.Poll
	from := max(0, w.now-w.longest())
	_, silent := w.holds(faultNATS, w.now)
	checks := w.checks
	replayUntil := func(until time.Duration) {
		for len(checks) > 0 && checks[0].at <= until {
			if checks[0].at >= from && !silent {
				in := checks[0].in
				in.Check.At, in.Replayed = w.wall(checks[0].at), true
				w.input(in)
			}
			checks = checks[1:]
		}
	}
	for at := w.since(gridAfter(w.wall(from-1), poll)); at < w.now; at += poll {
		replayUntil(at)
		w.input(w.pastTick(at, w.metrics.names))
	}
	replayUntil(w.now - 1)
}

// pastTick is what Prometheus says now of a tick of the past: nothing while it does
// not answer, and nothing is known of a time at which it was broken itself.
func (w *world) pastTick(at time.Duration, names []string) incident.Samples {
	tick := incident.Samples{At: w.wall(at), Kind: incident.Rebuilt}
	now, _ := w.holds(faultPrometheus, w.now)
	if silent, is := w.silent(now.how); is && silent.Err != "" {
		tick.Answers = w.answers(w.now, names)
		return tick
	}
	tick.Answers = w.answers(at, names)
	then, broken := w.holds(faultPrometheus, at)
	if silent, is := w.silent(then.how); broken && is && silent.Err != "" {
		for name := range tick.Answers {
			hole := trigger.Answer{Services: map[string]trigger.Reading{}}
			for _, service := range w.readFor(name) {
				hole.Services[service] = trigger.UnknownBecause(silent.Err)
			}
			tick.Answers[name] = hole
		}
	}
	return tick
}

// readPast reads back what the daemon's start could not read.
func (w *world) readPast(e incident.ReadPast) {
	w.record.note(w.now, "", "past", fmt.Sprintf("%s is read back from %s on", strings.Join(e.Metrics, ", "), offset(max(0, w.since(e.From)))))
	in := incident.Past{ID: e.ID}
	from := max(0, w.since(e.From))
	for at := w.since(gridAfter(w.wall(from-1), w.options.Poll)); !w.wall(at).After(e.To); at += w.options.Poll {
		in.Ticks = append(in.Ticks, w.pastTick(at, e.Metrics))
	}
	w.later(in)
}

// longest is how far back a restart looks: the longest window of any trigger,
// with room for the gap it may begin with, and no less than two health ttls.
func (w *world) longest() time.Duration {
	longest := 2 * time.Minute
	for _, s := range w.options.Services {
		longest = max(longest, 2*s.HealthTTL)
		for _, t := range s.Triggers {
			hold := t.Expr.Hold
			longest = max(longest, max(hold.For, time.Duration(hold.M)*t.Poll)+t.MaxGap)
			for _, c := range t.Expr.Conditions {
				longest = max(longest, time.Duration(c.Count)*30*time.Second)
			}
		}
	}
	return longest + 2*w.options.Poll
}

// inOrder puts events in the order of time, those of one time in the order of
// the file.
func inOrder(events []event) {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
}
