package daemon

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web"
)

// started replays a journal as a start does, and says what the table then holds
// and what was logged.
func started(t *testing.T, j *journal.Journal, lasts time.Time) (table map[string]incident.Summary, log string) {
	t.Helper()
	var lines bytes.Buffer
	b := incident.New(incident.Options{})
	c := newCatchUp(t.Context(), j, b, lasts, hclog.New(&hclog.LoggerOptions{Output: &lines}))
	if _, err := replay(t.Context(), j, b, c); err != nil {
		t.Fatal(err)
	}
	found, err := newHistory(j, clock.NewMock()).Summaries(t.Context(), web.SummaryFilter{})
	if err != nil {
		t.Fatal(err)
	}
	table = map[string]incident.Summary{}
	for _, s := range found {
		table[s.ID] = s
	}
	return table, lines.String()
}

// TestAnOlderJournalGetsItsSummaries: its entries were written without any.
func TestAnOlderJournalGetsItsSummaries(t *testing.T) {
	j := written(t)
	table, log := started(t, j, time.Time{})
	h := newHistory(j, clock.NewMock())
	for _, id := range []string{"inc-1", "inc-2", "inc-3"} {
		i, ok, err := h.Incident(t.Context(), id)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if diff := cmp.Diff(i.Summary(), table[id]); diff != "" {
			t.Errorf("%s (-entries +table):\n%s", id, diff)
		}
	}
	if len(table) != 3 || !strings.Contains(log, "written=3") {
		t.Errorf("%d summaries, log %q", len(table), log)
	}
	if _, log := started(t, j, time.Time{}); log != "" {
		t.Errorf("the second start wrote again: %q", log)
	}
	stats, err := h.Stats(t.Context(), web.StatsFilter{Service: "checkout"})
	if err != nil || stats.All.Incidents != 2 || stats.All.Open != 1 || stats.All.FalseAlarms != 1 {
		t.Errorf("got %+v, %v", stats.All, err)
	}
}

// TestAnIncidentThatClosedTwiceIsSummedUpOnce: what it was between the two is not
// what the table has, and no mistake in it.
func TestAnIncidentThatClosedTwiceIsSummedUpOnce(t *testing.T) {
	j := written(t)
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	entry := func(e incident.Entry) {
		at = at.Add(time.Minute)
		e.At, e.Service, e.Incident = at, "search", "twice"
		write(t, j, e)
	}
	entry(incident.Entry{Kind: incident.KindOpened, Opened: &incident.OpenedEntry{Severity: trigger.High, Mode: "live"}})
	entry(incident.Entry{Kind: incident.KindClosed, Closed: &incident.ClosedEntry{Outcome: incident.RolledBack}})
	entry(incident.Entry{Kind: incident.KindReopened, Reopened: &incident.ReopenedEntry{Severity: trigger.High}, Decided: &incident.Decision{State: incident.Held}})
	entry(incident.Entry{Kind: incident.KindClosed, Closed: &incident.ClosedEntry{Outcome: incident.Unresolved}})
	table, log := started(t, j, time.Time{})
	if table["twice"].Outcome != incident.Unresolved || !strings.Contains(log, "written=4") {
		t.Errorf("%+v, log %q", table["twice"], log)
	}
	if _, log := started(t, j, time.Time{}); log != "" {
		t.Errorf("the second start wrote again: %q", log)
	}
}

// TestMoreIncidentsThanMemoryKeeps: those it lets go of are summed up as well.
func TestMoreIncidentsThanMemoryKeeps(t *testing.T) {
	j := written(t)
	at := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	for n := range 60 {
		id := fmt.Sprintf("many-%02d", n)
		at = at.Add(time.Hour)
		write(t, j, incident.Entry{At: at, Kind: incident.KindOpened, Service: "search", Incident: id, Opened: &incident.OpenedEntry{Severity: trigger.High, Mode: "live"}})
		write(t, j, incident.Entry{
			At: at.Add(time.Minute), Kind: incident.KindClosed, Service: "search", Incident: id, Closed: &incident.ClosedEntry{Outcome: incident.Recovered},
		})
	}
	table, _ := started(t, j, time.Time{})
	if len(table) != 63 || table["many-00"].Outcome != incident.Recovered || table["many-00"].ClosedAt.IsZero() {
		t.Errorf("%d summaries, the oldest %+v", len(table), table["many-00"])
	}
}

