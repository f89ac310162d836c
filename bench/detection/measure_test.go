package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// small is a plan that takes a second.
func small() plan {
	return plan{
		seed: 1, healthy: 60, faulty: 60, workers: 1, noises: []noise{quiet, bursty}, rates: []float64{0.5, 50},
		faults:     []fault{{errors: 0.05}, {errors: 1}, {gone: true}},
		contenders: []contender{{when: "error_rate > 1% for 1m"}, {when: "health failing"}, {when: "error_rate absent for 2m"}},
	}
}

func tablesOf(t *testing.T, p plan) (string, results) {
	t.Helper()
	done := 0
	all, err := p.measure(t.Context(), func(n int) { done = n })
	if err != nil {
		t.Fatal(err)
	}
	if done != p.deployments() || done != 2*2*4*60 {
		t.Errorf("told that %d deployments are done, want %d", done, p.deployments())
	}
	return p.tables(all), all
}

// TestTheSameSeedGivesTheSameBytes measures on one worker and on three.
func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	p := small()
	first, all := tablesOf(t, p)
	p.workers = 3
	if second, _ := tablesOf(t, p); second != first {
		t.Errorf("three workers write other tables than one:\n%s\n%s", first, second)
	}
	p.seed = 2
	if other, _ := tablesOf(t, p); other == first {
		t.Error("another seed writes the same tables")
	}
	whole := setting{noise: quiet, rate: 50, fault: fault{errors: 1}}
	if o := all[whole][p.contenders[0]]; o.deployments != 60 || o.share() != 1 || minutes(o.delay(0.5)) != "1:15" {
		t.Errorf("a version that fails whole: %d of %d after %s, want all 60 after 1:15", len(o.delays), o.deployments, minutes(o.delay(0.5)))
	}
	whole.fault = fault{}
	if o := all[whole][p.contenders[0]]; o.deployments != 60 || len(o.delays) != 0 {
		t.Errorf("a healthy version: %d of %d rolled back, want none of 60", len(o.delays), o.deployments)
	}
	whole.fault = fault{gone: true}
	if o := all[whole][p.contenders[2]]; o.share() != 1 {
		t.Errorf("a version that is gone: %d of %d rolled back, want all", len(o.delays), o.deployments)
	}
}

func TestMeasuringStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := small()
	p.healthy = 1_000_000
	if _, err := p.measure(ctx, func(int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestCommandLine(t *testing.T) {
	few := []string{"-healthy", "2", "-faulty", "2", "-page", "-", "-workers", "2"}
	for _, c := range []struct {
		name string
		args []string
		want string // in the output; empty wants an error
	}{
		{"to the screen", append(few, "-rates", "3", "-when", "error_rate > 7% for 90s"), "| `error_rate > 7% for 90s` | 0 |"},
		{"no rate", append(few, "-rates", "3,"), ""},
		{"a rate below zero", append(few, "-rates", "-1"), ""},
		{"not a number", append(few, "-rates", "NaN"), ""},
		{"no such metric", append(few, "-when", "errors > 1%"), ""},
		{"no such flag", []string{"-hours", "3"}, ""},
		{"no such page", append(few, "-rates", "3", "-when", "health failing", "-page", t.TempDir()+"/none.md"), ""},
	} {
		var out, progress bytes.Buffer
		err := run(t.Context(), c.args, &out, &progress)
		if (err == nil) != (c.want != "") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: error %v, output %q; want %q in it", c.name, err, out.String(), c.want)
		}
		if err == nil && !strings.Contains(progress.String(), " of ") {
			t.Errorf("%s: no progress was shown", c.name)
		}
	}
}
