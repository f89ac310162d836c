package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"time"
)

// prometheusConfig scrapes the shop every second.
const prometheusConfig = `global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: shop
    static_configs:
      - targets: ["%s"]
`

// listening is how Prometheus says in its log which port it was given.
var listening = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

// prometheus is a real Prometheus server.
type prometheus struct {
	*process
	path string
	url  string
}

// startMetrics starts the Prometheus that was asked for, or the stand-in where
// there is none. A Prometheus that was named and does not start is an error;
// one that happened to be on the path is not, but is spoken of.
func startMetrics(ctx context.Context, w *world, s *screen) (metrics, error) {
	path := w.options.prometheus
	if path == "auto" {
		path, _ = exec.LookPath("prometheus")
	}
	if path == "" || path == "none" {
		return startStandIn(w.shop)
	}
	p, err := startPrometheus(ctx, w, path)
	if err == nil {
		return p, nil
	}
	if w.options.prometheus != "auto" {
		return nil, err
	}
	s.say(fmt.Sprintf("%s was found and did not start (%v); going without", path, err))
	return startStandIn(w.shop)
}

// startPrometheus starts a server with storage of its own and waits until it is
// ready.
func startPrometheus(ctx context.Context, w *world, path string) (*prometheus, error) {
	config := w.path("prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, w.shop), 0o644); err != nil {
		return nil, err
	}
	log := w.path("prometheus.log")
	child, err := startProcess("prometheus", log, path, "--config.file="+config, "--storage.tsdb.path="+w.path("prometheus"),
		"--web.listen-address=127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &prometheus{process: child, path: path}
	if err := p.awaitReady(ctx, log); err != nil {
		return nil, fmt.Errorf("%w%s", err, lostProcess(p.End()))
	}
	return p, nil
}

// lostProcess words an error on the way out, if there was one.
func lostProcess(err error) string {
	if err == nil {
		return ""
	}
	return "; and " + err.Error()
}

// awaitReady waits until the server has told its port and says that it is ready.
func (p *prometheus) awaitReady(ctx context.Context, log string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return poll(ctx, func() (bool, error) {
		if err := p.gone(); err != nil {
			return false, err
		}
		if p.url == "" {
			text, err := os.ReadFile(log)
			if err != nil {
				return false, err
			}
			found := listening.FindSubmatch(text)
			if found == nil {
				return false, nil
			}
			p.url = "http://" + string(found[1])
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/-/ready", nil)
		if err != nil {
			return false, err
		}
		return isReady(http.DefaultClient, request), nil
	})
}

// isReady tells whether a request is answered with 200. That nothing answers yet
// is not an error: it is what is being waited for.
func isReady(client *http.Client, request *http.Request) bool {
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// URL is where it answers.
func (p *prometheus) URL() string { return p.url }

// About names the binary.
func (p *prometheus) About() string { return p.path + ", scraping the shop every second" }

// Gone is an error if it ended by itself.
func (p *prometheus) Gone() error { return p.gone() }

// End ends the server.
func (p *prometheus) End() error { return p.end(20 * time.Second) }

// poll asks, with a pause between, until it is done, fails or the context ends.
func poll(ctx context.Context, ask func() (bool, error)) error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		done, err := ask()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
