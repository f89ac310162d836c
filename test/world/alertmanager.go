package world

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Alertmanager is a real one that posts every alert to one webhook.
type Alertmanager struct {
	*Process
	// Address is host:port.
	Address string
}

// NewAlertmanager starts one and waits until it is ready. Groups are services;
// wait and interval are group_wait and group_interval.
func NewAlertmanager(t testing.TB, webhook, wait, interval string) *Alertmanager {
	t.Helper()
	program, dir := Need(t, "prometheus-alertmanager"), t.TempDir()
	config, log := filepath.Join(dir, "alertmanager.yml"), filepath.Join(dir, "log")
	text := fmt.Sprintf(`route:
  receiver: act
  group_by: [service]
  group_wait: %s
  group_interval: %s
receivers:
  - name: act
    webhook_configs:
      - url: %s
`, wait, interval, webhook)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	a := &Alertmanager{Process: StartProcess(t, log, program, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")}
	Await(t, "Alertmanager to be ready", slow, func() (bool, string) {
		if found := listening.FindStringSubmatch(a.Log()); found != nil {
			a.Address = found[1]
			return answers("http://" + a.Address + "/-/ready"), a.Address + " is not ready"
		}
		return false, tail(a.Log(), 2000) + a.Gone()
	})
	return a
}
