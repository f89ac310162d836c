package crash_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// service is the one that is rolled back.
const service = "shop"

// The files of a place: what the daemon has, and what the world around it does.
const (
	configFile   = "rollbackd.toml"
	journalFile  = "journal.db"
	snapshotFile = "snapshot.json" // the brain's memory when a life came to rest
	stepsFile    = "steps.log"     // what steps and probes did
	toldFile     = "told.log"      // what a person was told
	deployedFile = "deployed"      // v2 was deployed
	quietFile    = "quiet"         // v2 does well
	bothBadFile  = "both-bad"      // v1 is no better than v2 once v2 was there
	askFile      = "ask"           // a person asks for the rollback
	flagsOffFile = "flags-off"     // v2's fault is switched off
)

const stepScript = `#!/bin/sh
# step.sh DIR NAME MODE
dir=$1 name=$2
cd "$dir"
echo "begin $name" >>steps.log
case $3 in
  ok) ;;
  slow) sleep 0.1 ;;
  hang) sleep 5 ;;
  fail) exit 1 ;;
  once) if [ ! -e "$name.failed" ]; then touch "$name.failed"; exit 1; fi ;;
  later) if [ ! -e "$name.later" ]; then touch "$name.later"; echo "again $name" >>steps.log; exit 75; fi ;;
  off) touch flags-off ;;
esac
echo "end $name" >>steps.log
`

const probeScript = `#!/bin/sh
# probe.sh DIR NAME: exit 0 where the step was carried out to its end.
cd "$1"
if grep -q "^end $2\$" steps.log; then echo "probe $2 yes" >>steps.log; exit 0; fi
echo "probe $2 no" >>steps.log
exit 1
`

const reversibleScript = `#!/bin/sh
# reversible.sh DIR MODE: exit 0 where one can still go back.
cd "$1"
case $2 in
  always) exit 0 ;;
  before) ! grep -q "^begin one" steps.log ;;
  *) exit 1 ;;
esac
`

const head = `
[prometheus]
url = "http://127.0.0.1:9"

[metrics]
error_rate = { query = "errors", unit = "ratio" }

[receivers.ops]
webhook = { url = "http://127.0.0.1:9" }

[services.shop.triggers]
errors = { when = "error_rate > 1%", severity = "critical", warm_up = "0s" }

[services.shop.deployment]
symlink = "DIR/current"

[services.shop.rollback]
verify = { settle = "20ms", hold = "50ms", within = "VERIFY" }
`

// newPlace makes the folder of one point: v1 runs, and a plan is configured.
func newPlace(t *testing.T, p plan) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rollbackd-crash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a step that outlived its daemon may still write
	for _, v := range []string{"v1", "v2"} {
		if err := os.MkdirAll(filepath.Join(dir, "releases", v), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "releases", "v1"), filepath.Join(dir, "current")); err != nil {
		t.Fatal(err)
	}
	within := "20s"
	for _, file := range p.world {
		write(t, filepath.Join(dir, file), "")
		if file == bothBadFile {
			within = "400ms"
		}
	}
	write(t, filepath.Join(dir, stepsFile), "")
	write(t, filepath.Join(dir, "step.sh"), stepScript)
	write(t, filepath.Join(dir, "probe.sh"), probeScript)
	write(t, filepath.Join(dir, "reversible.sh"), reversibleScript)
	write(t, filepath.Join(dir, configFile), strings.NewReplacer("DIR", dir, "VERIFY", within).Replace(head+p.text))
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// read is a file; empty where there is none.
func read(dir, file string) string {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	return string(text)
}

// lines are a file's lines.
func lines(dir, file string) []string {
	return strings.Split(strings.TrimSuffix(read(dir, file), "\n"), "\n")
}
