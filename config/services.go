package config

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Service is one of [services], everything resolved.
type Service struct {
	Name string
	// Match is the value of the metrics' label for this service.
	Match string
	// Tier is its column of the matrix.
	Tier string
	// Shadow decides, records and tells, and never acts.
	Shadow bool
	Vars   map[string]string
	// DependsOn are the services whose failure explains this one's.
	DependsOn []string
	// Receivers are those told about this service; empty means all.
	Receivers []string
	// Labels go out with what is told and shown of the service.
	Labels map[string]string
	// Triggers in the order of their names.
	Triggers   []Trigger
	Deployment Deployment
	Health     Health
	// PlanName is the shared plan's name; empty for the service's own.
	PlanName string
	// Plan is nil when the service has none.
	Plan *Plan
	// Cooldown is that of [guards], resolved for this service.
	Cooldown time.Duration

	metrics []metricUse
	// group is nil without one.
	group *Group
	at    *path
}

// Metrics are the metrics that the service's triggers and verification read, in
// the order of their names, with ${service} and ${vars.x} filled in.
func (s *Service) Metrics() []Metric {
	out := make([]Metric, 0, len(s.metrics))
	for _, u := range s.metrics {
		out = append(out, u.metric)
	}
	return out
}

// Deployment is `.deployment`: where the running version is seen, and how far
// back a deployment is to blame.
type Deployment struct {
	// Symlink points at the running version. It is absolute, or empty.
	Symlink string
	// VersionQuery is PromQL, with ${service} and ${vars.x} filled in, whose
	// VersionLabel is the version.
	VersionQuery, VersionLabel string
	BlameWindow, OnsetSlack    time.Duration
	Required                   bool
	MaxBack                    int
	// FinishWithin is how long a rollback waits for a deployment that is still
	// rolling out; zero means not at all.
	FinishWithin time.Duration

	// requiredFalse tells that required = false is written.
	requiredFalse bool
	at            *path
}

// HasSource tells whether a version source is configured; events count always.
func (d Deployment) HasSource() bool { return d.Symlink != "" || d.VersionQuery != "" }

// Health is `.health`.
type Health struct {
	Quorum trigger.Quorum
	// TTL overrides what instances say and what is learned; zero does not.
	TTL time.Duration
}

func readServices(root *table) []*Service {
	var out []*Service
	root.names("services", "[services.NAME]", func(name string, t *table) {
		out = append(out, readService(name, t))
	})
	return out
}

func readService(name string, t *table) *Service {
	s := &Service{
		Name:      name,
		Match:     t.str("match", name),
		Tier:      t.str("tier", ""),
		Shadow:    t.choice("mode", "live", "live", "shadow") == "shadow",
		Vars:      readVars(t),
		DependsOn: t.strings("depends_on"),
		Receivers: t.strings("receivers"),
		Labels:    t.serviceLabels("labels"),
		at:        t.path,
	}
	t.names("triggers", "[services.NAME.triggers.NAME]", func(name string, sub *table) {
		s.Triggers = append(s.Triggers, readTrigger(name, sub))
	})
	s.Deployment = readDeployment(t.orEmpty("deployment", "[services.NAME.deployment]"), s)
	s.Health = readHealth(t.orEmpty("health", "[services.NAME.health]"))
	s.PlanName = t.str("plan", "")
	if own := t.sub("rollback", "[plans.NAME]"); own != nil {
		s.Plan = readPlan(name, own)
		if t.has("plan") {
			t.errorf(t.key("plan"), "rollback and plan are both written: keep one")
			s.PlanName = ""
		}
	}
	t.later("use", "probe")
	t.done()
	return s
}

// readVars reads `vars`: strings and numbers, kept as text.
func readVars(t *table) map[string]string {
	sub := t.sub("vars", "")
	if sub == nil {
		return nil
	}
	sub.each(object{"type": []any{"string", "number"}})
	name := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(sub.vals)) {
		if !name.MatchString(k) {
			sub.errorf(sub.key(k), "a variable's name is made of letters, digits, '_' and '-'")
		}
		if _, secret := inlineSecret(k); secret {
			sub.errorf(sub.key(k), "a secret may not stand in the file: variables are printed and put into command lines")
		}
		switch v := sub.vals[k].(type) {
		case string:
			out[k] = v
		case int64:
			out[k] = strconv.FormatInt(v, 10)
		case float64:
			out[k] = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			sub.errorf(sub.key(k), "want a string or a number, not %s", typeName(v))
		}
	}
	return out
}

func readDeployment(t *table, s *Service) Deployment {
	d := Deployment{
		Symlink:      t.absolute("symlink"),
		VersionQuery: t.str("version_query", ""),
		VersionLabel: t.str("version_label", "version"),
		BlameWindow:  t.duration("blame_window", time.Hour),
		OnsetSlack:   t.durationOrZero("onset_slack", 2*time.Minute),
		MaxBack:      t.integer("max_back", 1, 1),
		FinishWithin: t.durationOrZero("finish_within", 2*time.Minute),
		at:           t.path,
	}
	d.Required = t.boolean("required", d.HasSource())
	t.withoutDefault("required")
	d.requiredFalse = t.has("required") && !d.Required
	if t.has("symlink") && t.has("version_query") {
		t.errorf(t.key("version_query"), "symlink and version_query are two sources of the version: keep one")
	}
	if t.has("version_label") && !t.has("version_query") {
		t.errorf(t.key("version_label"), "needs version_query")
	}
	if t.has("version_query") {
		d.VersionQuery = t.versionQuery(s)
	}
	t.later("releases", "http", "field", "exec", "env")
	t.done()
	return d
}

func (t *table) versionQuery(s *Service) string {
	text := t.str("version_query", "")
	filled := fillQuery(text, s.Match, s.Vars)
	if t.unfilled(t.key("version_query"), filled) {
		return filled
	}
	if _, err := parseQuery(filled); err != nil {
		t.errorf(t.key("version_query"), "%v", err)
	}
	return filled
}

// unfilled reports placeholders that are left in a query.
func (w *walk) unfilled(at *path, filled string) bool {
	left := placeholder().FindString(filled)
	if left != "" {
		w.errorf(at, "unknown %s in a query (want ${service} or a ${vars.NAME} that the service has)", left)
	}
	return left != ""
}

// absolute reads a path that must begin with a slash.
func (t *table) absolute(key string) string {
	name := t.text(key, "")
	if t.has(key) && !filepath.IsAbs(name) {
		t.errorf(t.key(key), "want an absolute path, not %q", name)
	}
	return name
}

func readHealth(t *table) Health {
	h := Health{TTL: t.duration("ttl", 0)}
	h.Quorum = trigger.Quorum{MinInstances: t.integer("min_instances", 1, 1)}
	switch text := t.str("instances", "50%"); text {
	case "any":
		h.Quorum.Any = true
	case "all":
		h.Quorum.All = true
	default:
		share, err := parseShare(text)
		if err != nil {
			t.errorf(t.key("instances"), "want \"any\", \"all\" or a share such as \"50%%\", not %q", text)
			share = 0.5
		}
		h.Quorum.Share = share
	}
	t.done()
	return h
}
