package world

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Prometheus is a real server with storage of its own.
type Prometheus struct {
	*Process
	URL string

	program, dir, data string
}

// PrometheusOptions are what a server is given beside its targets.
type PrometheusOptions struct {
	// Evaluation is the interval of rules; empty means 1s. Scrapes are always a
	// second apart.
	Evaluation string
	// More is appended to its configuration.
	More string
	// Data is a folder of blocks that it begins with, however old they are; empty
	// means that it begins with nothing.
	Data string
}

const prometheusConfig = `global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: %[1]s
scrape_configs:
  - job_name: service
    static_configs:
      - targets: ["%[2]s"]
`

// NewPrometheus starts a server that scrapes the targets, host:port each, and
// waits until it is ready.
func NewPrometheus(t testing.TB, o PrometheusOptions, targets ...string) *Prometheus {
	t.Helper()
	program := Need(t, "prometheus")
	if o.Evaluation == "" {
		o.Evaluation = "1s"
	}
	p := &Prometheus{program: program, dir: t.TempDir(), data: o.Data}
	if p.data == "" {
		p.data = filepath.Join(p.dir, "data")
	}
	config := fmt.Sprintf(prometheusConfig, o.Evaluation, strings.Join(targets, `", "`)) + o.More
	if err := os.WriteFile(filepath.Join(p.dir, "prometheus.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	p.start(t, local(KeepPort(t)))
	return p
}

// listening is how the server says in its log which port it was given.
var listening = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

func (p *Prometheus) start(t testing.TB, listen string) {
	t.Helper()
	log := filepath.Join(p.dir, "log")
	if err := os.RemoveAll(log); err != nil { // its port is read from it
		t.Fatal(err)
	}
	p.Process = StartProcess(t, log,
		p.program, "--config.file="+filepath.Join(p.dir, "prometheus.yml"),
		"--storage.tsdb.path="+p.data, "--storage.tsdb.retention.time=100y", "--web.listen-address="+listen,
	)
	p.URL = ""
	Await(t, "Prometheus to be ready", slow, func() (bool, string) {
		if gone := p.Gone(); gone != "" {
			t.Fatalf("%s\n%s", gone, tail(p.Log(), 2000))
		}
		if found := listening.FindStringSubmatch(p.Log()); found != nil {
			p.URL = "http://" + found[1]
			return answers(p.URL + "/-/ready"), p.URL + " is not ready"
		}
		return false, "no port"
	})
}

// Restart starts it again on the same port and storage, after it was ended.
func (p *Prometheus) Restart(t testing.TB) {
	t.Helper()
	p.start(t, strings.TrimPrefix(p.URL, "http://"))
}

// answers tells whether a GET is answered with 200.
func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
