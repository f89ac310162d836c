package crash_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// What the test binary is told when it is to be a daemon: the folder, and when
// to die.
const (
	lifeIn    = "ROLLBACKD_CRASH_DIR"
	lifeUntil = "ROLLBACKD_CRASH_KILL"
)

// everyPoint is the variable by which all points are played, not a sample.
const everyPoint = "ROLLBACKD_CRASH_ALL"

func TestMain(m *testing.M) {
	dir := os.Getenv(lifeIn)
	if dir == "" {
		os.Exit(parallel(m))
	}
	when, err := parseKilling(os.Getenv(lifeUntil))
	if err == nil {
		err = live(dir, when)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parallel runs the tests side by side: the slots say how many lives there are.
func parallel(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "1000"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// sampled is how many of a plan's points are played where not all are: enough
// for each of its writes to be met by some plan.
const sampled = 16

// TestKilledAtEveryWrite plays each plan once in peace, and then once for each of
// its journal's writes, killing the process there: just before the write and
// just after it. After a second crash, sometimes, it is left alone until it has
// come to rest. Then everything that the world and the journal say must fit.
func TestKilledAtEveryWrite(t *testing.T) {
	all := os.Getenv(everyPoint) == "1"
	var played, ran atomic.Int64
	// Lives wait most of the time: more of them fit on a processor than one.
	slots := make(chan struct{}, 8*runtime.GOMAXPROCS(0))
	t.Run("plans", func(t *testing.T) {
		for offset, p := range plans() {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				for _, point := range points(writesInPeace(t, p, slots), all, offset) {
					t.Run(point.String(), func(t *testing.T) {
						t.Parallel()
						if crash(t, p, point, slots) {
							played.Add(1)
						}
					})
				}
			})
		}
	})
	t.Logf("%d plans, %d crashes", ran.Load(), played.Load())
	if least := ran.Load() * sampled * 2 / 3; played.Load() < least {
		t.Errorf("only %d crashes were played, want at least %d", played.Load(), least)
	}
}

// points are the moments at which a plan with so many writes is killed.
func points(writes int, all bool, offset int) []killing {
	var out []killing
	for n := 1; n <= writes; n++ {
		out = append(out, killing{Write: n}, killing{Write: n, After: true})
	}
	if all || len(out) <= sampled {
		return out
	}
	var sample []killing
	for i := range sampled {
		// Each plan begins elsewhere, so that together they meet all.
		sample = append(sample, out[(i*len(out)/sampled+offset)%len(out)])
	}
	return sample
}

// writesInPeace is how many writes a plan makes when nobody kills it.
func writesInPeace(t *testing.T, p plan, slots chan struct{}) int {
	t.Helper()
	slots <- struct{}{}
	defer func() { <-slots }()
	dir := newPlace(t, p)
	if killed := life(t, dir, killing{}); killed {
		t.Fatal("it was killed in peace")
	}
	return len(check(t, dir))
}

// crash plays a plan that is killed at one point, and every third one again soon
// after. It tells whether the point was reached: a run is not the same each time.
func crash(t *testing.T, p plan, point killing, slots chan struct{}) bool {
	t.Helper()
	slots <- struct{}{}
	defer func() { <-slots }()
	dir := newPlace(t, p)
	reached := life(t, dir, point)
	if reached {
		if point.Write%3 == 0 {
			life(t, dir, killing{Write: 1 + point.Write%5, After: point.Write%2 == 0})
		}
		life(t, dir, killing{})
	}
	check(t, dir)
	if t.Failed() {
		t.Logf("steps:\n%s", read(dir, stepsFile))
		t.Logf("told:\n%s", read(dir, toldFile))
	}
	return reached
}

// life is one life of the process. It tells whether it was killed; any other end
// but rest fails the test.
func life(t *testing.T, dir string, when killing) (killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lifeIn+"="+dir, lifeUntil+"="+when.String())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL && when.Write > 0 {
			return true
		}
	}
	if err != nil {
		t.Fatalf("a life that was to be killed %s: %v\n%s", when, err, strings.TrimSpace(out.String()))
	}
	return false
}
