// Command planted plants mistakes in rollbackd, one after the other, and has
// `rollbackd simulate` hunt for each: a hunt that finds nothing only counts where
// it would have found something. Nothing in the tree is changed: the compiler is
// given other text for one file (go build -overlay).
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	runs := flag.Int("runs", 10000, "how many worlds may be played for each mistake")
	seed := flag.Uint64("seed", 1, "the seed of the first world")
	only := flag.String("only", "", "only the mistakes whose name holds this")
	flag.Parse()
	missed := 0
	for _, b := range bugs() {
		if !strings.Contains(b.name, *only) {
			continue
		}
		line, err := hunt(b, *runs, *seed)
		if err != nil {
			missed++
			line = "NOT FOUND: " + err.Error()
		}
		fmt.Printf("%-42s %s\n", b.name, line)
	}
	if missed > 0 {
		os.Exit(1)
	}
}

// hunt builds rollbackd with a mistake and lets it look for it.
func hunt(b bug, runs int, seed uint64) (string, error) {
	dir, err := os.MkdirTemp("", "planted-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := plant(dir, b)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "rollbackd")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "./cmd/rollbackd")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it cannot be built: %w\n%s", err, out)
	}
	var stdout, stderr bytes.Buffer
	simulate := exec.Command(binary, "simulate", "--runs", strconv.Itoa(runs), "--seed", strconv.FormatUint(seed, 10), "--workers", "1", "--out", dir, "-o", "json")
	simulate.Stdout, simulate.Stderr = &stdout, &stderr
	err = simulate.Run()
	if exit, is := errors.AsType[*exec.ExitError](err); err == nil || !is || exit.ExitCode() != 1 {
		return "", fmt.Errorf("%d worlds were played, and nothing was found (%w) %s", runs, err, stderr.String())
	}
	return described(stdout.Bytes())
}

// plant writes the file with the mistake in it, and what tells the compiler to
// take it.
func plant(dir string, b bug) (overlay string, err error) {
	text, err := os.ReadFile(b.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), b.right); n != 1 {
		return "", fmt.Errorf("%s holds the place for it %d times, want once", b.file, n)
	}
	planted := filepath.Join(dir, "planted.go")
	if err := os.WriteFile(planted, []byte(strings.Replace(string(text), b.right, b.wrong, 1)), 0o600); err != nil {
		return "", err
	}
	whole, err := filepath.Abs(b.file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {whole: planted}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// described is what was found, in a line.
func described(result []byte) (string, error) {
	var r struct {
		Worlds   int
		Findings []struct {
			Seed     uint64
			Failures []string
		}
	}
	if err := json.Unmarshal(result, &r); err != nil || len(r.Findings) == 0 || len(r.Findings[0].Failures) == 0 {
		return "", fmt.Errorf("its answer cannot be read: %s (%w)", result, err)
	}
	first, _, _ := strings.Cut(r.Findings[0].Failures[0], "\n")
	_, what, _ := strings.Cut(first, "is held to: ")
	return fmt.Sprintf("found in world %d: %s", r.Worlds, what), nil
}
