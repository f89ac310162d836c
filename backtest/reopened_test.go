package backtest_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// Each time that an incident was open shows what was seen and done then, and not
// what was seen and done the time before.
func TestWhatIsOpenedAgainIsAnotherRow(t *testing.T) {
	firing := func(reopened int, at time.Duration, value string) backtest.Firing {
		return backtest.Firing{Trigger: "errors", Incident: "checkout-1", Reopened: reopened, Onset: after(at), FiredAt: after(at + time.Minute), ValueText: value, Threshold: "> 1%"}
	}
	opened := func(id string, reopened int, at time.Duration) backtest.Incident {
		return backtest.Incident{ID: id, Reopened: reopened, OpenedAt: after(at), Severity: trigger.Critical, Response: "countdown 2m", Reason: "because of errors", Triggers: []string{"errors"}}
	}
	first, second, third := opened("checkout-1", 0, time.Minute), opened("checkout-1", 1, 31*time.Minute), opened("checkout-2", 0, time.Hour)
	third.Outcome = incident.Recovered
	report := backtest.Report{Results: []backtest.Result{{Services: []backtest.ServiceResult{{
		Service: "checkout", Firings: []backtest.Firing{firing(0, 0, "8.1%"), firing(1, 30*time.Minute, "3.3%")}, Incidents: []backtest.Incident{first, second, third},
		Rollbacks: []backtest.Rollback{{Incident: "checkout-1", From: "v2", To: "v1", DecidedAt: after(time.Minute), StartedAt: after(time.Minute), Onset: midnight, State: incident.RunCompleted}},
	}}}}}
	var b bytes.Buffer
	if err := report.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	_, table, _ := strings.Cut(text, "2026-01-05 00:01:00 checkout")
	rows := strings.Split(table, " 2026-01-05 ")
	if len(rows) != 3 {
		t.Fatalf("%d rows, want 3:\n%s", len(rows), text)
	}
	for i, want := range []struct{ has, not string }{
		{"rolled back v2 → v1", "3.3%"},
		{"opened again after its rollback", "rolled back v2"},
		{"nothing: well again before its countdown 2m was due", "rolled back v2"},
	} {
		if !strings.Contains(rows[i], want.has) || strings.Contains(rows[i], want.not) {
			t.Errorf("row %d: want %q and not %q in\n%s", i, want.has, want.not, rows[i])
		}
	}
	if !strings.Contains(rows[0], "8.1%") || !strings.Contains(rows[1], "3.3%") {
		t.Errorf("each has its own evidence:\n%s", text)
	}
}