// TestADamagedSummaryIsMadeAnew, unless the entries may have lost details since.
func TestADamagedSummaryIsMadeAnew(t *testing.T) {
	j := written(t)
	started(t, j, time.Time{})
	wrong := incident.Summary{ID: "inc-1", Service: "checkout", State: incident.Closed, OpenedAt: time.Unix(0, 0).UTC(), Triggers: []string{"made up"}}
	row, err := responder.SummaryRow(wrong)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]journal.Summary{
		"other words": row, "no JSON": {Incident: "inc-1", Service: "checkout", Opened: wrong.OpenedAt, Document: []byte("{")},
	} {
		damaged.Seq = 1
		if err := j.FillSummaries(t.Context(), []journal.Summary{damaged}); err != nil {
			t.Fatal(err)
		}
		table, log := started(t, j, time.Time{})
		if table["inc-1"].Outcome != incident.Recovered || !strings.Contains(log, "written=1") {
			t.Errorf("%s: %+v, log %q", name, table["inc-1"], log)
		}
	}
	row.Seq = 1
	if err := j.FillSummaries(t.Context(), []journal.Summary{row}); err != nil {
		t.Fatal(err)
	}
	if table, _ := started(t, j, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); table["inc-1"].Triggers[0] != "made up" {
		t.Errorf("one closed longer ago than entries last was made anew: %+v", table["inc-1"])
	}
}

// BenchmarkHistoryOf100000 is the data of the history page: the statistics and the
// first page of the list, of a journal with 100,000 incidents.
func BenchmarkHistoryOf100000(b *testing.B) {
	j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	now, yes := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC), true
	rows := make([]journal.Summary, 0, 100_000)
	for n := range 100_000 {
		opened := now.Add(-time.Duration(n) * 5 * time.Minute)
		row, err := responder.SummaryRow(incident.Summary{
			ID: fmt.Sprintf("service-%d-%d", n%300, n), Service: fmt.Sprintf("service-%d", n%300), Mode: "live", State: incident.Closed, Outcome: incident.RolledBack,
			OpenedAt: opened, ClosedAt: opened.Add(10 * time.Minute), Triggers: []string{"errors", "slow"}, Version: "v2", DetectionSeconds: new(120.0),
			Rollback:         &incident.RunSummary{State: incident.RunCompleted, From: "v2", To: "v1", DurationSeconds: float64(n % 977), SLASeconds: 900, SLAMet: &yes},
			RollbacksStarted: 1, RollbacksEnded: 1, RollbacksCompleted: 1, Changed: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		row.Seq = uint64(n + 1)
		rows = append(rows, row)
	}
	if err := j.FillSummaries(b.Context(), rows); err != nil {
		b.Fatal(err)
	}
	mock := clock.NewMock()
	mock.Set(now)
	h := newHistory(j, mock)
	b.Run("after a start", func(b *testing.B) {
		for b.Loop() {
			if err := newHistory(j, mock).catchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := h.catchUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, days := range []int{30, 400} {
		b.Run(fmt.Sprintf("page of %dd", days), func(b *testing.B) {
			for b.Loop() {
				stats, err := h.Stats(b.Context(), web.StatsFilter{Since: now.Add(-time.Duration(days) * 24 * time.Hour)})
				if err != nil || stats.All.Incidents < 8000 {
					b.Fatal(stats.All, err)
				}
				page, err := h.Summaries(b.Context(), web.SummaryFilter{Limit: 50, Before: "service-50-50"})
				if err != nil || len(page) != 50 {
					b.Fatal(len(page), err)
				}
			}
		})
	}
}
