package trigger_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

const healthTTL = 40 * time.Second

// event is a check or, with gap set, a gap in the subscription.
type event struct {
	trigger.HealthCheck
	gap bool
}

// failuresByOracle counts one instance's consecutive failures from its whole
// history: sort out what does not count, then walk back from the end.
func failuresByOracle(history []event) int {
	kept := inOrder(history)
	run := 0
	for i, k := range slices.Backward(kept) {
		if k.gap || k.Status == pass {
			return run
		}
		if k.Status == fail {
			run++
		}
		if i > 0 && !kept[i-1].gap && apart(history, kept[i-1].At, k.At) {
			return run
		}
	}
	return run
}

// apart tells whether two successive checks are too far apart, or a gap lies
// between their times although it was found out before or after both.
func apart(history []event, from, to time.Time) bool {
	for _, e := range history {
		if e.gap && !from.After(e.At) && to.After(e.At) {
			return true
		}
	}
	return to.Sub(from) > healthTTL
}

// inOrder drops duplicates and late checks.
func inOrder(history []event) []event {
	var kept []event
	var boots []string
	highest := map[string]uint64{}
	var last time.Time
	for _, e := range history {
		if !e.gap && e.Boot == "" {
			if !last.IsZero() && !e.At.After(last) {
				continue
			}
		} else if !e.gap {
			if len(boots) == 0 || boots[len(boots)-1] != e.Boot {
				if _, old := highest[e.Boot]; old {
					continue
				}
				boots = append(boots, e.Boot)
			}
			if e.Seq <= highest[e.Boot] {
				continue
			}
			highest[e.Boot] = e.Seq
		}
		if !e.gap {
			last = e.At
		}
		kept = append(kept, e)
	}
	return kept
}

// randomChecks draws one instance's checks: with boots and sequences or
// without either, with duplicates, late ones, silences and gaps.
func randomChecks(r *rand.Rand, name string) []event {
	ordered := r.IntN(3) > 0
	statuses := []trigger.HealthStatus{fail, fail, fail, fail, pass, trigger.HealthWarn, unknown}
	var history []event
	now, boot, seq := start, 0, uint64(0)
	for range 30 {
		now = now.Add(time.Duration(r.IntN(15)) * time.Second)
		switch r.IntN(12) {
		case 0:
			now = now.Add(time.Duration(r.IntN(60)) * time.Second)
		case 1:
			now = now.Add(time.Second)
			history = append(history, event{gap: true, HealthCheck: trigger.HealthCheck{At: now}})
			now = now.Add(time.Second)
		case 2:
			if boot < 4 {
				boot, seq = boot+1, 0
			}
		}
		seq++
		c := trigger.HealthCheck{Instance: name, Status: statuses[r.IntN(len(statuses))], At: now}
		if ordered {
			c.Boot, c.Seq = fmt.Sprintf("boot%d", boot), seq
			switch r.IntN(6) {
			case 0:
				c.Seq = 1 + r.Uint64N(seq)
			case 1:
				c.Boot = fmt.Sprintf("boot%d", r.IntN(boot+1))
			}
		} else if r.IntN(6) == 0 {
			c.At = c.At.Add(-time.Duration(r.IntN(10)) * time.Second)
		}
		history = append(history, event{HealthCheck: c})
	}
	return history
}

func TestHealthAgreesWithTheOracle(t *testing.T) {
	longest := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 3))
		h := trigger.NewHealth(healthTTL)
		history := randomChecks(r, "a")
		for i, e := range history {
			if e.gap {
				h.Gap(e.At)
			} else {
				h.Observe(e.HealthCheck)
			}
			got := 0
			for _, in := range h.Instances(e.At) {
				got = in.Failures
			}
			want := failuresByOracle(history[:i+1])
			longest = max(longest, got)
			if got != want {
				for _, e := range history[:i+1] {
					t.Logf("%v gap %v %v %s/%d", e.At.Sub(start), e.gap, e.Status, e.Boot, e.Seq)
				}
				t.Fatalf("seed %d: %d failures, the oracle counts %d", seed, got, want)
			}
		}
	}
	if longest < 5 {
		t.Errorf("the longest run was %d: the histories prove little", longest)
	}
}

// TestServiceTruthIsWhateverTheUnknownTurnOutToBe checks the quorum by trying
// every outcome of the instances that are not known.
func TestServiceTruthIsWhateverTheUnknownTurnOutToBe(t *testing.T) {
	quorums := []trigger.Quorum{{}, {Any: true}, {All: true}, {Share: 0.3}, {Share: 0.75}, {Share: 1}}
	letters := []string{"fff", "p", "u"}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 4))
		q := quorums[r.IntN(len(quorums))]
		checks := make([]string, 1+r.IntN(6))
		for i := range checks {
			checks[i] = letters[r.IntN(len(letters))]
		}
		got := evaluateFleet(t, q, checks)
		outcomes := map[trigger.Truth]bool{}
		for guess := range 1 << len(checks) {
			known := append([]string(nil), checks...)
			for i := range known {
				if known[i] == "u" {
					known[i] = []string{"p", "fff"}[guess>>i&1]
				}
			}
			outcomes[evaluateFleet(t, q, known)] = true
		}
		want := trigger.NotKnown
		for truth := range outcomes {
			if len(outcomes) == 1 {
				want = truth
			}
		}
		if got != want {
			t.Fatalf("seed %d, %+v, %v: %v, want %v", seed, q, checks, got, want)
		}
	}
}

func evaluateFleet(t *testing.T, q trigger.Quorum, checks []string) trigger.Truth {
	t.Helper()
	return trigger.Evaluate(spec(t, "3 consecutive health failures"), q, view{health: fleet(checks...), now: start}).Truth
}
