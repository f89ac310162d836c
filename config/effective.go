package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/rollbackd/rollbackd/trigger"
)

// tree is a table on its way to being printed. Empty values are left out, so
// that the text can be read in again.
type tree map[string]any

func (t tree) set(key string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case map[string]string:
		if len(v) == 0 {
			return
		}
	case map[string]any:
		if len(v) == 0 {
			return
		}
	case tree:
		if len(v) == 0 {
			return
		}
	case []tree:
		if len(v) == 0 {
			return
		}
	}
	t[key] = v
}

func (t tree) secret(name string, s SecretRef) {
	t.set(name+"_file", s.File)
	t.set(name+"_env", s.Env)
}

// Hash identifies what the configuration means: the first 12 digits of the
// SHA-256 of its effective form. Comments, the order of keys and defaults
// written out do not change it.
func (c *Config) Hash() string {
	// The encoder writes the keys of a table in order, so equal trees give
	// equal bytes. A tree of strings, numbers and tables always encodes.
	text, err := encode(c.tree(printing{address: func(u string) any { return u }}))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:12]
}

// Effective is the configuration as TOML, defaults filled in and secrets masked:
// all of it, or what concerns one service. An unknown service is an error.
func (c *Config) Effective(service string) ([]byte, error) {
	if service != "" && c.Services[service] == nil {
		names := slices.Sorted(maps.Keys(c.Services))
		return nil, fmt.Errorf("unknown service %q%s", service, meant(service, names))
	}
	text, err := encode(c.tree(printing{service: service, address: func(u string) any { return maskURL(u) }}))
	if err != nil {
		return nil, fmt.Errorf("writing the effective configuration: %w", err)
	}
	return append(c.resolvedComment(service), text...), nil
}

// resolvedComment tells the values that each service works out for itself and
// that have no key of their own.
func (c *Config) resolvedComment(service string) []byte {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		s := c.Services[name]
		if service != "" && service != name {
			continue
		}
		fmt.Fprintf(&b, "# %s: hash %s, cooldown %s, longest range %s", name, c.Hash(), durationText(s.Cooldown), durationText(c.LongestRange(name)))
		if s.Plan != nil {
			fmt.Fprintf(&b, ", settle %s", durationText(s.Plan.Verify.Settle))
		}
		b.WriteString("\n")
	}
	return append([]byte(b.String()), '\n')
}

