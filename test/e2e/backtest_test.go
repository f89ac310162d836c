package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/month"
	"github.com/rollbackd/rollbackd/test/world"
)

const monthConfig = `
[prometheus]
url = %q
poll_interval = "1m"

[metrics]
error_rate = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[3m]))', total = 'sum by (service) (rate(http_requests_total[3m]))' }
latency = { query = 'max by (service) (last_over_time(latency_seconds[1m]))', unit = "seconds" }
`

const monthService = `
[services.%[1]s]
triggers.errors = { when = "error_rate > 1%% for 3m", severity = "critical" }
triggers.slow = { when = "latency > 500ms for 5m", severity = "critical" }
deployment = { version_query = 'sum by (version) (last_over_time(build{service="${service}"}[1m]))' }
rollback.steps = [{ name = "undo", exec = ["/bin/true", "${target_version}"] }]
`

// filled starts a Prometheus that remembers a month.
func filled(t *testing.T, m *month.Month) *world.Prometheus {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	var files []string
	err := m.WriteDays(func(day int) (io.WriteCloser, error) {
		files = append(files, filepath.Join(dir, fmt.Sprintf("day%02d.txt", day)))
		return os.Create(files[day])
	})
	if err != nil {
		t.Fatal(err)
	}
	promtool := world.Require(t, "promtool")
	for _, file := range files {
		if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, data).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", file, err, out)
		}
	}
	return world.NewPrometheus(t, world.PrometheusOptions{Data: data}, "127.0.0.1:1")
}

// accuracy is what a report says of rollbacks against the labels.
type accuracy struct {
	Right, All, Found, Labels int
	NotSeen                   int `json:"not_seen"`
}

// A month in a real Prometheus, with twelve incidents that people have written
// down: what a configuration would have done about them.
func TestAMonthIsPlayedBack(t *testing.T) {
	t.Parallel()
	m := month.New(1)
	p := filled(t, m)
	dir := t.TempDir()
	config := fmt.Sprintf(monthConfig, p.URL)
	for _, service := range month.Services() {
		config += fmt.Sprintf(monthService, service)
	}
	put(t, filepath.Join(dir, "rollbackd.toml"), config)
	put(t, filepath.Join(dir, "labels.toml"), m.Labels())
	play := func(args ...string) (stdout, stderr string) {
		t.Helper()
		args = append([]string{
			"backtest", "--config.file", filepath.Join(dir, "rollbackd.toml"), "--labels", filepath.Join(dir, "labels.toml"),
			"--cache.dir", filepath.Join(dir, "cache"), "--from", month.Start().Format(time.RFC3339), "--to", month.End().Format(time.RFC3339),
		}, args...)
		cmd := exec.Command(program, args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("rollbackd %s: %v\n%s", strings.Join(args, " "), err, errs.String())
		}
		return out.String(), errs.String()
	}

	table, _ := play()
	t.Log("\n" + table)
	// Eight of ten that could be seen: one was below the threshold, and one began
	// so late after its deployment that nothing blames it. Nothing was rolled back
	// that should not have been: not the database's fault, and no good version.
	const score = "rollbacks 100% (8/8) 80% (8/10) 1 "
	if !strings.Contains(strings.Join(strings.Fields(table), " "), score) {
		t.Errorf("the table does not say %q", score)
	}

	first, _ := play("-o", "json")
	again, said := play("-o", "json")
	if first != again {
		t.Error("the same history gave other bytes")
	}
	if !strings.Contains(said, " 0 queries sent") {
		t.Errorf("the second run asked again:\n%s", said)
	}
	var report struct {
		Gaps []struct {
			Kind     string
			From, To time.Time
		}
		Results []struct {
			Score struct{ Rollbacks accuracy }
		}
	}
	if err := json.Unmarshal([]byte(first), &report); err != nil {
		t.Fatal(err)
	}
	got := report.Results[0].Score.Rollbacks
	if got.Right != 8 || got.All != 8 || got.Found != 8 || got.Labels != 10 || got.NotSeen != 1 {
		t.Errorf("rollbacks %+v, want 8 of 8 right, 8 of 10 found and one not seen", got)
	}
	outage := false
	for _, g := range report.Gaps {
		outage = outage || g.Kind == "everything" && g.From.Before(m.OutageTo) && g.To.After(m.OutageFrom)
	}
	if !outage {
		t.Errorf("gaps %+v, want the outage from %s to %s", report.Gaps, m.OutageFrom, m.OutageTo)
	}

	side, said := play("--sweep", "services.cart.triggers.errors.when=error_rate > {0.3%,1%,5%} for 3m", "-o", "json")
	if !strings.Contains(said, " 0 queries sent") {
		t.Errorf("other thresholds needed queries:\n%s", said)
	}
	report.Results = nil
	if err := json.Unmarshal([]byte(side), &report); err != nil {
		t.Fatal(err)
	}
	for i, found := range []int{9, 8, 7} {
		if got := report.Results[i].Score.Rollbacks; got.Found != found {
			t.Errorf("variant %d: %d found, want %d", i+1, got.Found, found)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
