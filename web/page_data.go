package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web/page"
)

// historyRows is how many incidents the history shows on a page.
const historyRows = 40

func (s *Server) drawServices(ctx context.Context, r pageRequest) (page.Fragment, error) {
	in := page.Services{Find: r.query.Get("find"), Viewer: r.viewer}
	if from := r.query.Get("from"); from != "" {
		n, err := strconv.Atoi(from)
		if err != nil || n < 0 {
			return page.Fragment{}, badPageError{fmt.Errorf("from: %q is not a number", from)}
		}
		in.From = n
	}
	var blind []incident.Blindness
	err := s.o.View(ctx, func(m Memory, now time.Time) {
		in.Now, in.Services, blind = now, m.Services(now), m.Blind()
		for _, i := range m.Incidents() {
			if i.State != incident.Closed {
				in.Incidents = append(in.Incidents, i.Public())
			}
		}
	})
	if err != nil {
		return page.Fragment{}, err
	}
	in.Daemon = s.daemonNow(ctx, blind)
	return s.pages.draw.Services(in)
}

func (s *Server) drawService(ctx context.Context, r pageRequest) (page.Fragment, error) {
	in := page.Service{Viewer: r.viewer}
	var blind []incident.Blindness
	var found bool
	err := s.o.View(ctx, func(m Memory, now time.Time) {
		if in.Why, found = m.Why(r.name, now); !found {
			return
		}
		if in.Why.Incident != nil {
			in.Why.Incident = in.Why.Incident.Public()
		}
		in.Now, in.Versions, in.Series, blind = now, m.Versions(r.name, now), m.Recent(r.name), m.Blind()
	})
	switch {
	case err != nil:
		return page.Fragment{}, err
	case !found:
		return page.Fragment{}, &noSuchPageError{"No service is called " + r.name + "."}
	}
	in.Daemon = s.daemonNow(ctx, blind)
	return s.pages.draw.Service(in)
}

func (s *Server) drawIncident(ctx context.Context, r pageRequest) (page.Fragment, error) {
	in := page.Incident{Viewer: r.viewer}
	var blind []incident.Blindness
	err := s.o.View(ctx, func(m Memory, now time.Time) {
		in.Now, blind = now, m.Blind()
		if i, ok := m.Incident(r.name); ok {
			in.Incident = i.Public()
		}
	})
	if err == nil && in.Incident == nil && s.o.History != nil {
		var old *incident.Incident
		var ok bool
		if old, ok, err = s.o.History.Incident(ctx, r.name); err == nil && ok {
			in.Incident = old.Public()
		}
	}
	switch {
	case err != nil:
		return page.Fragment{}, err
	case in.Incident == nil:
		return page.Fragment{}, &noSuchPageError{"There is no incident " + r.name + ", and no service of that name with an open one."}
	}
	if in.Incident.ID != r.name {
		return page.Fragment{}, &movedError{"/incidents/" + url.PathEscape(in.Incident.ID)}
	}
	in.Daemon = s.daemonNow(ctx, blind)
	return s.pages.draw.Incident(in)
}

func (s *Server) drawHistory(ctx context.Context, r pageRequest) (page.Fragment, error) {
	in := page.History{Days: 30, Service: r.query.Get("service"), Paged: r.query.Get("before") != "", Viewer: r.viewer, Now: s.o.Clock.Now()}
	if days := r.query.Get("days"); days != "" {
		n, err := strconv.Atoi(days)
		if err != nil || !slices.Contains(page.Periods(), n) {
			return page.Fragment{}, badPageError{fmt.Errorf("days: %q is none of %v", days, page.Periods())}
		}
		in.Days = n
	}
	since := in.Now.AddDate(0, 0, -in.Days)
	if err := s.o.Ready(); err != nil {
		return page.Fragment{}, err
	}
	in.Daemon = s.daemonNow(ctx, nil)
	if s.o.History == nil {
		in.Missing = "There is no journal, so only the present is known."
		return s.pages.draw.History(in)
	}
	stats, err := s.o.History.Stats(ctx, StatsFilter{Service: in.Service, Since: since})
	if err != nil {
		return page.Fragment{}, err
	}
	addStats(&in, stats)
	in.Incidents, err = s.o.History.Summaries(ctx, SummaryFilter{
		Service: in.Service, Since: since, Before: r.query.Get("before"), Limit: historyRows + 1,
	})
	if err != nil {
		return page.Fragment{}, err
	}
	if in.More = len(in.Incidents) > historyRows; in.More {
		in.Incidents = in.Incidents[:historyRows]
	}
	return s.pages.draw.History(in)
}

