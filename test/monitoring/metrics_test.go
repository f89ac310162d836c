package monitoring_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/rollbackd/rollbackd/test/world"
)

const soon = 3 * time.Minute

// lived is what /metrics shows once a daemon has lived through something: a
// rollback, events good and bad, a bus that went and came back.
func lived(t *testing.T) string {
	t.Helper()
	w := world.New(t, world.Options{
		Program: program, Bus: true, Triggers: `errors = { when = "error_rate > 1% for 4s", severity = "critical", warm_up = "1s" }`,
	})
	c := w.Bus.Connect(t)
	w.Start()
	w.AwaitWell("errors")
	for _, body := range []string{`{"status":"pass"}`, `nonsense`} {
		if err := c.Publish(world.HealthSubject("checkout", "i1"), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	w.Daemon.AwaitTrigger(t, w.Name, "errors", soon, world.InTruth("breach"))
	during := w.Daemon.Metrics(t)
	w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	w.Bus.Stop()
	world.Await(t, "blindness to be counted", soon, func() (bool, string) {
		text := w.Daemon.Metrics(t)
		return strings.Contains(text, `rollbackd_blind_seconds_total{source="nats"}`), "not yet"
	})
	return during + w.Daemon.Metrics(t)
}

// shows are the names of the series in an exposition.
func shows(exposition string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.SplitSeq(exposition, "\n") {
		if end := strings.IndexAny(line, "{ "); end > 0 && line[0] != '#' {
			names[line[:end]] = true
		}
	}
	return names
}

// asks are the names of the series that a query selects.
func asks(t *testing.T, where, query string) (names []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %q: %v", where, query, err)
		return nil
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s: %q asks for nothing", where, query)
	}
	return names
}

// TestWhatIsAskedForExists starts the real daemon and compares its metrics with
// what the alerts and the dashboard ask for, and with what people were promised.
func TestWhatIsAskedForExists(t *testing.T) {
	queries := theDashboard(t).queries()
	for _, a := range alerts(t) {
		queries["alert "+a.Alert] = []string{a.Expr}
	}
	exposition := lived(t)
	shown := shows(exposition)
	shown["up"] = true // Prometheus's own
	for where, all := range queries {
		for _, query := range all {
			for _, name := range asks(t, where, plain(query)) {
				if !shown[name] {
					t.Errorf("%s asks for %q, which the daemon does not show", where, name)
				}
			}
		}
	}
	for _, name := range promised() {
		if !shown[name] && !shown[name+"_bucket"] {
			t.Errorf("%q is promised, and the daemon does not show it", name)
		}
	}
}

// TestVariablesAreKnown looks for words of Grafana's in queries that no variable
// of the dashboard fills in.
func TestVariablesAreKnown(t *testing.T) {
	d := theDashboard(t)
	known := []string{"__rate_interval", "__interval", "__range"}
	for _, v := range d.Templating.List {
		known = append(known, v.Name)
	}
	for where, all := range d.queries() {
		for _, query := range all {
			for _, word := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(query, -1) {
				if !slices.Contains(known, word[1]) {
					t.Errorf("%s: $%s is no variable", where, word[1])
				}
			}
		}
	}
}

// TestMetricsAreWellNamed runs Prometheus's own linter over what the daemon shows.
func TestMetricsAreWellNamed(t *testing.T) {
	w := world.New(t, world.Options{Program: program, Bus: true})
	w.Start()
	promtool(t, w.Daemon.Metrics(t), "check", "metrics")
}

// promised are the names that users are told of.
func promised() (names []string) {
	for name := range strings.FieldsSeq(`
		build_info config_last_reload_successful config_last_reload_success_timestamp_seconds trigger_state trigger_value source_up
		source_errors_total blind_seconds_total events_received_total events_rejected_total evaluation_duration_seconds
		evaluations_skipped_total detection_overshoot_seconds decision_to_action_seconds incidents_open incidents_total decisions_total
		rollbacks_total rollback_duration_seconds rollback_sla_met_total notifications_total journal_write_duration_seconds
		journal_last_write_timestamp_seconds`) {
		names = append(names, fmt.Sprintf("rollbackd_%s", name))
	}
	return names
}
