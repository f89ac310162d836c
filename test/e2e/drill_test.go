package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestDrill has a person roll back a version that does well, as in a drill: in a
// pipe the command writes a line a transition, on a terminal a line that is drawn
// again and again, and both end with 0 once the rollback is verified.
func TestDrill(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program})
	w.Start()
	w.AwaitWell("errors", "slow")
	t.Run("in a pipe", func(t *testing.T) {
		w.Deploy(t, "v2")
		checkPiped(t, drill(t, w, program, "rollback", "checkout", "--reason", "drill", "--web.address", w.Address()))
	})
	t.Run("on a terminal", func(t *testing.T) {
		w.Deploy(t, "v3")
		line := strings.Join([]string{program, "rollback checkout --reason drill --web.address", w.Address()}, " ")
		// --return: its exit code is the command's.
		checkDrawn(t, drill(t, w, world.Require(t, "script"), "--quiet", "--return", "--command", line, os.DevNull))
	})
	want := []string{"begin restart 1 v1", "end restart 1 v1", "begin restart 1 v1", "end restart 1 v1"}
	if diff := cmp.Diff(want, w.Steps()); diff != "" {
		t.Errorf("the restart steps (-want +got):\n%s", diff)
	}
}

// drill runs a rollback once the daemon knows what runs, and returns its output.
// It must exit with 0, and v1 must run in the end.
func drill(t *testing.T, w *world.World, argv ...string) string {
	t.Helper()
	w.AwaitWell()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	// What the terminal is called decides about colour, and not who runs the test.
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	if err := cmd.Run(); err != nil || problems.Len() > 0 {
		t.Fatalf("%q: %v, stderr %q\n%s", argv, err, problems.String(), out.String())
	}
	if w.Current() != "v1" || w.Running() != "v1" {
		t.Errorf("current is %s and %s runs, want v1", w.Current(), w.Running())
	}
	return out.String()
}

// transition is a line of the timeline: when, and which kind.
var transition = regexp.MustCompile(`(?m)^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  ([a-z_]+) +\S.*$`)

// checkPiped checks that every transition is a line, in order, and no line is
// ever drawn again.
func checkPiped(t *testing.T, out string) {
	t.Helper()
	if strings.ContainsAny(out, "\r\x1b") {
		t.Errorf("the output holds what only a terminal understands:\n%q", out)
	}
	var kinds []string
	for _, found := range transition.FindAllStringSubmatch(out, -1) {
		kinds = append(kinds, found[1])
	}
	want := []string{
		"opened", "decided", "planned",
		"step_begun", "step_ended", // plan can run
		"step_begun", "step_ended", // previous release
		"step_begun", "step_ended", // restart
		"verifying", "run_ended",
	}
	// What comes of the deployments and the incident's end may stand among them.
	if len(kinds) < len(want) || !isSubsequence(want, kinds) {
		t.Errorf("the transitions are %q, want among them, in order, %q:\n%s", kinds, want, out)
	}
	if !strings.Contains(out, "\ncompleted · v2 → v1\n") {
		t.Errorf("the output does not say how it ended:\n%s", out)
	}
}

func isSubsequence(want, got []string) bool {
	for _, g := range got {
		if len(want) > 0 && g == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// drawn is a progress line and how it is taken away again.
var drawn = regexp.MustCompile(`(running|verifying until \d\d:\d\d:\d\d UTC at the latest) · [^\r\n]+\r\x1b\[K`)

func checkDrawn(t *testing.T, out string) {
	t.Helper()
	if n := len(drawn.FindAllString(out, -1)); n < 3 { // it is drawn four times a second, where the machine has the time
		t.Errorf("the progress line was drawn %d times, want it drawn again and again:\n%q", n, out)
	}
	if !strings.Contains(out, "verifying until ") || !strings.Contains(out, "completed · v3 → v1") {
		t.Errorf("the output does not say how far it came and how it ended:\n%q", out)
	}
}
