package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/scenario"
	"github.com/rollbackd/rollbackd/scenario/simulate"
)

// simulateFlags are those of `rollbackd simulate`.
type simulateFlags struct {
	seed     uint64
	runs     int
	workers  int
	findings int
	onDisk   int
	dir      string
	output   string
	print    bool
}

func (a *app) simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:     "simulate",
		GroupID: groupRun,
		Short:   "Hunt for mistakes of rollbackd in seeded random worlds",
		Long: `Makes random worlds from seeds: configurations, deployments, faults, people, crashes in the
middle of anything, clocks that are set. Each is played with the real decisions on simulated
time, and after everything that happens in it the invariants that must always hold are checked.

A world that breaks one is made as small as it can be and written as a test file: play it
with "rollbackd test". The same seed is the same world. Exits with 1 when something was found.`,
		Example: "  rollbackd simulate --runs 10000 --seed 1\n  rollbackd simulate --seed 42 --print",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.runs < 1 || f.findings < 1 || f.workers < 0 {
				return usagef(cmd, "--runs and --findings must be at least 1, --workers at least 0")
			}
			if f.output != "table" && f.output != "json" {
				return usagef(cmd, "-o: %q is neither table nor json", f.output)
			}
			if f.onDisk < 0 {
				return usagef(cmd, "--real must be at least 0")
			}
			if f.print && (cmd.Flags().Changed("runs") && f.runs != 1 || cmd.Flags().Changed("output")) {
				return usagef(cmd, "--print writes one world as a test file: --runs and -o have no part in it")
			}
			return a.simulate(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "the seed of the first world; the next world has the next one")
	flags.IntVar(&f.runs, "runs", 1000, "how many worlds to play")
	flags.IntVar(&f.workers, "workers", 0, "how many worlds to play at a time; 0 means one for each core")
	flags.IntVar(&f.findings, "findings", 1, "stop after so many worlds that break something")
	flags.StringVar(&f.dir, "out", ".", "where to write simulate-SEED.toml for each finding")
	flags.IntVar(&f.onDisk, "real", 20, "in every so many-th world keep the journal in a real file and carry out requests with the real runner; 0 for none")
	flags.StringVarP(&f.output, "output", "o", "table", "table or json")
	flags.BoolVar(&f.print, "print", false, "print the world of the seed as a test file, and play nothing")
	return cmd
}

func (a *app) simulate(ctx context.Context, f simulateFlags) error {
	if f.print {
		_, err := fmt.Fprint(a.stdout, simulate.Generate(f.seed).Text())
		return err
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil { //nolint:gosec // test files hold no secret
		return fmt.Errorf("--out: %w", err) // now, and not after an hour
	}
	if f.workers == 0 {
		f.workers = runtime.GOMAXPROCS(0)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and gone at once
	began, played := a.clock.Now(), 0
	result, err := simulate.Run(ctx, simulate.Options{
		Seed: f.seed, Runs: f.runs, Workers: f.workers, Most: f.findings, OnDisk: f.onDisk,
		Done: func(scenario.Verdict) {
			if played++; a.terminal && (played%20 == 0 || played == f.runs) {
				fmt.Fprintf(a.stderr, "\r%d of %d worlds", played, f.runs)
			}
		},
	})
	if a.terminal {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted after %d of %d worlds", result.Worlds, f.runs)
	}
	if err != nil && result.Worlds == 0 {
		return err
	}
	took := max(a.clock.Now().Sub(began), time.Millisecond)
	files, failed := writeFindings(f.dir, result.Findings)
	if failed != nil {
		return failed
	}
	if failed := a.printHunt(f, result, files); failed != nil {
		return failed
	}
	fmt.Fprintf(a.stderr, "%.0f worlds and %.0f simulated hours a second\n",
		float64(result.Worlds)/took.Seconds(), result.Simulated.Hours()/took.Seconds())
	if err == nil && len(result.Findings) > 0 {
		return &exitError{code: exitProblem}
	}
	return err // it was interrupted, and what was done until then is printed
}

// writeFindings writes each finding as a test file.
func writeFindings(dir string, findings []simulate.Finding) ([]string, error) {
	var files []string
	for _, finding := range findings {
		name := filepath.Join(dir, fmt.Sprintf("simulate-%d.toml", finding.Seed))
		if err := os.WriteFile(name, []byte(finding.World.Text()), 0o644); err != nil { //nolint:gosec // a test file holds no secret
			return files, err
		}
		files = append(files, name)
	}
	return files, nil
}

// huntJSON is the result of a hunt as JSON.
type huntJSON struct {
	Seed           uint64         `json:"seed"`
	Worlds         int            `json:"worlds"`
	SimulatedHours float64        `json:"simulated_hours"`
	Crashes        int            `json:"crashes"`
	Rollbacks      map[string]int `json:"rollbacks"`
	Incidents      map[string]int `json:"incidents"`
	HeldBy         map[string]int `json:"held_by"`
	Entries        map[string]int `json:"entries"`
	Findings       []findingJSON  `json:"findings"`
}

type findingJSON struct {
	Seed     uint64   `json:"seed"`
	File     string   `json:"file"`
	Failures []string `json:"failures"`
}

func (a *app) printHunt(f simulateFlags, r simulate.Result, files []string) error {
	if f.output == "json" {
		out := huntJSON{
			Seed: f.seed, Worlds: r.Worlds, SimulatedHours: r.Simulated.Hours(), Crashes: r.Kills,
			Rollbacks: named(r.Runs), Incidents: named(r.Outcomes), HeldBy: named(r.Guards), Entries: named(r.Entries), Findings: []findingJSON{},
		}
		for i, finding := range r.Findings {
			out.Findings = append(out.Findings, findingJSON{Seed: finding.Seed, File: files[i], Failures: finding.Failures})
		}
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	var b strings.Builder
	for i, finding := range r.Findings {
		fmt.Fprintf(&b, "--- FOUND with seed %d: play it with rollbackd test -v %s\n", finding.Seed, files[i])
		for _, failure := range finding.Failures {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(failure, "\n", "\n    "))
		}
	}
	b.WriteString(r.Summary())
	if len(r.Findings) == 0 {
		fmt.Fprintf(&b, "nothing found in the worlds from seed %d on\n", f.seed)
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

func named[K ~string](of map[K]int) map[string]int {
	out := make(map[string]int, len(of))
	for key, n := range of {
		out[string(key)] = n
	}
	return out
}
