package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Daemon is rollbackd as a process, and its unix socket.
type Daemon struct {
	*Process
	client *http.Client
}

// DaemonOptions say how the daemon is started; all but Flags are needed.
type DaemonOptions struct {
	Program, Config, Log string
	// Socket is where it is asked; Flags must lead it there if Config does not.
	Socket string
	Flags  []string
}

// StartDaemon starts the daemon and waits until it is ready.
func StartDaemon(t testing.TB, o DaemonOptions) *Daemon {
	t.Helper()
	argv := append([]string{o.Program, "run", "--config.file", o.Config, "--log.level", "debug"}, o.Flags...)
	d := &Daemon{Process: StartProcess(t, o.Log, argv...)}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", o.Socket)
	}
	d.client = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: slow}
	Await(t, "the daemon to be ready", slow, func() (bool, string) {
		if gone := d.Gone(); gone != "" {
			t.Fatalf("%s\n%s", gone, tail(d.Log(), 4000))
		}
		status, body := d.request(t.Context(), http.MethodGet, "/-/ready", nil)
		return status == http.StatusOK, string(body)
	})
	return d
}

// request asks the daemon; status 0 means that it could not be reached.
func (d *Daemon) request(ctx context.Context, method, path string, body []byte) (status int, answer []byte) {
	request, err := http.NewRequestWithContext(ctx, method, "http://rollbackd"+path, bytes.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	response, err := d.client.Do(request)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// Get reads the data at an API path into a value. While the daemon is too busy to
// answer, and says so, it is asked again.
func (d *Daemon) Get(t testing.TB, path string, data any) {
	t.Helper()
	var status int
	var body []byte
	Await(t, path+" to be answered", slow, func() (bool, string) {
		status, body = d.request(t.Context(), http.MethodGet, path, nil)
		return status != http.StatusServiceUnavailable, string(body)
	})
	d.decode(t, path, status, body, data)
}

// Page is what a GET of any path answers, whatever its status.
func (d *Daemon) Page(t testing.TB, path string) (status int, body string) {
	t.Helper()
	status, answer := d.request(t.Context(), http.MethodGet, path, nil)
	return status, string(answer)
}

// Post sends a command and fails the test if it is refused.
func (d *Daemon) Post(t testing.TB, path string, command any) {
	t.Helper()
	text, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	status, body := d.request(t.Context(), http.MethodPost, path, text)
	d.decode(t, path, status, body, nil)
}

func (d *Daemon) decode(t testing.TB, path string, status int, body []byte, data any) {
	t.Helper()
	var e struct {
		Status, Error string
		Data          json.RawMessage
	}
	err := json.Unmarshal(body, &e)
	if status != http.StatusOK || err != nil || e.Status != "success" {
		t.Fatalf("%s: %d %v %s", path, status, err, tail(string(body), 1000))
	}
	if data == nil {
		return
	}
	if err := json.Unmarshal(e.Data, data); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, tail(string(e.Data), 1000))
	}
}

// Metrics is what /metrics says, as text.
func (d *Daemon) Metrics(t testing.TB) string {
	t.Helper()
	status, body := d.request(t.Context(), http.MethodGet, "/metrics", nil)
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, tail(string(body), 500))
	}
	return string(body)
}

// ByLabel is a counter by the value of one of its labels.
func (d *Daemon) ByLabel(t testing.TB, name, label string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, m := range d.Family(t, name).GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				values[l.GetValue()] += m.GetCounter().GetValue()
			}
		}
	}
	return values
}

// Family is one metric family of /metrics; nil where there is none.
func (d *Daemon) Family(t testing.TB, name string) *dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(d.Metrics(t)))
	if err != nil {
		t.Fatalf("/metrics: %v", err)
	}
	return families[name]
}

// Sum is the sum of the series that have these labels, given as pairs: of
// counters and gauges the values, of histograms the numbers of observations.
func (d *Daemon) Sum(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	sum := 0.0
	for _, m := range d.Family(t, name).GetMetric() {
		if has(m, labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func has(m *dto.Metric, pairs []string) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == pairs[i] && l.GetValue() == pairs[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

// Memory is a line of /proc/PID/status in bytes: VmRSS now, VmHWM at its most.
func (d *Daemon) Memory(t testing.TB, line string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(row, line+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s in /proc/%d/status", line, d.PID())
	return 0
}
