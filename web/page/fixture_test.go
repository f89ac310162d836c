package page_test

import (
	"math"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
	"github.com/rollbackd/rollbackd/web/page"
)

// night is when every page is looked at.
func night() time.Time { return time.Date(2026, 3, 1, 3, 4, 20, 0, time.UTC) }

// approver may do everything.
func approver() page.Viewer { return page.Viewer{Name: "alice", Operate: true, Approve: true} }

// series is a breach that began two minutes before the night, or is still on.
func series(name, text string, level, well, ill float64) incident.Series {
	s := incident.Series{Trigger: name, Unit: "ratio", Threshold: &level, ThresholdText: text}
	if strings.HasSuffix(text, "ms") {
		s.Unit = "seconds"
	}
	for i := range 80 {
		at := night().Add(time.Duration(i-80) * 15 * time.Second)
		v := well * (1 + 0.3*math.Sin(float64(i)))
		p := incident.Point{At: at, Truth: "ok"}
		if i > 68 {
			v, p.Truth = ill*(1+0.1*math.Sin(float64(i))), "breach"
		}
		if i == 40 || i == 41 {
			p.Truth = "unknown"
		} else {
			p.Value = &v
		}
		s.Points = append(s.Points, p)
	}
	return s
}

func v2() *incident.Deployment {
	return &incident.Deployment{
		Service: "checkout", Version: "v2.14.0", Previous: "v2.13.2", StartedAt: night().Add(-6 * time.Minute), By: "alice", Change: "CHG-1042", Source: "symlink",
	}
}

func errors() incident.Evidence {
	return incident.Evidence{
		Name: "errors", When: "error_rate > 1% for 2m", Severity: trigger.Critical, Value: 0.081, HasValue: true, Threshold: "> 1%", ThresholdValue: 0.01,
		ValueText: "8.1%", Since: night().Add(-165 * time.Second), FiredAt: night().Add(-45 * time.Second),
	}
}

// waiting is an incident that waits for a yes.
func waiting() *incident.Incident {
	return &incident.Incident{
		ID: "checkout-20260301-030335", Service: "checkout", Severity: trigger.Critical, Mode: "live", State: incident.AwaitingApproval,
		OpenedAt: night().Add(-45 * time.Second), Triggers: []incident.Evidence{errors()}, Deployment: v2(),
		Decision: incident.Decision{
			State: incident.AwaitingApproval, Response: evaluator.Response{Directness: evaluator.Approve}, HeldBy: incident.GuardWindow,
			Reason: "critical in tier 1 asks for a rollback; the freeze \"month end\" lowers it to an approval", ReleasesWhen: "the window ends at 06:00:00 UTC",
			Deadline: night().Add(4*time.Minute + 15*time.Second), Justified: []string{"errors"}, Target: "v2.13.2", Severity: trigger.Critical, PlanHash: "a1b2c3d4",
			Caps: []incident.Hold{{Guard: incident.GuardWindow, Reason: "the freeze \"month end\" allows at most approve", ReleasesWhen: "it ends at 06:00:00 UTC"}},
		},
		Needs:   []incident.Need{{Role: "ops-lead", Count: 1}},
		Samples: []incident.Series{series("errors", "> 1%", 0.01, 0.002, 0.08)},
		Timeline: []incident.Moment{
			{At: night().Add(-45 * time.Second), Kind: incident.KindOpened, Actor: "rollbackd", Text: "errors fires at 8.1%: error_rate > 1% for 2m"},
			{At: night().Add(-45 * time.Second), Kind: incident.KindDecided, Actor: "rollbackd", Text: "approve v2.14.0 → v2.13.2, by 03:08:35 UTC"},
			{At: night().Add(-20 * time.Second), Kind: incident.KindAcked, Actor: "bob", Text: "acknowledged: looking"},
		},
		AckedBy: "bob",
	}
}

func step(name, phase string, state incident.StepState, from, took time.Duration) incident.StepRun {
	s := incident.StepRun{Name: name, Phase: phase, Section: incident.SectionSteps, State: state}
	if state == incident.StepPending {
		return s
	}
	s.Attempts, s.StartedAt = 1, night().Add(from)
	if state != incident.StepRunning {
		s.EndedAt, s.ExitCode = s.StartedAt.Add(took), new(0)
	}
	return s
}

// rolling is an incident whose rollback runs.
func rolling() *incident.Incident {
	i := waiting()
	i.State, i.Needs, i.Decision.HeldBy, i.Decision.Caps = incident.RollingBack, nil, "", nil
	i.Decision.Response, i.Decision.Reason = evaluator.Response{Directness: evaluator.Rollback}, "critical in tier 1: v2.13.2 is the target, it outlived its blame window"
	migrate := step("migrate down", "database", incident.StepDone, -70*time.Second, 12*time.Second)
	migrate.Output = "\x1b[32mok\x1b[0m 3 migrations undone\n"
	i.Rollback = &incident.Run{
		ID: "r1", State: incident.RunRunning, From: "v2.14.0", To: "v2.13.2", By: "rollbackd", Automatic: true, DecidedAt: night().Add(-100 * time.Second),
		StartedAt: night().Add(-98 * time.Second), SLASeconds: 900, PhaseSeconds: map[string]float64{"traffic": 18, "database": 12},
		Checks: []incident.StepRun{{Name: "backup exists", Section: incident.SectionChecks, State: incident.StepDone, Attempts: 1, StartedAt: night().Add(-98 * time.Second), EndedAt: night().Add(-97 * time.Second)}},
		Steps: []incident.StepRun{
			step("drain", "traffic", incident.StepDone, -95*time.Second, 18*time.Second), migrate,
			step("previous release", "application", incident.StepRunning, -50*time.Second, 0), step("restart", "application", incident.StepPending, 0, 0),
			step("undrain", "restore", incident.StepPending, 0, 0),
		},
	}
	return i
}

