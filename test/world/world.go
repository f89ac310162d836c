package world

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// Options say what a world is like. The zero value is a service named checkout
// with the triggers errors and slow, no bus, and a plan of two steps.
type Options struct {
	// Program is the daemon's binary; it must be set.
	Program string
	// For is the hold of the metric triggers; empty means 4s.
	For string
	// Poll is how often Prometheus is asked; empty means 1s. An answer may take as
	// long: on a busy machine half of that, the default, is soon over.
	Poll string
	// Triggers replaces the triggers, as TOML below [services.checkout.triggers].
	Triggers string
	// Bus starts a NATS server and adds the health trigger. BusURL uses another.
	Bus    bool
	BusURL string
	// Restart is more of the restart step, such as a probe, as TOML. There and in
	// Steps %DIR stands for the world's folder.
	Restart string
	// Steps are steps after the restart, as TOML.
	Steps string
	// More is appended to the configuration.
	More string
	// PrometheusURL is asked instead of a Prometheus of the world's own.
	PrometheusURL string
}

// World is a service and all that watches it.
type World struct {
	*Service
	Prometheus *Prometheus // nil where Options have a PrometheusURL
	Bus        *Bus        // nil without one
	Inbox      *Inbox
	Daemon     *Daemon // nil until Start

	t       testing.TB
	program string
	config  string
	socket  string
}

// New makes a world in which everything runs but the daemon.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{Service: NewService(t, "checkout"), Inbox: NewInbox(t), t: t, program: o.Program}
	if o.PrometheusURL == "" {
		w.Prometheus = NewPrometheus(t, PrometheusOptions{}, w.Target())
		o.PrometheusURL = w.Prometheus.URL
	}
	if o.Bus {
		w.Bus = NewBus(t)
		o.BusURL = w.Bus.URL
	}
	if o.For == "" {
		o.For = "4s"
	}
	if o.Poll == "" {
		o.Poll = "1s"
	}
	w.writeScripts(t)
	w.config, w.socket = filepath.Join(w.Dir, "rollbackd.toml"), filepath.Join(w.Dir, "s")
	if err := os.WriteFile(filepath.Join(w.Dir, "hook.key"), []byte(Secret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := configuration.Execute(&text, map[string]any{"O": o, "Dir": w.Dir, "Inbox": w.Inbox.URL, "Socket": w.socket}); err != nil {
		t.Fatal(err)
	}
	// Steps of the options name the world's folder by this word.
	full := strings.ReplaceAll(text.String(), "%DIR", w.Dir)
	if err := os.WriteFile(w.config, []byte(full), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && w.Daemon != nil {
			t.Logf("the daemon's log:\n%s", tail(w.Daemon.Log(), 20000))
		}
	})
	return w
}

var configuration = template.Must(template.New("rollbackd.toml").Parse(`
[prometheus]
url           = "{{.O.PrometheusURL}}"
poll_interval = "{{.O.Poll}}"
timeout       = "{{.O.Poll}}"

{{if .O.BusURL}}[nats]
url = "{{.O.BusURL}}"
{{end}}
[metrics]
error_rate  = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[5s]))', total = 'sum by (service) (rate(http_requests_total[5s]))' }
latency_p99 = 'histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[5s])))'

[receivers.ops]
webhook = { url = "{{.Inbox}}", secret_file = "hook.key" }

[decide]
countdown = "2s"

[services.checkout.triggers]
{{if .O.Triggers}}{{.O.Triggers}}{{else -}}
errors = { when = "error_rate > 1% for {{.O.For}}", severity = "critical" }
slow   = { when = "latency_p99 > 500ms for {{.O.For}}", severity = "high", warm_up = "1s" }
{{if .O.BusURL}}health = { when = "3 consecutive health failures", severity = "critical", warm_up = "1s" }
{{end}}{{end}}
[services.checkout.deployment]
symlink = "{{.Dir}}/current"

[services.checkout.rollback]
sla    = "1m"
target = "30s"
verify = { settle = "7s", hold = "3s", within = "5m" }

[[services.checkout.rollback.steps]]
name    = "previous release"
symlink = { link = "{{.Dir}}/current", to = "{{.Dir}}/releases/${target_version}" }

[[services.checkout.rollback.steps]]
name = "restart"
exec = ["/bin/sh", "{{.Dir}}/restart.sh", "{{.Dir}}"]
{{.O.Restart}}
{{.O.Steps}}
[journal]
path = "{{.Dir}}/journal.db"

[web]
socket = "{{.Socket}}"
listen = "127.0.0.1:0"
{{.O.More}}
`))

// Address is where the daemon is asked, as --web.address takes it.
func (w *World) Address() string { return "unix:" + w.socket }

// Start starts the daemon, for the first time or again.
func (w *World) Start() {
	w.t.Helper()
	w.Daemon = StartDaemon(w.t, DaemonOptions{
		Program: w.program, Config: w.config, Socket: w.socket, Log: filepath.Join(w.Dir, "rollbackd.log"),
	})
}

// AwaitWell waits until the daemon has seen the version run and each of the
// triggers ok, so that it may act on them.
func (w *World) AwaitWell(triggers ...string) {
	w.t.Helper()
	for _, name := range triggers {
		w.Daemon.AwaitTrigger(w.t, w.Name, name, slow, InTruth("ok"))
	}
	Await(w.t, "the running version to be seen", slow, func() (bool, string) {
		seen := w.Daemon.Service(w.t, w.Name).RunningVersion
		return seen == w.Current(), seen
	})
}

// AwaitTicks waits until the daemon has judged so many more ticks.
func (w *World) AwaitTicks(n float64) {
	w.t.Helper()
	const judged = "rollbackd_evaluation_duration_seconds"
	from := w.Daemon.Sum(w.t, judged)
	Await(w.t, "more ticks", slow, func() (bool, string) {
		return w.Daemon.Sum(w.t, judged) >= from+n, "too few"
	})
}
