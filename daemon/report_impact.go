package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
	"github.com/rollbackd/rollbackd/source"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/wiring"
)

const (
	// impactWithin bounds the asking for one incident, longestBreach the time that
	// is looked at: a breach that went on for weeks would be a load on Prometheus.
	impactWithin  = time.Minute
	longestBreach = 7 * 24 * time.Hour
	// leastKnown is the share of the samples that must be known for a sum of them to
	// say anything.
	leastKnown = 0.5
)

// errAgain says that Prometheus did not answer and may, later.
var errAgain = errors.New("no answer from Prometheus")

// impactOf measures what a closed incident did to those who use its service. With
// errAgain it is worth asking once more; what is known by then is in the impact.
func (h *house) impactOf(ctx context.Context, c *config.Config, inc *incident.Incident) (incident.Impact, error) {
	from, to, seen := report.Breach(inc)
	i := &impact{Impact: incident.Impact{From: from.UTC(), To: to.UTC()}}
	if !seen {
		i.say("no trigger fired, so there was no breach to measure")
		return i.done()
	}
	if length, known, problem := report.Downtime(inc, from, to); known {
		i.DowntimeSeconds = new(length.Seconds())
		i.about("downtime", problem)
	} else {
		i.about("downtime", problem)
	}
	s, known := c.Services[inc.Service]
	if !known || !c.Prometheus.Configured() {
		i.say("requests and users: " + map[bool]string{false: "the service is not configured any more", true: "there is no Prometheus to ask"}[known])
		return i.done()
	}
	ctx, cancel := h.o.Clock.WithTimeout(ctx, impactWithin)
	defer cancel()
	asked := asking{h: h, c: c, service: s, from: from, to: to}
	if err := asked.queries(ctx, i); err != nil {
		i.say(err.Error())
		return i.done()
	}
	if c.Reports.Requests == "" || c.Reports.Failed == "" {
		asked.sums(ctx, i, inc)
	}
	return i.done()
}

// impact is an impact while it is measured.
type impact struct {
	incident.Impact

	problems []string
	again    bool
}

func (i *impact) say(problem string) { i.problems = append(i.problems, problem) }

// about says of one number what is wrong with it; nothing where nothing is.
func (i *impact) about(what, problem string) {
	if problem != "" {
		i.say(what + ": " + problem)
	}
}

func (i *impact) done() (incident.Impact, error) {
	i.Problem = strings.Join(i.problems, "; ")
	if i.again {
		return i.Impact, errAgain
	}
	return i.Impact, nil
}

// asking is what Prometheus is asked about: one service over one breach.
type asking struct {
	h        *house
	c        *config.Config
	service  *config.Service
	from, to time.Time
}

// source is a way to Prometheus of our own, with the configuration's limits: what
// is asked here waits behind no poll, and no poll behind it.
func (a asking) source(metrics []prom.Metric) (*prom.Source, error) {
	o := wiring.Prometheus(a.c)
	o.Metrics, o.HoldWhen, o.Sink, o.Clock = metrics, "", nowhere{}, a.h.o.Clock
	o.Services = slices.DeleteFunc(o.Services, func(s prom.Service) bool { return s.Name != a.service.Name })
	return prom.New(o)
}

// queries asks what [report] says, at the breach's end.
func (a asking) queries(ctx context.Context, i *impact) error {
	length := max(a.to.Sub(a.from), a.c.Prometheus.PollInterval).Round(time.Second)
	var metrics []prom.Metric
	for name, query := range map[string]string{"requests": a.c.Reports.Requests, "failed": a.c.Reports.Failed, "affected": a.c.Reports.Affected} {
		if query != "" {
			metrics = append(metrics, prom.Metric{Name: name, Query: strings.ReplaceAll(query, "${range}", model.Duration(length).String())})
		}
	}
	if a.c.Reports.Affected == "" {
		i.say("affected users: no query is configured")
	}
	if len(metrics) == 0 {
		return nil
	}
	p, err := a.source(metrics)
	if err != nil {
		return fmt.Errorf("[report] cannot be asked: %w", err)
	}
	names := make([]string, len(metrics))
	for n, m := range metrics {
		names[n] = m.Name
	}
	answers := p.Read(ctx, a.to, names, a.service.Name)
	i.Requests = i.take("requests", answers, a.service.Name)
	i.FailedRequests = i.take("failed", answers, a.service.Name)
	i.AffectedUsers = i.take("affected", answers, a.service.Name)
	return nil
}