func encode(t tree) ([]byte, error) {
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(map[string]any(t)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// printing says what is printed and how.
type printing struct {
	// service is the only one printed; empty prints all.
	service string
	// address prints a URL, which may be a secret as a whole.
	address func(string) any
}

func (c *Config) tree(how printing) tree {
	t := tree{}
	t.set("prometheus", c.Prometheus.tree(how))
	t.set("nats", c.NATS.tree(how))
	t.set("decide", c.Decide.tree())
	t.set("guards", c.Guards.tree())
	t.set("matrix", c.matrixTree())
	t.set("journal", c.Journal.tree())
	t.set("report", c.Reports.tree())
	t.set("web", c.Web.tree())
	metrics, receivers, plans, services := tree{}, tree{}, tree{}, tree{}
	for name, m := range c.Metrics {
		if c.concerns(how.service, func(s *Service) bool { return s.reads(name) }) {
			metrics[name] = m.tree()
		}
	}
	for name, r := range c.Receivers {
		if c.concerns(how.service, func(s *Service) bool { return s.tells(name) }) {
			receivers[name] = r.tree(how)
		}
	}
	for name, plan := range c.Plans {
		if c.concerns(how.service, func(s *Service) bool { return s.names(name) }) {
			plans[name] = plan.tree(how)
		}
	}
	for name, s := range c.Services {
		if how.service == "" || how.service == name {
			services[name] = s.tree(how)
		}
	}
	groups, windows := c.timesTree(how)
	t.set("groups", groups)
	t.set("windows", windows)
	t.set("metrics", metrics)
	t.set("receivers", receivers)
	t.set("plans", plans)
	t.set("services", services)
	return t
}

// concerns tells whether a thing is printed: always where all services are.
func (c *Config) concerns(service string, does func(*Service) bool) bool {
	return service == "" || does(c.Services[service])
}

// timesTree are the groups that a service is in and the windows that are for it,
// or all.
func (c *Config) timesTree(how printing) (groups tree, windows []tree) {
	groups = tree{}
	for name, g := range c.Groups {
		if how.service == "" || g.has(how.service) {
			groups[name] = g.tree(how)
		}
	}
	for _, w := range c.Windows {
		if how.service == "" || len(w.Services) == 0 || slices.Contains(w.Services, how.service) {
			windows = append(windows, w.tree())
		}
	}
	return groups, windows
}

// names tells whether the service, a trigger of it or its group names a plan.
func (s *Service) names(plan string) bool {
	return s.PlanName == plan || s.group != nil && s.group.PlanName == plan ||
		slices.ContainsFunc(s.Triggers, func(t Trigger) bool { return t.PlanName == plan })
}

func (s *Service) reads(metric string) bool {
	return slices.ContainsFunc(s.metrics, func(u metricUse) bool { return u.metric.Name == metric })
}

// tells tells whether a receiver hears of the service: the named ones, or all.
func (s *Service) tells(receiver string) bool {
	named := slices.Clone(s.Receivers)
	for _, t := range s.Triggers {
		if len(t.Spec.Receivers) == 0 {
			return true
		}
		named = append(named, t.Spec.Receivers...)
	}
	return len(named) == 0 || slices.Contains(named, receiver)
}

func (p Prometheus) tree(how printing) tree {
	partial := "unknown"
	if p.AcceptPartial {
		partial = "accept"
	}
	t := tree{
		"poll_interval": durationText(p.PollInterval), "timeout": durationText(p.Timeout),
		"max_gap": durationText(p.MaxGap), "partial": partial,
		"max_body": sizeText(p.MaxBody), "max_series": p.MaxSeries,
	}
	if !p.Configured() {
		// Without an address the table would be an error; its durations are
		// the defaults.
		return nil
	}
	urls := make([]any, 0, len(p.URLs))
	for _, u := range p.URLs {
		urls = append(urls, how.address(u))
	}
	t["urls"] = urls
	t.set("http", p.http)
	return t
}

func (n NATS) tree(how printing) tree {
	if !n.Configured() {
		return nil
	}
	t := tree{"url": how.address(n.URL), "prefix": n.Prefix, "require_corroboration": n.RequireCorroboration}
	t.set("creds_file", n.CredsFile.File)
	t.set("nkey_file", n.NKeyFile.File)
	t.set("user", n.User)
	t.secret("password", n.Password)
	t.secret("token", n.Token)
	if n.TLS.Enabled {
		tls := tree{"insecure_skip_verify": n.TLS.InsecureSkipVerify}
		tls.set("ca_file", n.TLS.CAFile)
		tls.set("cert_file", n.TLS.CertFile)
		tls.set("key_file", n.TLS.KeyFile)
		tls.set("server_name", n.TLS.ServerName)
		t["tls"] = tls
	}
	var maps []tree
	for _, m := range n.Map {
		one := tree{"subject": m.Subject, "kind": m.Kind}
		one.set("tokens", m.Tokens)
		maps = append(maps, one)
	}
	t.set("map", maps)
	return t
}

func (m Metric) tree() tree {
	t := tree{"by": m.By}
	t.set("query", m.Query)
	t.set("bad", m.Bad)
	t.set("total", m.Total)
	t.set("unit", string(m.Unit))
	t.set("fresh", m.Fresh)
	return t
}

func (r Receiver) tree(how printing) tree {
	t := tree{}
	var severities []string
	for _, s := range r.Severities {
		severities = append(severities, s.String())
	}
	t.set("severities", severities)
	t.set("events", r.Events)
	t["escalation"] = r.Escalation
	t["rate_limit"] = r.Limit.String()
	t.set("text", r.Text)
	maps.Copy(t, r.channelTrees(how))
	return t
}

func (j Journal) tree() tree {
	t := tree{"path": j.Path, "min_free": sizeText(j.MinFree), "reserve": sizeText(j.Reserve)}
	// Printed, the default would be warned of as if somebody had written it.
	if j.Retention != defaultRetention {
		t["retention"] = durationText(j.Retention)
	}
	return t
}

func (g Guards) tree() tree {
	t := tree{
		"per_service":    budget{count: g.PerServiceCount, within: g.PerServiceWithin}.String(),
		"max_concurrent": g.MaxConcurrent, "max_per_hour": g.MaxPerHour, "never_ok": g.NeverOK,
		"correlated": tree{
			"services": g.Correlated.Services, "share": shareText(g.Correlated.Share), "within": durationText(g.Correlated.Within),
		},
	}
	t.set("hold_when", g.HoldWhen)
	if g.Cooldown > 0 {
		t["cooldown"] = durationText(g.Cooldown)
	}
	if g.RehearsedWithin > 0 {
		t["rehearsed_within"] = durationText(g.RehearsedWithin)
	}
	return t
}

func (c *Config) matrixTree() tree {
	t := tree{"tiers": c.Tiers}
	for _, s := range trigger.Severities() {
		var row []string
		for _, tier := range c.Tiers {
			row = append(row, c.Matrix.Respond(tier, s).String())
		}
		t[s.String()] = row
	}
	return t
}
