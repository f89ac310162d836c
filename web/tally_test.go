package web_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// rolledBack is an incident that was rolled back in so many seconds.
func rolledBack(id, service string, seconds float64, sla bool) incident.Summary {
	return incident.Summary{
		ID: id, Service: service, Mode: "live", State: incident.Closed, Outcome: incident.RolledBack, OpenedAt: noon(), Triggers: []string{"errors"},
		RollbacksStarted: 1, RollbacksEnded: 1, RollbacksCompleted: 1, Changed: true,
		Rollback: &incident.RunSummary{State: incident.RunCompleted, DurationSeconds: seconds, SLASeconds: 900, SLAMet: &sla},
	}
}

func TestStatsAddUp(t *testing.T) {
	var tallies web.Tallies
	detection, no := 120.0, false
	for _, s := range []incident.Summary{
		rolledBack("1", "checkout", 100, true), rolledBack("2", "checkout", 200, true), rolledBack("3", "checkout", 600, false),
		{
			ID: "4", Service: "checkout", State: incident.Closed, Outcome: incident.Unresolved, OpenedAt: noon(), Triggers: []string{"errors", "slow"},
			HeldBy: incident.GuardVerification, RollbacksStarted: 1, RollbacksEnded: 1, Changed: true, DetectionSeconds: &detection,
			Rollback: &incident.RunSummary{State: incident.RunPartial, DurationSeconds: 9999, SLASeconds: 900, SLAMet: &no},
		},
		{ID: "5", Service: "search", Mode: "shadow", State: incident.Closed, Outcome: incident.Recovered, OpenedAt: noon(), Triggers: []string{"slow"}},
		{ID: "6", Service: "search", State: incident.Held, HeldBy: incident.GuardCooldown, OpenedAt: noon().Add(-time.Hour)},
		{ID: "7", Service: "search", State: incident.Closed, Outcome: incident.RolledBack, OpenedAt: noon(), Rehearsal: true, Changed: true},
		{ID: "8", Service: "old", State: incident.Closed, Outcome: incident.Recovered, OpenedAt: noon().Add(-48 * time.Hour), Triggers: []string{"errors"}},
		{ID: "1", Service: "checkout", State: incident.RollingBack, OpenedAt: noon()}, // and then it was closed:
		rolledBack("1", "checkout", 100, true),
	} {
		tallies.Put(s)
	}
	since := noon().Add(-24 * time.Hour)
	got, err := json.MarshalIndent(tallies.Stats(web.StatsFilter{Since: since}), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	checkout := web.Figures{
		Incidents: 4, RollbacksStarted: 4, RollbacksCompleted: 3, SuccessRate: new(0.75), AverageSeconds: new(300.0), MedianSeconds: new(200.0),
		P95Seconds: new(600.0), SLAKnown: 4, SLAMet: 2, SLACompliance: new(0.5), DetectionMedianSeconds: new(120.0),
	}
	all := checkout
	all.Incidents, all.Open, all.Shadow, all.FalseAlarms = 6, 1, 1, 1
	want, err := json.MarshalIndent(web.Stats{
		Since: since, All: all,
		Services: []web.ServiceFigures{{Service: "checkout", Figures: checkout}, {Service: "search", Figures: web.Figures{Incidents: 2, Open: 1, Shadow: 1, FalseAlarms: 1}}},
		Triggers: []web.Count{{Name: "errors", Count: 4}, {Name: "slow", Count: 2}},
		Holds:    []web.Count{{Name: "cooldown", Count: 1}, {Name: "verification", Count: 1}},
		Outcomes: []web.Count{{Name: "rolled_back", Count: 3}, {Name: "recovered", Count: 1}, {Name: "unresolved", Count: 1}}, Rehearsals: 1,
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if one := tallies.Stats(web.StatsFilter{Service: "old"}); one.All.Incidents != 1 || len(one.Services) != 1 {
		t.Errorf("of one service: %+v", one)
	}
	if none := tallies.Stats(web.StatsFilter{Service: "nosuch"}); none.All.SuccessRate != nil || none.Triggers == nil || none.Services == nil {
		t.Errorf("of none: %+v, want nothing known and no null list", none)
	}
}

// TestARollbackUnderWayIsNoFailure: the success rate is of those that have ended.
func TestARollbackUnderWayIsNoFailure(t *testing.T) {
	var tallies web.Tallies
	tallies.Put(rolledBack("1", "checkout", 100, true))
	tallies.Put(incident.Summary{ID: "2", Service: "checkout", State: incident.RollingBack, OpenedAt: noon(), RollbacksStarted: 1})
	if all := tallies.Stats(web.StatsFilter{}).All; all.RollbacksStarted != 2 || all.SuccessRate == nil || *all.SuccessRate != 1 {
		t.Errorf("got %+v, want a success rate of 1 of two that began", all)
	}
}

func TestStatsAnswer(t *testing.T) {
	h := newWorld().server().TCP()
	var stats web.Stats
	got := ask(t, h, "GET", "/api/v1/stats?since=30d&service=checkout", "")
	if err := json.Unmarshal(got.Data, &stats); err != nil || stats.All.Incidents != 3 || stats.Service != "checkout" || !stats.Since.Equal(noon().Add(-30*24*time.Hour)) {
		t.Errorf("got %d %s: %v", got.status, got.body, err)
	}
	for _, query := range []string{"?since=yesterday", "?limit=3"} {
		if got := ask(t, h, "GET", "/api/v1/stats"+query, ""); got.status != 400 {
			t.Errorf("%s: %d %s, want 400", query, got.status, got.body)
		}
	}
	w := newWorld()
	w.notReady = fmt.Errorf("the journal is being read")
	if got := ask(t, w.server().TCP(), "GET", "/api/v1/stats", ""); got.status != 503 {
		t.Errorf("before the journal is replayed: %d %s, want 503", got.status, got.body)
	}
}

func BenchmarkStatsOf100000(b *testing.B) {
	var tallies web.Tallies
	for n := range 100_000 {
		s := rolledBack(fmt.Sprintf("checkout-%d", n), fmt.Sprintf("service-%d", n%300), float64(n%977), n%3 == 0)
		s.OpenedAt = noon().Add(-time.Duration(n) * 5 * time.Minute)
		tallies.Put(s)
	}
	for _, days := range []int{30, 400} {
		b.Run(fmt.Sprintf("%dd", days), func(b *testing.B) {
			for b.Loop() {
				_ = tallies.Stats(web.StatsFilter{Since: noon().Add(-time.Duration(days) * 24 * time.Hour)})
			}
		})
	}
}
