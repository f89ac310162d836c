package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/trigger"
)

// tableKeys are the keys of one kind of table.
type tableKeys struct {
	kind string
	keys string
}

// allKeys says where each key belongs. It only feeds the hints for unknown
// keys; what is accepted is what the readers ask for, and a test holds the two
// against each other.
func allKeys() []tableKeys {
	const step = "name phase timeout retries idempotent probe on_failure exec http symlink wait nats systemd kubernetes argo swarm nomad query approval if each only enough soak unit_sla as"
	return []tableKeys{
		{"", "prometheus nats metrics services plans matrix decide guards receivers groups windows journal report web templates include"},
		{"[prometheus]", "url urls poll_interval timeout max_gap partial max_body max_series http"},
		{"[nats]", "url creds_file nkey_file user password_file password_env token_file token_env tls prefix map require_corroboration"},
		{"[nats.tls]", "ca_file cert_file key_file server_name handshake_first insecure_skip_verify"},
		{"[[nats.map]]", "subject tokens kind"},
		{"[metrics.NAME]", "query bad total by unit fresh baseline_query floor"},
		{"[services.NAME]", "use match tier mode vars depends_on receivers labels triggers deployment health probe rollback plan"},
		{"[services.NAME.triggers.NAME]", "when severity no_data min_samples min_requests warm_up receivers plan scope enabled"},
		{"[services.NAME.deployment]", "symlink releases version_query version_label http field exec env blame_window onset_slack required max_back finish_within"},
		{"[services.NAME.health]", "instances min_instances ttl"},
		{"[plans.NAME]", "target sla timeout verify checks steps finally reversible capture forward stop_deploy follow_up monitor"},
		{"[plans.NAME.verify]", "settle hold within when"},
		{"[plans.NAME.monitor]", "for when"},
		{"[[plans.NAME.steps]]", step},
		{"[[plans.NAME.checks]]", "name phase timeout exec http " + strings.Join(laterKinds(), " ")},
		{"[plans.NAME.reversible]", "timeout exec http"},
		{"[[plans.NAME.capture]]", "name timeout exec http"},
		{"[plans.NAME.steps.enough]", "within"},
		{"[plans.NAME.steps.query]", "expr hold"},
		{"[plans.NAME.steps.http]", "method url headers header_files body expect"},
		{"[plans.NAME.steps.symlink]", "link to"},
		{"[matrix]", "tiers critical high medium low"},
		{"[decide]", "within countdown approvals approval_expires on_deadline escalate_after"},
		{"[decide.within]", "critical high medium low"},
		{"[decide.on_deadline]", "critical high medium low"},
		{"[guards]", "cooldown per_service max_concurrent max_per_hour correlated never_ok hold_when rehearsed_within"},
		{"[guards.correlated]", "services share within"},
		{"[receivers.NAME]", "webhook slack pagerduty email alertmanager exec shoutrrr status_page severities events escalation rate_limit text text_file"},
		{"[receivers.NAME.webhook]", "url secret_file secret_env http"},
		{"[receivers.NAME.slack]", "token_file token_env channel webhook_url_file webhook_url_env api_url http"},
		{"[receivers.NAME.pagerduty]", "routing_key_file routing_key_env url http"},
		{"[receivers.NAME.email]", "smarthost from to username password_file password_env tls ca_file hello"},
		{"[receivers.NAME.alertmanager]", "url urls labels http"},
		{"[receivers.NAME.exec]", "command timeout"},
		{"[receivers.NAME.shoutrrr]", "url_file url_env"},
		{"[receivers.NAME.status_page]", "url page_id component_ids token_file token_env http"},
		{"[groups.NAME]", "services plan rollback"},
		{"[[windows]]", "name days from to tz services response"},
		{"[journal]", "path retention min_free reserve"},
		{"[report]", "dir requests failed affected"},
		{"[web]", "socket listen external_url config_file roles metrics"},
	}
}

// keysOf are the keys that allKeys has for a kind of table.
func keysOf(kind string) []string {
	for _, t := range allKeys() {
		if t.kind == kind {
			return strings.Fields(t.keys)
		}
	}
	return nil
}

// meant is the hint after an unknown word: " (did you mean "x"?)", or the words
// there are when they are few.
func meant(word string, candidates []string) string {
	if near := trigger.Nearest(word, candidates); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if len(candidates) == 0 || len(candidates) > 8 {
		return ""
	}
	return " (want " + orList(candidates) + ")"
}

// orList writes "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// hintFor is the hint after an unknown key of a table: the key it resembles, and
// the table where such a key belongs.
func hintFor(key, kind string, here []string) string {
	near := trigger.Nearest(key, here)
	home := homeOf(key, kind)
	switch {
	case near != "" && home != "":
		return fmt.Sprintf(" (did you mean %q? A key of this name belongs to %s)", near, home)
	case near != "":
		return fmt.Sprintf(" (did you mean %q?)", near)
	case home != "":
		return fmt.Sprintf(" (it belongs to %s)", home)
	}
	for _, t := range allKeys() {
		if t.kind == kind {
			continue
		}
		if near := trigger.Nearest(key, strings.Fields(t.keys)); near != "" {
			return fmt.Sprintf(" (did you mean %q of %s?)", near, kindName(t.kind))
		}
	}
	return ""
}

// homeOf names the tables that have exactly this key, at most three.
func homeOf(key, not string) string {
	var homes []string
	for _, t := range allKeys() {
		if t.kind != not && slices.Contains(strings.Fields(t.keys), key) {
			homes = append(homes, kindName(t.kind))
		}
	}
	return orList(homes[:min(len(homes), 3)])
}

func kindName(kind string) string {
	if kind == "" {
		return "the top of the file"
	}
	return kind
}