// addStats puts what incidents add up to into a page.
func addStats(in *page.History, stats Stats) {
	in.All = figuresOf(stats.All)
	for _, one := range stats.Services {
		in.Services = append(in.Services, page.NamedFigures{Name: one.Service, Figures: figuresOf(one.Figures)})
	}
	counts := func(from []Count) (to []page.Count) {
		for _, c := range from {
			to = append(to, page.Count(c))
		}
		return to
	}
	in.Triggers, in.Holds, in.Outcomes = counts(stats.Triggers), counts(stats.Holds), counts(stats.Outcomes)
}

func figuresOf(f Figures) page.Figures {
	return page.Figures{
		Incidents: f.Incidents, Open: f.Open, Shadow: f.Shadow, FalseAlarms: f.FalseAlarms,
		RollbacksStarted: f.RollbacksStarted, RollbacksCompleted: f.RollbacksCompleted, SLAKnown: f.SLAKnown, SLAMet: f.SLAMet,
		SuccessRate: f.SuccessRate, SLACompliance: f.SLACompliance, AverageSeconds: f.AverageSeconds, MedianSeconds: f.MedianSeconds,
		P95Seconds: f.P95Seconds, DetectionMedianSeconds: f.DetectionMedianSeconds,
	}
}

// daemonAge is how old what the daemon's own metrics say may be.
const daemonAge = 5 * time.Second

// daemonState is what the daemon's own metrics said last. The zero value has asked
// nothing yet; it is safe for concurrent use.
type daemonState struct {
	mu    sync.Mutex
	at    time.Time
	state page.Daemon
}

// now is what they say, gathered anew where it is too old.
func (d *daemonState) now(now time.Time, gatherer prometheus.Gatherer) page.Daemon {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() || now.Sub(d.at) >= daemonAge || now.Before(d.at) {
		d.at, d.state = now, daemonOf(gatherer)
	}
	return d.state
}

// daemonNow is how the daemon is. Which sources answer, and whether the
// configuration is the file's, is what its own metrics say, and nothing else.
func (s *Server) daemonNow(ctx context.Context, blind []incident.Blindness) page.Daemon {
	state := s.pages.daemon.now(s.o.Clock.Now(), s.o.Gatherer)
	state.Journal, state.Waiting = s.pageJournal(), s.pageReceivers(ctx)
	state.Sources = slices.Clone(state.Sources)
	for i, source := range state.Sources {
		for _, b := range blind {
			if b.Source == source.Name && !source.Up {
				state.Sources[i].Since, state.Sources[i].Reason = b.Since, b.Reason
			}
		}
	}
	return state
}

// daemonOf reads the daemon's own metrics. What cannot be gathered is not shown.
func daemonOf(gatherer prometheus.Gatherer) page.Daemon {
	var d page.Daemon
	families, _ := gatherer.Gather() // what was gathered beside an error is good
	for _, family := range families {
		switch family.GetName() {
		case "rollbackd_config_last_reload_successful":
			for _, m := range family.GetMetric() {
				d.ReloadFailed = m.GetGauge().GetValue() == 0
			}
		case "rollbackd_source_up":
			for _, m := range family.GetMetric() {
				source := page.Source{Up: m.GetGauge().GetValue() == 1}
				for _, l := range m.GetLabel() {
					source.Name = l.GetValue()
				}
				d.Sources = append(d.Sources, source)
			}
		}
	}
	return d
}