// failed is an incident whose rollback failed.
func failed() *incident.Incident {
	i := rolling()
	i.ID, i.Service, i.State = "payments-20260301-021500", "payments", incident.Held
	i.Decision.HeldBy, i.Decision.Reason, i.Decision.ReleasesWhen = incident.GuardBlocked, "the rollback ended partial: restart failed", "never by itself: approve again, or close"
	run := i.Rollback
	run.State, run.Reason, run.EndedAt, run.DurationSeconds, run.Changed = incident.RunPartial, "restart failed, exit 1: unit payments.service is masked", night().Add(-20*time.Second), 80, true
	run.SLAMet = new(false)
	run.Steps[2] = step("previous release", "application", incident.StepDone, -50*time.Second, time.Second)
	run.Steps[3] = step("restart", "application", incident.StepFailed, -48*time.Second, 4*time.Second)
	run.Steps[3].ExitCode, run.Steps[3].Error, run.Steps[3].Output = new(1), "exit status 1", "Failed to restart payments.service: Unit payments.service is masked.\n<script>alert(1)</script>\n"
	run.Steps[4].State = incident.StepSkipped
	return i
}

// closed is an incident that was rolled back and verified.
func closed() *incident.Incident {
	i := rolling()
	i.State, i.Outcome, i.ClosedAt = incident.Closed, incident.RolledBack, night().Add(-5*time.Second)
	i.OpenedAt = night().Add(-11 * time.Minute)
	i.Decision.Deadline = time.Time{}
	i.Triggers[0].ClearedAt = night().Add(-4 * time.Minute)
	run := i.Rollback
	run.State, run.EndedAt, run.DurationSeconds, run.SLAMet = incident.RunCompleted, night().Add(-6*time.Second), 394, new(true)
	for n := range run.Steps {
		run.Steps[n] = step(run.Steps[n].Name, run.Steps[n].Phase, incident.StepDone, time.Duration(-90+n*15)*time.Second, 9*time.Second)
	}
	i.Verification = incident.Verification{
		State: incident.VerificationPassed, From: night().Add(-6 * time.Minute), Until: night().Add(9 * time.Minute), Reason: "20 samples in a row were known and ok",
		Triggers: []string{"errors", "slow"}, Samples: 20,
		Horizons: []incident.Horizon{{Name: "immediate", State: incident.VerificationPassed, From: night().Add(-6 * time.Minute), Until: night(), Samples: 20}},
	}
	i.Approvals = []incident.Approval{{By: "carol", At: night().Add(-100 * time.Second), Reason: "clear from the graph", Roles: []string{"ops-lead"}}}
	i.Impact = &incident.Impact{Requests: new(48210.0), FailedRequests: new(3905.0), DowntimeSeconds: new(420.0)}
	i.Captures = []incident.StateBefore{{Name: "journal", State: incident.StepDone, Output: "Mar 01 03:01:58 web1 checkout[811]: panic: nil map\n", At: night()}}
	return i
}

func triggerView(name, when, value string, state trigger.State, full float64) incident.TriggerView {
	v := incident.TriggerView{Name: name, When: when, Severity: trigger.Critical, State: state, Truth: "ok", HasValue: true, ValueText: value, Filled: full}
	if _, after, ok := strings.Cut(when, " > "); ok {
		v.Threshold, _, _ = strings.Cut("> "+after, " for")
	}
	if state != trigger.Inactive {
		v.Truth, v.Since = "breach", night().Add(-165*time.Second)
	}
	if state == trigger.Firing {
		v.FiredAt = night().Add(-45 * time.Second)
	}
	return v
}

func checkout() incident.ServiceView {
	return incident.ServiceView{
		Service: "checkout", Tier: "1", Mode: "live", State: "awaiting_approval", Running: "v2.14.0", Target: "v2.13.2", Deployment: v2(), Incident: waiting().ID,
		Labels: incident.Labels{"team": "shop", "site": "eu-1"},
		Triggers: []incident.TriggerView{
			triggerView("errors", "error_rate > 1% for 2m", "8.1%", trigger.Firing, 1),
			triggerView("slow", "latency_p99 > 500ms for 5m", "612ms", trigger.Pending, 0.55),
			triggerView("health", "3 consecutive health failures", "", trigger.Inactive, 0),
		},
		Instances: []trigger.InstanceHealth{
			{Instance: "web1", Status: "pass", LastAt: night().Add(-4 * time.Second), Version: "v2.14.0"},
			{Instance: "web2", Status: "fail", Failures: 2, LastAt: night().Add(-6 * time.Second), Version: "v2.14.0"},
		},
		Rehearsal: &incident.RehearsalView{Rehearsal: incident.Rehearsal{OK: true, By: "bob"}, AgeSeconds: 9 * 86400},
	}
}

