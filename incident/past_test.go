package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// pastWorld keeps what is asked of the past.
type pastWorld struct {
	*world
	asked []incident.ReadPast
}

func (w *pastWorld) Carry(effect incident.Effect) {
	if e, is := effect.(incident.ReadPast); is {
		w.asked = append(w.asked, e)
		return
	}
	w.world.Carry(effect)
}

// blindStart is a restart at which the source gave nothing of the past, in the
// middle of a breach that began 75 s before.
func blindStart(t *testing.T) *pastWorld {
	t.Helper()
	w := &pastWorld{world: newWorld(t, options("shop", "cart"))}
	w.set(0.001, "shop", "cart")
	w.run(time.Minute)
	w.deploy("shop", "v2", "v1")
	w.set(0.08, "shop")
	w.run(90 * time.Second)
	b := incident.New(w.opts)
	for _, e := range w.journal {
		b.Apply(e)
	}
	w.brain = b
	for _, h := range w.history {
		w.tell(incident.Samples{At: h.At, Kind: incident.Rebuilt, Answers: map[string]trigger.Answer{"errors": {Err: "connection"}}})
	}
	w.now = w.now.Add(5 * time.Second)
	w.tell(incident.Restored{To: w.now})
	return w
}

func (w *pastWorld) tell(in incident.Input) { incident.Drive(w.brain, w.now, in, w) }

// tick is the next tick of the grid, with an answer or without.
func (w *pastWorld) tick(a trigger.Answer) {
	w.now = w.now.Truncate(w.opts.Poll).Add(w.opts.Poll)
	w.tell(incident.Samples{At: w.now, Kind: incident.Grid, Answers: map[string]trigger.Answer{"errors": a}})
}

func (w *pastWorld) past(id string) incident.Past {
	in := incident.Past{ID: id}
	for _, h := range w.history {
		in.Ticks = append(in.Ticks, incident.Samples{At: h.At, Kind: incident.Rebuilt, Answers: h.Answers})
	}
	return in
}

func TestThePastIsAskedForOnceTheSourceAnswers(t *testing.T) {
	w := blindStart(t)
	began := w.now
	w.tick(trigger.Answer{Err: "connection"})
	if len(w.asked) != 0 {
		t.Fatalf("asked %+v while the source does not answer", w.asked)
	}
	w.tick(w.answer())
	if len(w.asked) != 1 {
		t.Fatalf("asked %d times, want once", len(w.asked))
	}
	e := w.asked[0]
	got := fmt.Sprint(e.Metrics, e.Services, began.Sub(e.From), began.Sub(e.To), e.Deadline.Sub(w.now))
	if got != "[errors] [cart shop] 2m45s 0s 30s" {
		t.Errorf("asked for %s", got)
	}
	w.tick(w.answer())
	if len(w.asked) != 1 {
		t.Errorf("asked %d times while the first is under way, want once", len(w.asked))
	}
	w.tell(incident.Past{ID: e.ID}) // it could not be read
	w.tick(w.answer())
	if len(w.asked) != 2 {
		t.Fatalf("asked %d times after a reading that gave nothing, want twice", len(w.asked))
	}
	w.tell(w.past(e.ID)) // the first once more: it was given up
	w.tick(w.answer())
	w.tell(w.past(w.asked[1].ID))
	for range 4 {
		w.tick(w.answer())
	}
	if len(w.asked) != 2 {
		t.Errorf("asked %d times, want no more once it is known", len(w.asked))
	}
}

func TestAWindowOfBeforeTheStartIsCompletedByALiveSample(t *testing.T) {
	w := blindStart(t)
	w.tick(w.answer())
	entries := len(w.journal)
	w.tell(w.past(w.asked[0].ID))
	if len(w.journal) != entries {
		t.Errorf("the past alone led to %q", w.journal[len(w.journal)-1].Text)
	}
	for range 2 {
		w.tick(w.answer())
	}
	opened := slices.IndexFunc(w.journal, func(e incident.Entry) bool { return e.Kind == incident.KindOpened })
	if opened < 0 {
		t.Fatal("no incident two minutes after the onset")
	}
	if since := w.journal[opened].Opened.Triggers[0].Since; !since.Equal(start.Add(75 * time.Second)) {
		t.Errorf("the breach is said to have begun at %v, want its onset before the start", since)
	}
}

func TestThePastIsGivenUpWhenNoWindowCouldProfit(t *testing.T) {
	w := blindStart(t)
	for range 11 { // two minutes, and the gap
		w.tick(trigger.Answer{Err: "connection"})
	}
	for range 4 {
		w.tick(w.answer())
	}
	if len(w.asked) != 0 {
		t.Errorf("asked %+v, want nothing any more", w.asked)
	}
}

func TestAClockThatIsSetEndsTheAskingForThePast(t *testing.T) {
	w := blindStart(t)
	w.now = w.now.Add(time.Hour)
	w.tell(incident.ClockStepped{By: time.Hour})
	w.tick(w.answer())
	if len(w.asked) != 0 {
		t.Errorf("asked %+v by another clock", w.asked)
	}
}
