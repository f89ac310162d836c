package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tendEvery is how often Tend looks.
const tendEvery = 15 * time.Second

// Forget removes the files of a finished run. What the run left running goes on.
// It is no error if there are none.
func (r *Runner) Forget(run string) error {
	if !safeName.MatchString(run) {
		return fmt.Errorf("forget run %.40q: not the name of a run", run)
	}
	if err := os.RemoveAll(filepath.Join(r.o.Dir, run)); err != nil {
		return fmt.Errorf("forget run %s: %w", run, err)
	}
	return nil
}

// Tend keeps the outputs of what steps left running small, until ctx ends; it
// then returns nil. A server that a step started writes to that step's output
// for as long as it lives.
func (r *Runner) Tend(ctx context.Context) error {
	tick := r.o.Clock.Ticker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.trimAll()
		}
	}
}

func (r *Runner) trimAll() {
	outputs, err := filepath.Glob(filepath.Join(r.o.Dir, "*", "*", "*"+outputFile))
	if err != nil {
		return // only for a bad pattern
	}
	for _, path := range outputs {
		r.trim(path, maxOutput)
	}
}

// makeDir makes an attempt's directory. With a new run it drops the files of the
// oldest ones.
func (r *Runner) makeDir(run, dir string) error {
	runDir := filepath.Join(r.o.Dir, run)
	if _, err := os.Stat(runDir); errors.Is(err, fs.ErrNotExist) {
		r.prune()
	}
	return os.MkdirAll(dir, 0o700)
}

// prune removes the oldest runs so that with the new one as many stay as are to
// be kept. A run of which something lives stays.
func (r *Runner) prune() {
	entries, err := os.ReadDir(r.o.Dir)
	if err != nil || len(entries) < r.o.Keep {
		return
	}
	type aged struct {
		name string
		at   time.Time
	}
	var runs []aged
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && safeName.MatchString(e.Name()) {
			runs = append(runs, aged{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(runs, func(a, b aged) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	excess := len(runs) + 1 - r.o.Keep
	for _, old := range runs {
		if excess <= 0 {
			return
		}
		if r.inUse(old.name) {
			continue
		}
		excess--
		if err := r.Forget(old.name); err != nil {
			r.o.Logger.Warn("cannot remove the files of an old run", "run", old.name, "err", err)
		}
	}
}

// inUse tells whether an attempt of a run is in progress or has left something
// running.
func (r *Runner) inUse(run string) bool {
	r.mu.Lock()
	for _, a := range r.running {
		if a.req.Run == run {
			r.mu.Unlock()
			return true
		}
	}
	r.mu.Unlock()
	locks, err := filepath.Glob(filepath.Join(r.o.Dir, run, "*", lockFile))
	return err == nil && slices.ContainsFunc(locks, held)
}