func others() []incident.ServiceView {
	var all []incident.ServiceView
	for _, name := range []string{"accounts", "cart", "mail", "search", "stock"} {
		all = append(all, incident.ServiceView{
			Service: name, Tier: "2", Mode: "live", State: "ok", Running: "2026.02.27", Target: "2026.02.20",
			Triggers: []incident.TriggerView{triggerView("errors", "error_rate > 1% for 2m", "0.02%", trigger.Inactive, 0)},
		})
	}
	all[1].State, all[1].Triggers[0] = "pending", triggerView("errors", "error_rate > 1% for 2m", "1.4%", trigger.Pending, 0.375)
	all[2].Mode = "shadow"
	all[2].Brakes = []incident.BrakeView{{Kind: incident.Pause, Until: night().Add(2 * time.Hour), By: "dave", Why: "load test"}}
	all[3].State, all[3].Triggers[0].State, all[3].Triggers[0].Truth, all[3].Triggers[0].Reason = "unknown", trigger.StateUnknown, "unknown", "timeout"
	return all
}

func daemonWell() page.Daemon {
	return page.Daemon{Sources: []page.Source{{Name: "prometheus", Up: true}, {Name: "nats", Up: true}}}
}

func servicesInput() page.Services {
	pay := checkout()
	pay.Service, pay.State, pay.Incident, pay.Instances = "payments", "held", failed().ID, nil
	return page.Services{
		Daemon: daemonWell(), Services: append(append(others(), pay), checkout()), Incidents: []*incident.Incident{waiting(), failed()}, Viewer: approver(), Now: night(),
	}
}

func serviceInput() page.Service {
	return page.Service{
		Daemon: daemonWell(), Viewer: approver(), Now: night(),
		Why: incident.WhyView{
			Service: checkout(), Now: "incident checkout-20260301-030335 is awaiting_approval: critical in tier 1, lowered by the freeze", Incident: waiting(),
			IfCritical: incident.Decision{Response: evaluator.Response{Directness: evaluator.Approve}, Target: "v2.13.2", Reason: "v2.13.2 is the target: it outlived its blame window", Caps: waiting().Decision.Caps},
		},
		Versions: []incident.VersionView{
			{Version: "v2.14.0", Standing: "unproven", Running: true, StartedAt: v2().StartedAt, Why: "blamed by checkout-20260301-030335"},
			{Version: "v2.13.2", Standing: "good", Target: true, StartedAt: night().Add(-80 * time.Hour), Why: "it outlived its blame window without an incident"},
			{Version: "v2.13.1", Standing: "quarantined", StartedAt: night().Add(-100 * time.Hour), Why: "rolled back from by checkout-20260225-110000 at 11:02:11 UTC"},
		},
		Series: []incident.Series{series("errors", "> 1%", 0.01, 0.002, 0.08), series("slow", "> 500ms", 0.5, 0.12, 0.6)},
	}
}

func incidentInput(i *incident.Incident) page.Incident {
	return page.Incident{Daemon: daemonWell(), Incident: i, Viewer: approver(), Now: night()}
}

func historyInput() page.History {
	h := page.History{Daemon: daemonWell(), Days: 30, Viewer: approver(), Now: night(), More: true}
	h.All = page.Figures{
		Incidents: 23, Open: 2, FalseAlarms: 4, RollbacksStarted: 12, RollbacksCompleted: 11, SLAKnown: 12, SLAMet: 10, SuccessRate: new(11.0 / 12),
		SLACompliance: new(10.0 / 12), AverageSeconds: new(412.0), MedianSeconds: new(371.0), P95Seconds: new(880.0), DetectionMedianSeconds: new(125.0),
	}
	h.Services = []page.NamedFigures{{Name: "checkout", Figures: h.All}, {Name: "payments", Figures: page.Figures{Incidents: 6}}, {Name: "search", Figures: page.Figures{Incidents: 2}}}
	h.Triggers = []page.Count{{Name: "errors", Count: 14}, {Name: "slow", Count: 7}, {Name: "health", Count: 2}}
	h.Outcomes = []page.Count{{Name: "rolled_back", Count: 11}, {Name: "recovered", Count: 5}, {Name: "fixed_forward", Count: 3}, {Name: "unresolved", Count: 1}}
	h.Holds = []page.Count{{Name: "no_deployment", Count: 4}, {Name: "correlated", Count: 2}}
	for n, i := range []*incident.Incident{waiting(), failed(), closed()} {
		s := i.Summary()
		s.OpenedAt = night().Add(-time.Duration(n*31) * time.Hour)
		h.Incidents = append(h.Incidents, s)
	}
	return h
}
