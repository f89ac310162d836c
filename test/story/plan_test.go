package story_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/test/world"
)

// configuration is the site's rollbackd.toml. What is in capitals is filled in.
const configuration = `
[prometheus]
url           = "PROMETHEUS"
poll_interval = "1s"
timeout       = "1s"

[metrics]
error_rate = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[5s]))', total = 'sum by (service) (rate(http_requests_total[5s]))' }

[receivers.ops]
webhook = { url = "INBOX", secret_file = "hook.key" }

[services.shop.triggers]
errors = { when = "error_rate > 2% for 10s", severity = "critical", warm_up = "1s" }

[services.shop.deployment]
symlink = "ROOT/current"

[services.shop.rollback]
target = "30s"
sla    = "1m"
verify = { settle = "7s", hold = "3s", within = "5m" }

[services.shop.rollback.reversible]
exec    = [PSQL, "--file", "ROOT/reversible.sql"]
timeout = "1m"

[[services.shop.rollback.checks]]
name = "database answers"
exec = [PSQL, "--command", "SELECT 1"]

[[services.shop.rollback.capture]]
name = "migrations"
exec = [PSQL, "--command", "SELECT number, reversible FROM migrations ORDER BY number"]

[[services.shop.rollback.steps]]
phase = "traffic"
name  = "maintenance on"
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "maintenance on", "/bin/sh", "ROOT/maintenance.sh", "ROOT", "on"]

[[services.shop.rollback.steps]]
phase = "database"
name  = "migrate down"
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "migrate down", PSQL, "--single-transaction", "--file", "ROOT/down.sql"]

[[services.shop.rollback.steps]]
phase = "application"
name  = "restart"
each  = ["a", "b"]
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "restart ${each}", "/bin/sh", "ROOT/restart.sh", "ROOT", "${target_version}", "${each}"]

[[services.shop.rollback.steps]]
phase   = "traffic"
name    = "switch"
symlink = { link = "ROOT/current", to = "ROOT/releases/${target_version}" }

[[services.shop.rollback.steps]]
phase = "traffic"
name  = "reload"
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "reload", RELOAD]

[[services.shop.rollback.forward]]
phase = "flags"
name  = "new prices off"
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "new prices off", PSQL, "--command", "UPDATE flags SET enabled = false WHERE name = 'new_prices'"]

[[services.shop.rollback.finally]]
phase = "traffic"
name  = "maintenance off"
exec  = ["/bin/sh", "ROOT/logged.sh", "ROOT", "maintenance off", "/bin/sh", "ROOT/maintenance.sh", "ROOT", "off"]

[journal]
path = "ROOT/journal.db"

[web]
socket = "ROOT/s"
listen = "127.0.0.1:0"
`

// configure fills the configuration in.
func configure(t *testing.T, s *site, prometheus *world.Prometheus, inbox *world.Inbox) string {
	t.Helper()
	return strings.NewReplacer(
		"PROMETHEUS", prometheus.URL, "INBOX", inbox.URL,
		"PSQL", words(t, append([]string{"psql"}, s.postgres.Arguments(s.database)...)),
		"RELOAD", words(t, s.nginx.Reload), "ROOT", s.root,
	).Replace(configuration)
}

// words are the elements of an array in TOML, without its brackets.
func words(t *testing.T, argv []string) string {
	t.Helper()
	list, err := json.Marshal(argv)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(list), "[]")
}
