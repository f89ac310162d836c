package responder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything around the loop: a scripted brain, a journal in memory,
// and steps and readings that do as the test says.
type world struct {
	t *testing.T
	// step is the brain: what follows from an input.
	step func(now time.Time, in incident.Input) []incident.Effect
	// run and read are what a step and a reading do; they end at once if nil.
	run     func(ctx context.Context, r action.Request) action.Result
	prepare func(ctx context.Context, steps []action.Request) error
	read    func(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer

	mu       sync.Mutex
	inputs   []incident.Input
	entries  []incident.Entry
	metas    []journal.Meta
	out      []journal.Outgoing
	requests []action.Request
	cut      []string
	cutting  func(run string) // nil does nothing more
	pokes    int
	full     error // what the journal answers
	// refuse is what the journal answers to one entry, of which there are n; nil
	// takes all.
	refuse func(n int, m journal.Meta) error
	log    bytes.Buffer
}

// Drive does with the scripted brain what incident.Drive does with the real one.
func (w *world) Drive(now time.Time, in incident.Input, c incident.Carrier) {
	for range 100 {
		w.mu.Lock()
		w.inputs = append(w.inputs, in)
		w.mu.Unlock()
		var effects []incident.Effect
		if w.step != nil {
			effects = w.step(now, in)
		}
		if in = carry(effects, c); in == nil {
			return
		}
	}
	w.t.Error("the scripted brain does not come to rest")
}

func carry(effects []incident.Effect, c incident.Carrier) (next incident.Input) {
	for _, effect := range effects {
		record, ok := effect.(incident.Record)
		if !ok {
			c.Carry(effect)
			continue
		}
		if err := c.Record(record.Entry, record.Message); err != nil {
			return incident.RecordFailed{Err: err.Error()}
		}
		next = incident.Wake{}
	}
	return next
}

func (w *world) Append(_ context.Context, entry []byte, m journal.Meta, out []journal.Outgoing) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full != nil {
		return 0, w.full
	}
	if w.refuse != nil {
		if err := w.refuse(len(w.entries), m); err != nil {
			return 0, err
		}
	}
	var e incident.Entry
	if err := json.Unmarshal(entry, &e); err != nil {
		return 0, err
	}
	w.entries = append(w.entries, e)
	w.metas = append(w.metas, m)
	w.out = append(w.out, out...)
	return uint64(len(w.entries)), nil
}

func (w *world) Run(ctx context.Context, r action.Request) action.Result {
	w.mu.Lock()
	w.requests = append(w.requests, r)
	w.mu.Unlock()
	if w.run == nil {
		return action.Result{State: action.Done}
	}
	return w.run(ctx, r)
}

func (w *world) Prepare(ctx context.Context, steps []action.Request) error {
	w.mu.Lock()
	w.requests = append(w.requests, steps...)
	w.mu.Unlock()
	if w.prepare == nil {
		return nil
	}
	return w.prepare(ctx, steps)
}

func (w *world) Cut(run string) bool {
	w.mu.Lock()
	w.cut = append(w.cut, run)
	w.mu.Unlock()
	if w.cutting != nil {
		w.cutting(run)
	}
	return true
}

func (w *world) Read(ctx context.Context, at time.Time, metrics []string, service string) map[string]trigger.Answer {
	if w.read == nil {
		return nil
	}
	return w.read(ctx, at, metrics, service)
}

// kinds are the kinds of the entries in the journal.
func (w *world) kinds() []incident.Kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kinds []incident.Kind
	for _, e := range w.entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// took are the inputs that the brain was given, its own wakings left out.
func (w *world) took() []incident.Input {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.inputs), func(in incident.Input) bool { return in == incident.Wake{} })
}

// options are those of a responder in this world.
func (w *world) options(t *testing.T) responder.Options {
	t.Helper()
	w.t = t
	return responder.Options{
		Drive: w.Drive, Journal: w, Runner: w, Reader: w,
		Receivers: func(m incident.Message) []string { return m.Receivers },
		Poke: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.pokes++
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: &w.log, Level: hclog.Debug}),
	}
}

// begin runs the loop; stop ends it and waits until it has.
func begin(t *testing.T, o responder.Options) (r *responder.Responder, stop func()) {
	t.Helper()
	r = responder.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// bubble is a loop on fake time, with what ends it and waits until it has.
type bubble struct {
	*testing.T
	r    *responder.Responder
	stop func()
}

// inBubble runs a test of the loop on fake time.
func inBubble(t *testing.T, w *world, change func(*responder.Options), test func(in bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := w.options(t)
		if change != nil {
			change(&o)
		}
		r, stop := begin(t, o)
		test(bubble{t, r, stop})
		stop()
	})
}

// gathered keeps the metrics of a responder.
func gathered(reg *prometheus.Registry) func(*responder.Options) {
	return func(o *responder.Options) { o.Registerer = reg }
}

var errFull = errors.New("disk full")

func seen(version string) incident.VersionSeen {
	return incident.VersionSeen{Service: "checkout", Version: version}
}

func check(seq uint64) incident.Health {
	return incident.Health{Service: "checkout", Check: trigger.HealthCheck{Seq: seq}}
}

// on scripts a brain that answers inputs of one type.
func on[T incident.Input](effects ...incident.Effect) func(time.Time, incident.Input) []incident.Effect {
	return func(_ time.Time, in incident.Input) []incident.Effect {
		if _, ok := in.(T); ok {
			return effects
		}
		return nil
	}
}

func record(kind incident.Kind) incident.Record {
	return incident.Record{Entry: incident.Entry{Kind: kind, Service: "checkout", Incident: "inc-1", Text: "it is " + string(kind)}}
}

// intent is the record of an attempt of a step.
func intent(ref incident.StepRef) incident.Record {
	r := record(incident.KindStepBegun)
	r.Entry.Step = &incident.StepEntry{Ref: ref}
	return r
}

func ended(ref incident.StepRef, result incident.StepResult) incident.Record {
	r := record(incident.KindStepEnded)
	r.Entry.Step = &incident.StepEntry{Ref: ref, Result: &result}
	return r
}

func undo() incident.StepRef {
	return incident.StepRef{
		Incident: "inc-1", Service: "checkout", Run: "inc-1/1", Section: incident.SectionSteps, Name: "undo", Attempt: 1, Fence: 7,
	}
}