// take is one number of the answers; nil where it is not known.
func (i *impact) take(name string, answers map[string]trigger.Answer, service string) *float64 {
	a, asked := answers[name]
	if !asked {
		return nil
	}
	r := a.Reading(service)
	switch {
	case r.Presence == trigger.Known && r.Value >= 0:
		return &r.Value
	case r.Presence == trigger.Known:
		i.about(name, "the answer is below zero")
	case r.Presence == trigger.Missing:
		i.about(name, "Prometheus has no series for the service")
	default:
		i.about(name, "no usable answer ("+r.Reason+")")
		i.again = i.again || prom.MayPass(r.Reason)
	}
	return nil
}

// sums adds requests up from a bad + total metric of the service's triggers: rate
// times the distance between two samples.
func (a asking) sums(ctx context.Context, i *impact, inc *incident.Incident) {
	name, found := a.ratio(inc)
	if !found {
		i.say("requests: no query is configured, and no trigger is on a bad + total metric")
		return
	}
	if earliest := a.to.Add(-longestBreach); a.from.Before(earliest) {
		a.from = earliest
		i.say("requests: of the last 7 days only")
	}
	m := a.c.Metrics[name]
	p, err := a.source([]prom.Metric{{Name: name, Bad: m.Bad, Total: m.Total, By: m.By, Unit: m.Unit, Fresh: m.Fresh}})
	if err != nil {
		i.about("requests", err.Error())
		return
	}
	s := a.sum(ctx, p, name)
	if s.known == 0 || float64(s.known) < leastKnown*float64(s.ticks) {
		i.about("requests", fmt.Sprintf("only %d of %d samples of %s were known%s", s.known, s.ticks, name, reasonText(s.reason)))
		i.again = i.again || prom.MayPass(s.reason)
		return
	}
	if a.c.Reports.Requests == "" {
		i.Requests = new(math.Round(s.requests))
	}
	if a.c.Reports.Failed == "" {
		i.FailedRequests = new(math.Round(s.failed))
	}
	if s.known < s.ticks {
		i.about("requests", fmt.Sprintf("%d of %d samples of %s were not known and are not counted", s.ticks-s.known, s.ticks, name))
	}
}

func reasonText(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// ratio is the bad + total metric that requests are counted by: one of a trigger of
// the incident, or else of any trigger of the service.
func (a asking) ratio(inc *incident.Incident) (name string, found bool) {
	fired := map[string]bool{}
	for _, ev := range inc.Triggers {
		fired[ev.Name] = true
	}
	names := map[bool]map[string]bool{true: {}, false: {}}
	for _, t := range a.service.Triggers {
		for _, metric := range t.Spec.Expr.Metrics() {
			if a.c.Metrics[metric].Bad != "" {
				names[fired[t.Spec.Name]][metric] = true
			}
		}
	}
	for _, some := range []map[string]bool{names[true], names[false]} {
		for _, metric := range slices.Sorted(maps.Keys(some)) {
			return metric, true
		}
	}
	return "", false
}

// summed is what was added up over a breach.
type summed struct {
	requests, failed float64
	ticks, known     int
	reason           string
}

func (a asking) sum(ctx context.Context, p *prom.Source, metric string) (s summed) {
	step := a.c.Prometheus.PollInterval
	unit := a.c.Metrics[metric].Unit
	for from := source.Ceil(a.from, step); from.Before(a.to); {
		ticks := min(p.PageTicks(), 1+int(a.to.Add(-1).Sub(from)/step))
		page, reason := p.History(ctx, metric, from, ticks)
		if s.reason == "" {
			s.reason = reason
		}
		column := slices.Index(page.Services, a.service.Name)
		for tick := range ticks {
			s.ticks++
			if column < 0 {
				continue
			}
			r := page.Reading(tick, column)
			if r.Presence != trigger.Known || !r.HasTotal {
				continue
			}
			s.known++
			share := r.Value
			if unit == trigger.Percent {
				share /= 100
			}
			s.requests += r.Total * step.Seconds()
			s.failed += share * r.Total * step.Seconds()
		}
		from = from.Add(time.Duration(ticks) * step)
	}
	return s
}
