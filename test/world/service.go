package world

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Behaviour is how a version of a service does.
type Behaviour struct {
	// Errors is the share of requests that fail, 0 to 1.
	Errors float64
	// Latency is how long each request takes; zero means 20ms.
	Latency time.Duration
	// Unhealthy makes its health checks fail.
	Unhealthy bool
}

// perSecond is how many requests each service gets, all the time.
const perSecond = 200

// Service is a service with releases, a link to the current one, and /metrics.
// What it runs is what it was last restarted with. Its counters are functions of
// time: nothing depends on how often it is looked at.
type Service struct {
	Name string
	// Dir holds releases/, current, running and what its restarts wrote.
	Dir    string
	server *httptest.Server

	mu        sync.Mutex
	behaviour map[string]Behaviour
	since     time.Time
	good, bad float64
	buckets   []float64
	sum       float64
}

// bounds are those of the latency histogram, in seconds.
func bounds() []float64 { return []float64{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5} }

// NewService starts a service that runs v1 and does well.
func NewService(t testing.TB, name string) *Service {
	t.Helper()
	s := &Service{
		Name: name, Dir: shortDir(t), behaviour: map[string]Behaviour{},
		since: time.Now(), buckets: make([]float64, len(bounds())),
	}
	s.Deploy(t, "v1")
	s.server = httptest.NewServer(http.HandlerFunc(s.metrics))
	t.Cleanup(s.server.Close)
	return s
}

// shortDir is a folder with a short name: a unix socket's path is 107 bytes long
// at most.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a step that outlives the test may still write
	return dir
}

// Target is where it is scraped, as host:port.
func (s *Service) Target() string { return s.server.Listener.Addr().(*net.TCPAddr).String() }

// Behave says how a version does, from now on.
func (s *Service) Behave(version string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	s.behaviour[version] = b
}

// Deploy installs a version, points the link at it and restarts the service, as
// a deployer does.
func (s *Service) Deploy(t testing.TB, version string) {
	t.Helper()
	release := filepath.Join(s.Dir, "releases", version)
	link := filepath.Join(s.Dir, "current")
	err := os.MkdirAll(release, 0o755)
	if err == nil {
		err = os.Symlink(release, link+".new")
	}
	if err == nil {
		err = os.Rename(link+".new", link)
	}
	if err == nil {
		s.mu.Lock()
		s.advance(time.Now())
		err = os.WriteFile(filepath.Join(s.Dir, "running"), []byte(version+"\n"), 0o644)
		s.mu.Unlock()
	}
	if err != nil {
		t.Fatalf("deploying %s: %v", version, err)
	}
}

// Running is the version that the service was last restarted with.
func (s *Service) Running() string {
	text, err := os.ReadFile(filepath.Join(s.Dir, "running"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Current is the version that the link points at.
func (s *Service) Current() string {
	target, err := os.Readlink(filepath.Join(s.Dir, "current"))
	if err != nil {
		return err.Error()
	}
	return filepath.Base(target)
}

// advance counts the requests since the last time.
func (s *Service) advance(now time.Time) {
	b := s.behaviour[s.Running()]
	if b.Latency == 0 {
		b.Latency = 20 * time.Millisecond
	}
	n := perSecond * max(0, now.Sub(s.since).Seconds())
	s.since = now
	s.good += n * (1 - b.Errors)
	s.bad += n * b.Errors
	s.sum += n * b.Latency.Seconds()
	for i, bound := range bounds() {
		if b.Latency.Seconds() <= bound {
			s.buckets[i] += n
		}
	}
}

// Well tells whether the version that runs has no fault.
func (s *Service) Well() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour[s.Running()] == Behaviour{}
}

func (s *Service) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.behaviour[s.Running()].Unhealthy
}

// metrics is /metrics in the text format. Like a real program it shows no series
// for a status that it never answered with.
func (s *Service) metrics(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprintf(w, "# TYPE http_requests_total counter\nhttp_requests_total{service=%q,code=\"200\"} %f\n", s.Name, s.good)
	if s.bad > 0 {
		fmt.Fprintf(w, "http_requests_total{service=%q,code=\"500\"} %f\n", s.Name, s.bad)
	}
	fmt.Fprintln(w, "# TYPE http_request_duration_seconds histogram")
	for i, bound := range bounds() {
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{service=%q,le=\"%g\"} %f\n", s.Name, bound, s.buckets[i])
	}
	fmt.Fprintf(w, "http_request_duration_seconds_bucket{service=%q,le=\"+Inf\"} %f\n", s.Name, s.good+s.bad)
	fmt.Fprintf(w, "http_request_duration_seconds_sum{service=%q} %f\n", s.Name, s.sum)
	fmt.Fprintf(w, "http_request_duration_seconds_count{service=%q} %f\n", s.Name, s.good+s.bad)
}

// Steps are the lines that restarts wrote, in order: "begin restart 1 v1" and
// "end restart 1 v1", the number being the attempt.
func (s *Service) Steps() []string {
	text, err := os.ReadFile(filepath.Join(s.Dir, "steps.log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Shut makes the next restart wait inside its step until Open.
func (s *Service) Shut(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, "gate"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Open lets a restart that waits go on.
func (s *Service) Open(t testing.TB) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.Dir, "gate")); err != nil {
		t.Fatal(err)
	}
}

// AwaitStep waits until a line is among the steps.
func (s *Service) AwaitStep(t testing.TB, line string, within time.Duration) {
	t.Helper()
	Await(t, "the step line "+line, within, func() (bool, string) {
		steps := s.Steps()
		return slices.Contains(steps, line), fmt.Sprintf("%q", steps)
	})
}

// restartScript is the restart step: what runs is what current points at. It
// says when it begins and ends, and waits in between while there is a gate.
const restartScript = `#!/bin/sh
set -eu
dir=$1
about="$ROLLBACKD_STEP $ROLLBACKD_ATTEMPT $ROLLBACKD_TARGET_VERSION"
echo "begin $about" >>"$dir/steps.log"
while [ -e "$dir/gate" ]; do sleep 0.05; done
basename "$(readlink "$dir/current")" >"$dir/running.new"
mv "$dir/running.new" "$dir/running"
echo "end $about" >>"$dir/steps.log"
`

// probeScript says whether the restart is done already.
const probeScript = `#!/bin/sh
test "$(cat "$1/running")" = "$ROLLBACKD_TARGET_VERSION"
`

func (s *Service) writeScripts(t testing.TB) {
	t.Helper()
	for name, text := range map[string]string{"restart.sh": restartScript, "probe.sh": probeScript} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
