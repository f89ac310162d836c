package backtest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
)

// simulated is when every simulated world begins.
func simulated() time.Time { return time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) }

// agreeing is a configuration whose queries look at one tick alone, so that a
// test file can say what they return.
const agreeing = `
[prometheus]
url = "http://prometheus:9090"
[metrics]
error_rate = { query = 'max by (service) (last_over_time(error_rate[15s]))', unit = "ratio" }
latency = { query = 'max by (service) (last_over_time(latency[15s]))', unit = "seconds" }
[matrix]
tiers = ["1"]
critical = ["rollback"]
high = ["countdown 90s"]
medium = ["approve"]
low = ["notify"]
[guards]
correlated = { services = 3, share = "100%", within = "1m" }
`

// service is one service with triggers and holds picked at random.
func randomService(r *rand.Rand, name string) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	holds := []string{"", " for 1m", " for 100s", " for 2m10s", " in 3 of 5 samples", " in 2 of 4 samples"}
	severities := []string{"critical", "high", "medium", "low"}
	return fmt.Sprintf(`
[services.%[1]s]
triggers.errors = { when = "error_rate > 1%%%[2]s", severity = %[3]q, no_data = %[4]q }
triggers.slow = { when = "latency > 500ms%[5]s", severity = %[6]q, warm_up = %[7]q }
triggers.both = { when = "error_rate > 1%% and latency > 400ms%[8]s", severity = %[9]q }
deployment = { required = true, blame_window = %[10]q }
rollback.steps = [{ name = "undo", exec = ["/bin/true", "${target_version}"] }]
`, name, pick(holds...), pick(severities...), pick("hold", "ok", "breach"), pick(holds...), pick(severities...),
		pick("0s", "3m"), pick(holds...), pick(severities...), pick("10m", "1h"))
}

// randomSeries is a walk between well and bad with gaps; NaN is a gap.
func randomSeries(r *rand.Rand, ticks int, well, bad float64) []float64 {
	values := make([]float64, ticks)
	breaches, gap := false, false
	for i := range values {
		if r.IntN(12) == 0 {
			breaches = !breaches
		}
		if r.IntN(20) == 0 {
			gap = !gap && r.IntN(2) == 0
		}
		switch {
		case gap:
			values[i] = math.NaN()
		case breaches && r.IntN(10) > 0:
			values[i] = bad
		default:
			values[i] = well
		}
	}
	return values
}

// notation writes values as a test file has them.
func notation(values []float64) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
		if math.IsNaN(v) {
			words[i] = "_"
		}
	}
	return strings.Join(words, " ")
}

// twin is the same world twice: as a test file and as a Prometheus.
type twin struct {
	config, file string
	prometheus   *prometheus
	deployments  []incident.Deployed
}

func newTwin(t *testing.T, seed uint64, ticks int) twin {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	w := twin{config: agreeing, prometheus: newPrometheus()}
	var values, events strings.Builder
	for _, name := range []string{"cart", "checkout", "search"} {
		w.config += randomService(r, name)
		for metric, levels := range map[string][2]float64{"error_rate": {0.001, 0.08}, "latency": {0.1, 0.9}} {
			made := randomSeries(rand.New(rand.NewPCG(seed, uint64(len(metric)*100+len(name)))), ticks, levels[0], levels[1])
			fmt.Fprintf(&values, "%q = %q\n", metric+" "+name, notation(made))
			w.prometheus.fillFrom(t, simulated(), metric, name, made)
		}
		for i, at := 1, r.IntN(40); i < 3; i, at = i+1, at+40+r.IntN(100) {
			d := incident.Deployed{Service: name, Version: fmt.Sprintf("v%d", i+1), Previous: fmt.Sprintf("v%d", i)}
			seconds := at*15 + r.IntN(2)*7
			d.At = simulated().Add(time.Duration(seconds) * time.Second)
			d.StartedAt = d.At
			w.deployments = append(w.deployments, d)
			fmt.Fprintf(&events, "[[case.events]]\nat = \"%ds\"\ndeployed = { service = %q, version = %q, previous = %q }\n", seconds, name, d.Version, d.Previous)
		}
	}
	w.file = fmt.Sprintf("config = \"rollbackd.toml\"\n[[case]]\nname = \"twin\"\nuntil = \"%ds\"\n[case.values]\n%s%s[[case.expect]]\nend = true\nservice = \"cart\"\nrollbacks = 0\n",
		(ticks-1)*15, values.String(), events.String())
	return w
}

