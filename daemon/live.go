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
	Reason   string
}

// AskSources asks every source of a configuration once. It changes nothing and
// leaves nothing running. Its error is a configuration that no source can be
// made from.
func AskSources(ctx context.Context, c *config.Config, clk clock.Clock) (Live, error) {
	var found Live
	v := liveView{now: clk.Now()}
	if c.Prometheus.Configured() {
		answers, err := askProm(ctx, c, clk, v.now)
		if err != nil {
			return Live{}, err
		}
		v.answers = answers
		found.Sources = append(found.Sources, SourceAnswer{
			Name: "prometheus", Address: strings.Join(c.Prometheus.URLs, ", "), Err: verdict(answers),
		})
	}
	if c.NATS.Configured() {
		found.Sources = append(found.Sources, SourceAnswer{Name: "nats", Address: c.NATS.URL, Err: tryBus(c)})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		found.Triggers = append(found.Triggers, v.triggers(c.Services[name])...)
	}
	return found, nil
}

// askProm reads every metric once for each service that a trigger needs it for.
func askProm(ctx context.Context, c *config.Config, clk clock.Clock, now time.Time) (map[asked]trigger.Answer, error) {
	o := wiring.Prometheus(c)
	o.Sink, o.Clock = nowhere{}, clk
	p, err := prom.New(o)
	if err != nil {
		return nil, err
	}
	bounded, cancel := clk.WithTimeout(ctx, c.Prometheus.PollInterval)
	defer cancel()
	answers := map[asked]trigger.Answer{}
	for _, s := range c.Services {
		for _, t := range s.Triggers {
			for metric, a := range p.Read(bounded, now, t.Spec.Expr.Metrics(), s.Name) {
				answers[asked{metric: metric, service: s.Name}] = a
			}
		}
	}
	return answers, nil
}

// asked is a question to Prometheus.
type asked struct{ metric, service string }

// verdict is why a Prometheus is of no use; nil as soon as it answered anything.
func verdict(answers map[asked]trigger.Answer) error {
	reason := ""
	for q, a := range answers {
		r := a.Reading(q.service)
		if r.Presence != trigger.Unknown {
			return nil
		}
		reason = r.Reason
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
	answers map[asked]trigger.Answer
}

func (v liveView) triggers(s *config.Service) []TriggerAnswer {
	v.service = s.Name
	var found []TriggerAnswer
	for _, t := range s.Triggers {
		e := trigger.Evaluate(t.Spec, s.Health.Quorum, v)
		found = append(found, TriggerAnswer{
			Service: s.Name, Trigger: t.Spec.Name, When: t.Spec.Expr.Text,
			Truth: e.Truth.String(), Value: e.Value, HasValue: e.HasValue, Reason: e.Reason,
		})
	}
	return found
}

// Reading is a metric's reading for the service at hand.
func (v liveView) Reading(metric string) trigger.Reading {
	a, ok := v.answers[asked{metric: metric, service: v.service}]
	if !ok {
		return trigger.UnknownBecause("no_prometheus")
	}
	return a.Reading(v.service)
}

// Existed is false: asking once says nothing about before.
func (liveView) Existed(string) bool { return false }

// Health is nil: nobody has told anything yet.
func (liveView) Health() *trigger.Health { return nil }

// Signal is none: what was said to the daemon, nobody has said here.
func (liveView) Signal(string) (trigger.Signal, bool) { return trigger.Signal{}, false }

// Now is the instant of the question.
func (v liveView) Now() time.Time { return v.now }
