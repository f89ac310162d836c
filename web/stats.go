package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// SummaryFilter picks summaries of incidents. Its zero value picks all, without a limit.
type SummaryFilter struct {
	// Service is empty for all.
	Service string
	// State is "open", "closed" or empty for both.
	State string
	// Since drops incidents opened before it; zero drops none.
	Since time.Time
	// Before is the ID of an incident: only older ones are given, which is how the
	// next page is asked for. Empty begins with the newest.
	Before string
	// Limit is how many at most; zero for all.
	Limit int
}

// StatsFilter says which incidents Stats are about. Its zero value means all.
type StatsFilter struct {
	// Service is empty for all.
	Service string
	// Since drops incidents opened before it; zero drops none.
	Since time.Time
}

// Stats is what became of the incidents that were opened in a period. Rehearsals
// are counted and otherwise left out: nothing was wrong then.
type Stats struct {
	// Since and Until are the period; a zero Since means since the journal's beginning.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until"`
	// Service is the only one counted; empty where all are.
	Service string `json:"service,omitempty"`
	// All counts all services together.
	All Figures `json:"all"`
	// Services are those with an incident, the most frequent first.
	Services []ServiceFigures `json:"services"`
	// Triggers are the names of those that fired, by incidents, the most common first.
	Triggers []Count `json:"triggers"`
	// Holds are the guards that hold an incident, or held it to its end.
	Holds []Count `json:"holds"`
	// Outcomes are those of closed incidents.
	Outcomes []Count `json:"outcomes"`
	// Rehearsals is how many incidents were the rehearsal of another service's plan.
	Rehearsals int `json:"rehearsals"`
}

// ServiceFigures are those of one service.
type ServiceFigures struct {
	Service string `json:"service"`
	Figures
}

// Count is how often something was there.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Figures are what incidents add up to. A rate or a time of which nothing is
// known is nil, and null in JSON: never 0.
type Figures struct {
	Incidents int `json:"incidents"`
	Open      int `json:"open"`
	// Shadow is how many of them were only decided and told, never acted on.
	Shadow int `json:"shadow"`
	// FalseAlarms recovered without anything being changed.
	FalseAlarms int `json:"false_alarms"`
	// RollbacksStarted began at least one step; RollbacksCompleted were verified.
	RollbacksStarted   int `json:"rollbacks_started"`
	RollbacksCompleted int `json:"rollbacks_completed"`
	// SuccessRate is completed / started of those that have ended, from 0 to 1.
	SuccessRate *float64 `json:"success_rate"`
	// The times are from the decision to the end of completed rollbacks, in seconds.
	AverageSeconds *float64 `json:"average_seconds"`
	MedianSeconds  *float64 `json:"median_seconds"`
	P95Seconds     *float64 `json:"p95_seconds"`
	// SLAMet is how many of the SLAKnown rollbacks that have an SLA and ended kept it.
	SLAKnown      int      `json:"sla_known"`
	SLAMet        int      `json:"sla_met"`
	SLACompliance *float64 `json:"sla_compliance"`
	// DetectionMedianSeconds is from the first breach to the firing of the first trigger.
	DetectionMedianSeconds *float64 `json:"detection_median_seconds"`
}

// Statistics is what History knows of many incidents at once.
type Statistics interface {
	// Summaries lists incidents, open ones too: those opened last first.
	Summaries(ctx context.Context, f SummaryFilter) ([]incident.Summary, error)
	// Stats adds them up.
	Stats(ctx context.Context, f StatsFilter) (Stats, error)
}

// parseStats reads the query of the statistics.
func parseStats(q url.Values, now time.Time) (f StatsFilter, err error) {
	for key := range q {
		switch key {
		case "service":
			f.Service = q.Get(key)
		case "since":
			f.Since, err = parseSince(q.Get(key), now)
		default:
			err = fmt.Errorf("unknown parameter %q (want service or since)", key)
		}
		if err != nil {
			return StatsFilter{}, err
		}
	}
	return f, nil
}

func (s *Server) stats(w http.ResponseWriter, r *http.Request) {
	f, err := parseStats(r.URL.Query(), s.o.Clock.Now())
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	stats, err := s.statsOf(r.Context(), f)
	if err != nil {
		s.unavailable(w, err)
		return
	}
	data, err := json.Marshal(stats)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	succeed(w, data)
}

// statsOf waits until the journal is replayed: before that the summaries may be
// those of another day.
func (s *Server) statsOf(ctx context.Context, f StatsFilter) (Stats, error) {
	if err := s.o.Ready(); err != nil {
		return Stats{}, err
	}
	if s.o.History == nil {
		return Stats{}, errors.New("there is no journal to count in")
	}
	return s.o.History.Stats(ctx, f)
}
