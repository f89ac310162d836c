package simulate

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
)

// Options says which worlds to play.
type Options struct {
	// Seed is that of the first world; the next one has the next seed.
	Seed uint64
	// Runs is how many worlds are played, Workers how many at a time (zero: one).
	Runs, Workers int
	// Most ends the hunt after so many findings; zero means the first.
	Most int
	// Plays bounds how often a world is played to make it smaller; zero means
	// DefaultPlays, below zero it is not made smaller.
	Plays int
	// OnDisk keeps the journal of every so many-th world in a real file; zero keeps
	// all journals in memory.
	OnDisk int
	// Done is told of each world that was played, in any order and from several
	// goroutines one at a time; nil tells nobody.
	Done func(scenario.Verdict)
}

// Finding is a world in which something did not hold.
type Finding struct {
	Seed uint64
	// Failures are what the smaller world breaks.
	Failures []string
	// World is the smallest world that was found to break it, too.
	World World
}

// Result is what came of a hunt.
type Result struct {
	// Worlds is how many were played, Simulated the time that passed in them.
	Worlds    int
	Simulated time.Duration
	Entries   map[incident.Kind]int
	Runs      map[incident.RunState]int
	Outcomes  map[incident.Outcome]int
	Guards    map[incident.Guard]int
	Kills     int
	// Findings are in the order of their seeds.
	Findings []Finding
}

// Run plays worlds. Its error is the context's, or that of a generator that made
// a file that cannot be played; what was found until then is in the result.
func Run(ctx context.Context, o Options) (Result, error) {
	h := &hunt{o: o, broken: map[uint64][]string{}, result: newResult()}
	if h.o.Workers <= 0 {
		h.o.Workers = 1
	}
	if h.o.Most <= 0 {
		h.o.Most = 1
	}
	var workers sync.WaitGroup
	for range h.o.Workers {
		workers.Go(func() { h.work(ctx) })
	}
	workers.Wait()
	err := h.err
	if err == nil {
		err = ctx.Err()
	}
	h.findings(ctx)
	return h.result, err
}

func newResult() Result {
	return Result{
		Entries: map[incident.Kind]int{}, Runs: map[incident.RunState]int{}, Outcomes: map[incident.Outcome]int{}, Guards: map[incident.Guard]int{},
	}
}

// hunt is one run of many worlds.
type hunt struct {
	o Options

	mu     sync.Mutex
	next   int
	broken map[uint64][]string // what each seed's world broke
	err    error
	result Result
}

// work plays one world after the other until there are no more.
func (h *hunt) work(ctx context.Context) {
	for {
		h.mu.Lock()
		i := h.next
		h.next++
		over := i >= h.o.Runs || len(h.broken) >= h.o.Most || h.err != nil || ctx.Err() != nil
		h.mu.Unlock()
		if over {
			return
		}
		seed := h.o.Seed + uint64(i) //nolint:gosec // it counts from zero
		v, err := h.play(ctx, i, Generate(seed))
		h.played(seed, v, err)
	}
}

// play plays the i-th world.
func (h *hunt) play(ctx context.Context, i int, w World) (scenario.Verdict, error) {
	if h.o.OnDisk > 0 && i%h.o.OnDisk == 0 {
		return w.PlayOnDisk(ctx)
	}
	return w.Play()
}

// played takes in what came of one world.
func (h *hunt) played(seed uint64, v scenario.Verdict, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.err = err
		return
	}
	r := &h.result
	r.Worlds++
	r.Simulated += v.Tally.Length
	r.Kills += v.Tally.Kills
	add(r.Entries, v.Tally.Entries)
	add(r.Runs, v.Tally.Runs)
	add(r.Outcomes, v.Tally.Outcomes)
	add(r.Guards, v.Tally.Guards)
	if len(v.Failures) > 0 {
		h.broken[seed] = v.Failures
	}
	if h.o.Done != nil {
		h.o.Done(v)
	}
}

func add[K comparable](sum, more map[K]int) {
	for key, n := range more {
		sum[key] += n
	}
}

// findings makes the worlds that broke something smaller.
func (h *hunt) findings(ctx context.Context) {
	for _, seed := range slices.Sorted(maps.Keys(h.broken)) {
		w := Generate(seed)
		found := Finding{Seed: seed, Failures: h.broken[seed], World: w}
		if v, err := w.Play(); err == nil && len(v.Failures) > 0 {
			found = h.small(ctx, w, v)
		} // else it happens only with its journal on a disk
		h.result.Findings = append(h.result.Findings, found)
	}
}

// small makes a world smaller that broke something.
func (h *hunt) small(ctx context.Context, w World, v scenario.Verdict) Finding {
	plays, kind := h.o.Plays, kindOf(v)
	if plays == 0 {
		plays = DefaultPlays
	}
	small := Shrink(w, func(c World) bool {
		if ctx.Err() != nil {
			return false
		}
		v, err := c.Play()
		return err == nil && len(v.Failures) > 0 && kindOf(v) == kind
	}, plays)
	if again, err := small.Play(); err == nil {
		v = again
	}
	return Finding{Seed: w.Seed, Failures: v.Failures, World: small}
}

// particular are the parts of a failure's text that differ between two worlds
// that break the same thing in the same way.
var particular = regexp.MustCompile(`"[^"]*"|[0-9][0-9:.]*|\b(auth|cart|shop|web|mail|pay)\b`)

// kindOf is what a world breaks, without when and where.
func kindOf(v scenario.Verdict) string {
	text := v.Failures[0]
	if _, after, found := strings.Cut(text, "is held to: at "); found {
		text = after
	}
	line, _, _ := strings.Cut(text, "\n")
	return particular.ReplaceAllString(line, "")
}

// Summary is the result in words, a line for each kind of thing.
func (r Result) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d worlds, %s simulated, %d journal entries, %d crashes\n", r.Worlds, hours(r.Simulated), total(r.Entries), r.Kills)
	fmt.Fprintf(&b, "rollbacks   %s\n", counts(r.Runs))
	fmt.Fprintf(&b, "incidents   %s\n", counts(r.Outcomes))
	fmt.Fprintf(&b, "held by     %s\n", counts(r.Guards))
	return b.String()
}

func hours(d time.Duration) string { return fmt.Sprintf("%.0f hours", d.Hours()) }

func total[K comparable](of map[K]int) int {
	n := 0
	for _, c := range of {
		n += c
	}
	return n
}

// counts writes counts, the largest first.
func counts[K ~string](of map[K]int) string {
	keys := slices.Sorted(maps.Keys(of))
	slices.SortStableFunc(keys, func(a, b K) int { return of[b] - of[a] })
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = fmt.Sprintf("%d %s", of[key], key)
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
