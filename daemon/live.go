package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/wiring"
)

// Live is what the sources of a configuration answer at one instant.
type Live struct {
	Sources []SourceAnswer
	// Versions are what runs, in the order of services.
	Versions []VersionAnswer
	// Triggers are in the order of services and triggers.
	Triggers []TriggerAnswer
}

// SourceAnswer is whether a source answers; Err is why not.
type SourceAnswer struct {
	Name, Address string
	Err           error
}

// TriggerAnswer is what a trigger's condition says now, its hold aside.
type TriggerAnswer struct {
	Service, Trigger, When string
	// Truth is ok, breach or unknown.
	Truth    string
	Value    float64
	HasValue bool
	// ValueText is the value in the unit of its threshold; empty without one.
	ValueText string
	Reason    string
}

// AskSources asks every source of a configuration once. It changes nothing and
// leaves nothing running. Its error is a configuration that no source can be
// made from.
func AskSources(ctx context.Context, c *config.Config, clk clock.Clock) (Live, error) {
	var found Live
	v := liveView{now: clk.Now()}
	var asker *prom.Source
	if c.Prometheus.Configured() {
		p, err := onePolling(c, clk)
		if err != nil {
			return Live{}, err
		}
		asker, v.answers = p, askProm(ctx, p, c, clk, v.now)
		found.Sources = append(found.Sources, SourceAnswer{
			Name: "prometheus", Address: shown(c.Prometheus.URLs), Err: verdict(v.answers),
		})
	}
	if c.NATS.Configured() {
		found.Sources = append(found.Sources, SourceAnswer{Name: "nats", Address: shown(strings.Split(c.NATS.URL, ",")), Err: tryBus(c)})
	}
	versions, err := askVersions(ctx, asker, c, clk)
	if err != nil {
		return Live{}, err
	}
	found.Versions = versions
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		found.Triggers = append(found.Triggers, v.triggers(c.Services[name])...)
	}
	return found, nil
}

// shown are addresses as anybody may read them.
func shown(urls []string) string {
	var all []string
	for _, u := range urls {
		all = append(all, config.ShownURL(strings.TrimSpace(u)))
	}
	return strings.Join(all, ", ")
}

// onePolling is the Prometheus of a configuration, to be asked and not to be polled.
func onePolling(c *config.Config, clk clock.Clock) (*prom.Source, error) {
	o := wiring.Prometheus(c)
	o.Sink, o.Clock = nowhere{}, clk
	return prom.New(o)
}

// askProm reads every metric once for each service that a trigger needs it for.
func askProm(ctx context.Context, p *prom.Source, c *config.Config, clk clock.Clock, now time.Time) map[asked]trigger.Reading {
	bounded, cancel := clk.WithTimeout(ctx, c.Prometheus.PollInterval)
	defer cancel()
	answers := map[asked]trigger.Reading{}
	for _, s := range c.Services {
		for _, t := range s.Triggers {
			for metric, a := range p.Read(bounded, now, t.Spec.Expr.Metrics(), s.Name) {
				r := a.Reading(s.Name)
				if r.Presence != trigger.Known {
					r.Reason = p.Why(metric, s.Name, r.Reason)
				}
				answers[asked{metric: metric, service: s.Name}] = r
			}
		}
	}
	return answers
}

// asked is a question to Prometheus.
type asked struct{ metric, service string }

// verdict is why a Prometheus is of no use; nil as soon as it answered anything.
func verdict(answers map[asked]trigger.Reading) error {
	reason := ""
	for _, r := range answers {
		if r.Presence != trigger.Unknown {
			return nil
		}
		reason = max(reason, r.Reason) // the same one each time, whichever comes first
	}
	if reason == "" {
		return nil // nothing was asked of it
	}
	return fmt.Errorf("no usable answer: %s", reason)
}

// nowhere takes inputs that nobody decides on.
type nowhere struct{}

// Submit drops an input.
func (nowhere) Submit(incident.Input) {}

// liveView is what triggers look at when they are asked once: metrics only,
// because health is told and cannot be asked for.
type liveView struct {
	now     time.Time
	service string
	answers map[asked]trigger.Reading
}

func (v liveView) triggers(s *config.Service) []TriggerAnswer {
	v.service = s.Name
	var found []TriggerAnswer
	for _, t := range s.Triggers {
		e := trigger.Evaluate(t.Spec, s.Health.Quorum, v)
		a := TriggerAnswer{
			Service: s.Name, Trigger: t.Spec.Name, When: t.Spec.Expr.Text,
			Truth: e.Truth.String(), Value: e.Value, HasValue: e.HasValue, Reason: e.Reason,
		}
		if a.HasValue {
			a.ValueText = incident.ValueText(t.Spec, a.Value)
		}
		found = append(found, a)
	}
	return found
}

// Reading is a metric's reading for the service at hand.
func (v liveView) Reading(metric string) trigger.Reading {
	r, ok := v.answers[asked{metric: metric, service: v.service}]
	if !ok {
		return trigger.UnknownBecause("no Prometheus is configured")
	}
	return r
}

// Existed is false: asking once says nothing about before.
func (liveView) Existed(string) bool { return false }

// Health is nil: nobody has told anything yet.
func (liveView) Health() *trigger.Health { return nil }

// Signal is none: what was said to the daemon, nobody has said here.
func (liveView) Signal(string) (trigger.Signal, bool) { return trigger.Signal{}, false }

// Now is the instant of the question.
func (v liveView) Now() time.Time { return v.now }
