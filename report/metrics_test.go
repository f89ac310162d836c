package report_test

import (
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

// TestApprovalsAreCountedThatWereUsedUp: a rollback takes the incident's approvals
// with it, and that somebody said yes stays true.
func TestApprovalsAreCountedThatWereUsedUp(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 2, 0, 0, time.UTC)
	inc := &incident.Incident{
		ID: "checkout-1", Service: "checkout", State: incident.Closed, OpenedAt: at, ClosedAt: at.Add(time.Hour),
		Timeline: []incident.Moment{
			{At: at, Kind: incident.KindOpened},
			{At: at, Kind: incident.KindApproved, Actor: "alice"},
			{At: at, Kind: incident.KindApproved, Actor: "bob"},
			{At: at, Kind: incident.KindEscalated},
			{At: at, Kind: incident.KindClosed},
		},
	}
	if n := report.Of(inc, report.Options{}).Metrics(); n.Approvals != 2 || n.Escalations != 1 {
		t.Errorf("%d approvals and %d escalations, want 2 and 1", n.Approvals, n.Escalations)
	}
}
