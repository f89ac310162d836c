package world

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// FleetOptions say what a fleet is like. Program and Size are needed.
type FleetOptions struct {
	// Program is the daemon's binary.
	Program string
	// Size is how many services there are.
	Size int
	// Guards is what stands below [guards], as TOML.
	Guards string
}

// Fleet is many services under one daemon. Their rollbacks write down in one
// place when they act, so that it shows how many do at a time.
type Fleet struct {
	Services []*Service
	Inbox    *Inbox
	Daemon   *Daemon

	dir string
}

// NewFleet makes services that all run v1 well, with everything that watches
// them, and waits until the daemon has seen it. A rollback of any of them waits
// inside its step until Open.
func NewFleet(t testing.TB, o FleetOptions) *Fleet {
	t.Helper()
	f := &Fleet{Inbox: NewInbox(t), dir: shortDir(t)}
	var targets []string
	for i := range o.Size {
		s := NewService(t, fmt.Sprintf("service-%02d", i))
		f.Services, targets = append(f.Services, s), append(targets, s.Target())
	}
	f.write(t, "acting.sh", actingScript)
	f.write(t, "gate", "")
	f.write(t, "hook.key", Secret()+"\n")
	prometheus := NewPrometheus(t, PrometheusOptions{}, targets...)
	var text strings.Builder
	err := fleetConfiguration.Execute(&text, map[string]any{
		"F": f, "Guards": o.Guards, "Dir": f.dir, "Prometheus": prometheus.URL, "Inbox": f.Inbox.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "rollbackd.toml", text.String())
	f.Daemon = StartDaemon(t, DaemonOptions{
		Program: o.Program, Config: filepath.Join(f.dir, "rollbackd.toml"), Socket: filepath.Join(f.dir, "s"), Log: filepath.Join(f.dir, "log"),
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", tail(f.Daemon.Log(), 20000))
		}
	})
	for _, s := range f.Services {
		f.Daemon.AwaitTrigger(t, s.Name, "errors", slow, InTruth("ok"))
	}
	return f
}

// BreakAll deploys a bad v2 of every service at once.
func (f *Fleet) BreakAll(t testing.TB) {
	t.Helper()
	for _, s := range f.Services {
		s.Behave("v2", Behaviour{Errors: 0.08})
	}
	for _, s := range f.Services {
		s.Deploy(t, "v2")
	}
}

// Open lets the rollbacks that wait inside their step go on, and all others.
func (f *Fleet) Open(t testing.TB) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.dir, "gate")); err != nil {
		t.Fatal(err)
	}
}

// Acting tells how many rollbacks are inside their step now, how many were at the
// same time at the most, and how many have come out of it.
func (f *Fleet) Acting() (now, most, ended int) {
	text, err := os.ReadFile(filepath.Join(f.dir, "acting.log"))
	if err != nil {
		return 0, 0, 0
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "begin ") {
			now++
		} else {
			now--
			ended++
		}
		most = max(most, now)
	}
	return now, most, ended
}

// actingScript takes its time over what a restart does.
const actingScript = `#!/bin/sh
# acting.sh DIR SERVICE-DIR
set -eu
echo "begin $ROLLBACKD_SERVICE" >>"$1/acting.log"
while [ -e "$1/gate" ]; do sleep 0.05; done
sleep 0.2
basename "$(readlink "$2/current")" >"$2/running.new"
mv "$2/running.new" "$2/running"
echo "end $ROLLBACKD_SERVICE" >>"$1/acting.log"
`

func (f *Fleet) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var fleetConfiguration = template.Must(template.New("rollbackd.toml").Parse(`
[prometheus]
url           = "{{.Prometheus}}"
poll_interval = "2s"
timeout       = "2s"

[metrics]
error_rate = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[5s]))', total = 'sum by (service) (rate(http_requests_total[5s]))' }

[receivers.ops]
webhook = { url = "{{.Inbox}}", secret_file = "hook.key" }

[guards]
{{.Guards}}

[journal]
path = "{{.Dir}}/journal.db"

[web]
socket = "{{.Dir}}/s"
listen = "127.0.0.1:0"
{{range .F.Services}}
[services.{{.Name}}.triggers]
errors = { when = "error_rate > 1% for 6s", severity = "critical" }

[services.{{.Name}}.deployment]
symlink = "{{.Dir}}/current"

[services.{{.Name}}.rollback]
verify = { settle = "7s", hold = "3s", within = "5m" }

[[services.{{.Name}}.rollback.steps]]
name    = "previous release"
symlink = { link = "{{.Dir}}/current", to = "{{.Dir}}/releases/${target_version}" }

[[services.{{.Name}}.rollback.steps]]
name = "restart"
exec = ["/bin/sh", "{{$.Dir}}/acting.sh", "{{$.Dir}}", "{{.Dir}}"]
{{end}}`))
