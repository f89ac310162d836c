package e2e_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestH32RehearsalChangesNothing rehearses against everything that is real, and
// compares the world before with the world after: its files, what runs, who was
// told. Then each thing that would have stopped a rollback is broken in turn, and
// is named.
func TestH32RehearsalChangesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{
		Program: program,
		Restart: `probe = { exec = ["/usr/bin/test", "-e", "%DIR/restarted"] }`,
		Steps: `
[[services.checkout.rollback.checks]]
name = "backup exists"
exec = ["/usr/bin/test", "-s", "%DIR/backup.sql"]
`,
	})
	write(t, filepath.Join(w.Dir, "backup.sql"), "-- a backup\n")
	w.Start()
	w.AwaitWell("errors", "slow")
	w.Deploy(t, "v2")
	w.AwaitWell()
	before := files(t, w.Dir)
	code, out := rehearse(t, w)
	if code != 0 || !strings.Contains(out, "\nno problem was found; ") {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, want := range []string{"v2 → v1", "symlink " + w.Dir + "/current -> " + w.Dir + "/releases/v1", "connected to "} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	if diff := cmp.Diff(before, files(t, w.Dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	if w.Current() != "v2" || len(w.Steps()) > 0 || len(w.Daemon.Incidents(t, w.Name)) > 0 {
		t.Errorf("current is %s, the steps %v and %d incidents after it", w.Current(), w.Steps(), len(w.Daemon.Incidents(t, w.Name)))
	}
	for name, broken := range map[string]struct {
		file, says string
	}{
		"the backup":      {"backup.sql", "backup exists"},
		"the old release": {"releases/v1", "previous release"},
	} {
		t.Run(name+" is gone", func(t *testing.T) {
			from := filepath.Join(w.Dir, broken.file)
			if err := os.Rename(from, from+".away"); err != nil {
				t.Fatal(err)
			}
			code, out := rehearse(t, w)
			if err := os.Rename(from+".away", from); err != nil {
				t.Fatal(err)
			}
			if first := findings(out)[0]; code != 1 || !strings.HasPrefix(first, "problem") || !strings.Contains(first, broken.says) {
				t.Errorf("exit code %d, first %q; want 1 and a problem with %q:\n%s", code, first, broken.says, out)
			}
		})
	}
	if deliveries := w.Inbox.Deliveries(""); len(deliveries) > 0 {
		t.Errorf("somebody was told: %+v", deliveries)
	}
	// What was rehearsed is what a rollback then does.
	checkPiped(t, drill(t, w, program, "rollback", "checkout", "--reason", "drill", "--web.address", w.Address()))
}

// rehearse runs the command and returns its exit code and output.
func rehearse(t *testing.T, w *world.World) (code int, out string) {
	t.Helper()
	var stdout, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "rehearse", "checkout", "--web.address", w.Address())
	cmd.Stdout, cmd.Stderr = &stdout, &problems
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if problems.Len() > 0 {
		t.Errorf("stderr: %s", problems.String())
	}
	return code, stdout.String()
}

// findings are the lines of a report's first table, without its heads.
func findings(out string) []string {
	_, table, _ := strings.Cut(out, "\nFOUND ")
	table, _, _ = strings.Cut(table, "\n\n")
	return strings.Split(table, "\n")[1:]
}

// files are all files below a folder that a step could change: names, where links
// point, and contents, but for what the daemon and Prometheus keep themselves.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		own := strings.HasPrefix(name, "journal.db") || strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "prometheus")
		switch {
		case err != nil || own:
			return err
		case e.Type() == fs.ModeSymlink:
			all[name], err = os.Readlink(path)
		case e.Type().IsRegular():
			var text []byte
			text, err = os.ReadFile(path)
			all[name] = string(text)
		default:
			all[name] = e.Type().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