// tested is what `rollbackd test` makes of it.
func (w twin) tested(t *testing.T) (incident.Options, []incident.Entry) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rollbackd.toml"), []byte(w.config), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := scenario.Parse(filepath.Join(dir, "twin_test.toml"), w.file)
	if err != nil {
		t.Fatal(err)
	}
	var entries []incident.Entry
	for _, line := range f.Play(f.Cases[0]).Journal {
		var e incident.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return variants(t, w.config)[0].Config.BrainOptions(), entries
}

// untilRollback leaves of a result what was decided up to a time.
func untilRollback(s backtest.ServiceResult, until time.Time) (firings, decided []string) {
	for _, f := range s.Firings {
		if !f.FiredAt.After(until) {
			firings = append(firings, fmt.Sprintf("%s %s %s %g %s", f.FiredAt.Format(time.TimeOnly), f.Trigger, f.Onset.Format(time.TimeOnly), f.Value, f.Incident))
		}
	}
	for _, inc := range s.Incidents {
		if inc.OpenedAt.After(until) {
			continue
		}
		for _, h := range inc.Holds {
			if !h.At.After(until) {
				decided = append(decided, fmt.Sprintf("%s held by %s: %s", h.At.Format(time.TimeOnly), h.Guard, h.Reason))
			}
		}
		if !inc.ClosedAt.IsZero() && !inc.ClosedAt.After(until) {
			decided = append(decided, fmt.Sprintf("%s %s closed %s, %s", inc.ClosedAt.Format(time.TimeOnly), inc.ID, inc.Outcome, inc.Response))
		}
	}
	for _, r := range s.Rollbacks {
		if !r.DecidedAt.After(until) {
			decided = append(decided, fmt.Sprintf("%s rolled back %s → %s", r.DecidedAt.Format(time.TimeOnly), r.From, r.To))
		}
	}
	return firings, decided
}

// The same series through `rollbackd test` and through a backtest lead to the same
// decisions at the same times. After the first rollback they part: a test says how
// the world goes on, a backtest has to assume it.
func TestABacktestDecidesAsATestDoes(t *testing.T) {
	const ticks = 240
	fired, rolledBack, held := 0, 0, 0
	for seed := range uint64(40) {
		w := newTwin(t, seed, ticks)
		options, entries := w.tested(t)
		want := backtest.Fold(options, entries)
		report := run(t, backtest.Options{
			Variants: variants(t, w.config), From: simulated(), To: simulated().Add((ticks - 1) * tick),
			Deployments: w.deployments, Transport: w.prometheus,
		})
		until := simulated().Add(ticks * tick)
		for _, s := range want {
			for _, r := range s.Rollbacks {
				rolledBack++
				if r.DecidedAt.Before(until) {
					until = r.DecidedAt
				}
			}
		}
		for _, got := range report.Results[0].Services {
			wantFirings, wantDecided := untilRollback(*want[got.Service], until)
			firings, decided := untilRollback(got, until)
			fired += len(firings)
			held += len(decided)
			if diff := cmp.Diff(wantFirings, firings); diff != "" {
				t.Fatalf("seed %d, %s: firings (-test +backtest):\n%s", seed, got.Service, diff)
			}
			if diff := cmp.Diff(wantDecided, decided); diff != "" {
				t.Fatalf("seed %d, %s: decisions (-test +backtest):\n%s", seed, got.Service, diff)
			}
		}
	}
	t.Logf("%d firings, %d rollbacks, %d decisions", fired, rolledBack, held)
	if fired < 100 || rolledBack < 20 || held < 100 {
		t.Errorf("%d firings, %d rollbacks, %d decisions: these worlds prove too little", fired, rolledBack, held)
	}
}
