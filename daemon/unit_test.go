package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/responder"
)

const unitFile = "../systemd/rollbackd.service"

// unit reads the settings of the shipped unit.
func unit(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			settings[key] = value
		}
	}
	return settings
}

func seconds(t *testing.T, setting string) time.Duration {
	t.Helper()
	d, err := model.ParseDuration(strings.ReplaceAll(setting, "min", "m"))
	if err != nil {
		t.Fatalf("%q: %v", setting, err)
	}
	return time.Duration(d)
}

func TestUnitWaitsLongerThanAStep(t *testing.T) {
	stop := seconds(t, unit(t)["TimeoutStopSec"])
	// The rest is for the outbox, the web and the journal.
	if least := responder.DefaultStepGrace + 30*time.Second; stop < least {
		t.Errorf("TimeoutStopSec is %v: systemd would kill the daemon while it waits up to %v for a step; want at least %v",
			stop, responder.DefaultStepGrace, least)
	}
}

func TestUnitLeavesStepsAlive(t *testing.T) {
	if mode := unit(t)["KillMode"]; mode != "process" {
		t.Errorf("KillMode is %q: a crash of the daemon would kill the step that runs; want process", mode)
	}
}

// A lack of memory must end neither the daemon first nor the step that runs, which
// is a process of the same unit.
func TestUnitStandsALackOfMemory(t *testing.T) {
	u := unit(t)
	if u["OOMScoreAdjust"] != "-500" || u["OOMPolicy"] != "continue" || !strings.HasPrefix(u["Environment"], "GOMEMLIMIT=") {
		t.Errorf("got OOMScoreAdjust %q, OOMPolicy %q, Environment %q", u["OOMScoreAdjust"], u["OOMPolicy"], u["Environment"])
	}
	for _, limit := range []string{"MemoryMax", "MemoryHigh", "TasksMax"} {
		if u[limit] != "" {
			t.Errorf("%s=%s limits the steps too", limit, u[limit])
		}
	}
}

func TestUnitAgreesWithDefaults(t *testing.T) {
	u := unit(t)
	if u["StateDirectory"] != "rollbackd" || u["RuntimeDirectory"] != "rollbackd" {
		t.Errorf("got %q and %q, want the folders of the default journal and socket", u["StateDirectory"], u["RuntimeDirectory"])
	}
	if u["Type"] != "notify" || u["WatchdogSec"] == "" || !strings.HasSuffix(u["ExecReload"], "-HUP $MAINPID") {
		t.Errorf("got Type %q, WatchdogSec %q, ExecReload %q", u["Type"], u["WatchdogSec"], u["ExecReload"])
	}
}

func TestUnitIsAcceptedBySystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: the unit is checked on Debian")
	}
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The binary is not installed here, which is all that may be different.
	copied := filepath.Join(t.TempDir(), "rollbackd.service")
	if err := os.WriteFile(copied, []byte(strings.Replace(string(text), "/usr/bin/rollbackd", "/bin/true", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--recursive-errors=no", copied).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
