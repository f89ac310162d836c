package prom_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// strange is a source whose metrics have gaps, values that mean nothing, and
// queries that fail.
func strange(t *testing.T) *prom.Source {
	t.Helper()
	fresh := func(t time.Time) (string, bool) {
		return trimFloat(t.Add(-time.Duration(t.Unix()%90) * time.Second)), true
	}
	hold := func(t time.Time) (string, bool) { return "1", t.Unix()%60 == 0 }
	h := history{
		"q": {"checkout": random(1), "cart": random(2), "other": random(3)}, "f": {"checkout": fresh, "cart": fresh},
		"bad": {"checkout": random(4)}, "all": {"checkout": random(5), "cart": random(6)}, "each cart": {"cart": random(7)}, "hold": {"": hold},
	}
	opt := options(h.server(),
		prom.Metric{Name: "plain", Query: "q", Fresh: "f", Unit: trigger.Ratio}, prom.Metric{Name: "ratio", Bad: "bad", Total: "all"},
		prom.Metric{Name: "each", Query: "each ${service}"}, prom.Metric{Name: "wrong", Query: "unknown"})
	opt.HoldWhen = "hold"
	return open(t, opt)
}

// What is read back must be what would have been read live at each tick, however it
// is kept and however it was cut into pieces.
func TestHistoryIsWhatWasLive(t *testing.T) {
	s := strange(t)
	names := []string{"plain", "ratio", "each", "wrong", incident.HoldWhenMetric}
	failed := map[string]string{"each": "bad_data", "wrong": "bad_data"}
	for _, name := range names {
		whole, reason := s.History(t.Context(), name, epoch(), 80)
		if reason != failed[name] {
			t.Errorf("%s: failed for %q, want %q", name, reason, failed[name])
		}
		first, _ := s.History(t.Context(), name, epoch(), 33)
		second, _ := s.History(t.Context(), name, first.At(33), 47)
		for _, h := range []*prom.History{whole, prom.Join(first, second)} {
			for tick := range 80 {
				live := s.Read(t.Context(), h.At(tick), []string{name}, "")[name]
				for i, service := range h.Services {
					if diff := cmp.Diff(live.Reading(service), h.Reading(tick, i)); diff != "" {
						t.Fatalf("%s of %q at %v (-live +history):\n%s", name, service, h.At(tick), diff)
					}
				}
				if got, _ := h.Failed(tick); got != live.Err {
					t.Errorf("%s at %v failed for %q, live for %q", name, h.At(tick), got, live.Err)
				}
			}
		}
	}
}

func TestHistoryOfOneTick(t *testing.T) {
	h, reason := strange(t).History(t.Context(), "plain", epoch(), 1)
	if h.Ticks != 1 || reason != "" {
		t.Errorf("%d ticks, %q, want one tick by an instant query", h.Ticks, reason)
	}
}

// A tick that nobody filled in is no answer.
func TestAHistoryBeginsUnknown(t *testing.T) {
	h := prom.NewHistory(epoch(), time.Minute, 2, []string{"checkout"})
	if r := h.Reading(1, 0); r.Presence != trigger.Unknown {
		t.Errorf("reading %+v, want unknown", r)
	}
}

func TestDescribe(t *testing.T) {
	text := func(change func(*prom.Options)) string {
		opt := options(always(200, vector()), prom.Metric{Name: "m", Bad: "a", Total: "b"})
		change(&opt)
		described, queries := open(t, opt).Describe("m")
		if queries != 2 {
			t.Errorf("%d queries, want 2", queries)
		}
		return described
	}
	base := text(func(*prom.Options) {})
	for name, change := range map[string]func(*prom.Options){
		"url":      func(o *prom.Options) { o.URLs = []string{"http://b:9090"} },
		"grid":     func(o *prom.Options) { o.Poll = time.Minute },
		"swapped":  func(o *prom.Options) { o.Metrics[0].Bad, o.Metrics[0].Total = "b", "a" },
		"label":    func(o *prom.Options) { o.Metrics[0].By = "job" },
		"unit":     func(o *prom.Options) { o.Metrics[0].Unit = trigger.Percent },
		"partial":  func(o *prom.Options) { o.AcceptPartial = true },
		"services": func(o *prom.Options) { o.Services = o.Services[:1] },
		"match":    func(o *prom.Options) { o.Services[0].Match = "co" },
		"tenant":   func(o *prom.Options) { o.HTTP = tenant("a") },
	} {
		if text(change) == base {
			t.Errorf("another %s is described alike", name)
		}
	}
	if diff := cmp.Diff(base, text(func(o *prom.Options) { o.Timeout, o.Jitter = time.Second, time.Second })); diff != "" {
		t.Errorf("another timeout is described differently:\n%s", diff)
	}
}

// tenant are HTTP options that ask as a tenant.
func tenant(name string) *config.HTTPClientConfig {
	c := config.DefaultHTTPClientConfig
	c.HTTPHeaders = &config.Headers{Headers: map[string]config.Header{"X-Scope-OrgID": {Values: []string{name}}}}
	return &c
}

// Who asks decides what is answered, as far as names tell; what a secret holds is
// nobody's to keep.
func TestWhom(t *testing.T) {
	whom := func(http *config.HTTPClientConfig) string {
		opt := options(always(200, vector()), prom.Metric{Name: "m", Query: "q"})
		opt.HTTP = http
		return open(t, opt).Whom()
	}
	user := func(name, file, password string) *config.HTTPClientConfig {
		c := config.DefaultHTTPClientConfig
		c.BasicAuth = &config.BasicAuth{Username: name, PasswordFile: file, Password: config.Secret(password)}
		return &c
	}
	seen := map[string]int{}
	for i, http := range []*config.HTTPClientConfig{
		nil, tenant("a"), tenant("b"), user("ann", "/p", ""), user("bob", "/p", ""), user("ann", "/q", ""), user("ann", "", "one"),
	} {
		if other, twice := seen[whom(http)]; twice {
			t.Errorf("options %d and %d ask alike", other, i)
		}
		seen[whom(http)] = i
	}
	if whom(nil) != whom(&config.DefaultHTTPClientConfig) {
		t.Error("no options are not the default ones")
	}
	if whom(user("ann", "", "one")) != whom(user("ann", "", "two")) {
		t.Error("what a secret holds is in the text")
	}
}

func TestCensusHistory(t *testing.T) {
	v1 := func(t time.Time) (string, bool) { return "2", t.Before(epoch().Add(time.Minute)) }
	v2 := func(t time.Time) (string, bool) { return "3", !t.Before(epoch().Add(45 * time.Second)) }
	h := history{"q": {"v1": v1, "v2": v2}}
	s := open(t, options(h.server(), prom.Metric{Name: "m", Query: "q"}))
	var got []string
	for _, c := range s.CensusHistory(t.Context(), "q", "service", epoch(), 8) {
		got = append(got, fmt.Sprintf("%d %v", c.Tick, c.Census))
	}
	if diff := cmp.Diff([]string{"0 [{v1 2}]", "3 [{v2 3} {v1 2}]", "4 [{v2 3}]"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	failed := s.CensusHistory(t.Context(), "unknown", "service", epoch(), 8)
	if len(failed) != 1 || failed[0].Reason != "bad_data" {
		t.Errorf("changes %+v, want one that says why", failed)
	}
}
