package backtest_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

var updateRendered = flag.Bool("update", false, "write the golden files anew")

// midnight is when the rendered report begins.
var midnight = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return midnight.Add(d) }

// renderedSeries is two hours of one metric at a minute a point, with a bad
// hour in it, a gap, and points that were known in part.
func renderedSeries() backtest.Series {
	s := backtest.Series{Service: "checkout", Metric: "error_rate", Unit: trigger.Ratio, From: midnight, PointSeconds: 60}
	for i := range 120 {
		p := backtest.Point{Min: 0.001, Max: 0.003, Known: 4}
		switch {
		case i >= 30 && i < 50:
			p.Min, p.Max = 0.06, 0.081
		case i >= 80 && i < 85:
			p = backtest.Point{Unknown: 4}
		case i == 100:
			p.Known, p.Missing = 2, 2
		}
		s.Points = append(s.Points, p)
	}
	return s
}

func renderedService() backtest.ServiceResult {
	return backtest.ServiceResult{
		Service: "checkout", Mode: "live",
		Triggers: []backtest.TriggerResult{{
			Name: "errors", When: "error_rate > 1% for 2m", Severity: trigger.Critical, WindowSeconds: 120,
			Conditions: []backtest.Condition{{Metric: "error_rate", Op: ">", Threshold: 0.01, ThresholdText: "1%"}},
		}},
		Deployments: []backtest.Deployment{
			{Version: "v1", At: midnight, Source: "version_query", FirstLook: true},
			{Version: "v2", Previous: "v1", At: after(25 * time.Minute), Source: "version_query"},
		},
		Firings: []backtest.Firing{
			{
				Trigger: "errors", Severity: trigger.Critical, Incident: "i1", Onset: after(30 * time.Minute), FiredAt: after(32 * time.Minute),
				ClearedAt: after(50 * time.Minute), Value: 0.081, HasValue: true, ValueText: "8.1%", Threshold: "> 1%", ThresholdValue: 0.01,
				WindowSeconds: 120, Label: "bad cache key",
			},
			{
				Trigger: "errors", Severity: trigger.Critical, Incident: "i2", Onset: after(105 * time.Minute), FiredAt: after(107*time.Minute + 15*time.Second),
				Value: 0.02, HasValue: true, ValueText: "2%", Threshold: "> 1%", ThresholdValue: 0.01, WindowSeconds: 120, OvershootSeconds: 15,
			},
		},
		Incidents: []backtest.Incident{
			{
				ID: "i1", Severity: trigger.Critical, Mode: "live", OpenedAt: after(32 * time.Minute), ClosedAt: after(40 * time.Minute), State: incident.Closed,
				Outcome: incident.RolledBack, Response: "rollback", Reason: "critical of tier 1", Triggers: []string{"errors"}, Deployment: "v2",
				DeployedAt: after(25 * time.Minute), Label: "bad cache key",
			},
			{
				ID: "i2", Severity: trigger.Critical, Mode: "live", OpenedAt: after(107*time.Minute + 15*time.Second), State: incident.Held,
				Response: "rollback", Reason: "held", HeldBy: incident.GuardCorrelated, Triggers: []string{"errors"},
				Holds: []backtest.Hold{{
					Guard: incident.GuardCorrelated, At: after(107*time.Minute + 15*time.Second),
					Reason: "3 of 5 services breach since 01:46:00, which is hardly the doing of one deployment (checkout, payments, search)",
				}},
			},
		},
		Rollbacks: []backtest.Rollback{{
			Incident: "i1", State: incident.RunCompleted, From: "v2", To: "v1", Onset: after(30 * time.Minute), DecidedAt: after(32 * time.Minute),
			StartedAt: after(32 * time.Minute), EndedAt: after(40 * time.Minute), Triggers: []string{"errors"}, Label: "bad cache key",
		}},
	}
}

// rendered is a report with something of everything.
func rendered() backtest.Report {
	gap := backtest.Gap{
		Kind: backtest.GapUnknown, Service: "checkout", Metric: "error_rate", From: after(80 * time.Minute), To: after(85 * time.Minute),
		Reason: "the query failed: 503 Service Unavailable",
	}
	return backtest.Report{
		From: midnight, To: after(2*time.Hour - 15*time.Second), StepSeconds: 15, Ticks: 480, Services: []string{"checkout"},
		Series: []backtest.Series{renderedSeries()},
		Gaps:   []backtest.Gap{gap}, GapsLeftOut: 2,
		Known:  []backtest.Coverage{{Service: "checkout", Metric: "error_rate", KnownSeconds: 6870, UnknownSeconds: 300, MissingSeconds: 30}},
		Labels: []backtest.Label{{Service: "checkout", Name: "bad cache key", From: after(29 * time.Minute), To: after(50 * time.Minute), BadVersion: "v2", Deployment: true}},
		Results: []backtest.Result{{
			Config: "3f9a2b71", Services: []backtest.ServiceResult{renderedService()},
			Assumed: []backtest.Assumption{{
				Service: "checkout", From: after(32 * time.Minute), To: after(92 * time.Minute),
				Text: "v2 was undone: the metrics are taken to be what they were at 00:24:45", Values: map[string]float64{"error_rate": 0.002},
			}},
			NotJudged: []backtest.NotJudged{{Service: "checkout", Trigger: "health", When: "3 consecutive health failures", Reason: "Prometheus holds no health events"}},
			Totals:    backtest.Totals{Firings: 2, Incidents: 2, Rollbacks: 1, Held: 1, HeldBy: map[incident.Guard]int{incident.GuardCorrelated: 1}},
			Score: &backtest.Score{
				Rollbacks: backtest.Accuracy{Right: 1, All: 1, Found: 1, Labels: 1, Precision: new(1.0), Recall: new(1.0), MedianDelaySeconds: new(180.0), P95DelaySeconds: new(180.0)},
				Firings:   backtest.Accuracy{Right: 1, All: 2, Found: 1, Labels: 1, NotSeen: 1, Precision: new(0.5), Recall: new(1.0), MedianDelaySeconds: new(180.0)},
				Labels: []backtest.LabelScore{{
					Name: "bad cache key", Service: "checkout", Rollback: backtest.Caught, Firing: backtest.Caught,
					RollbackDelaySeconds: new(180.0), FiringDelaySeconds: new(180.0), Gap: &gap,
				}},
			},
		}},
	}
}

// swept is the same history with two variants.
func swept() backtest.Report {
	r := rendered()
	other := r.Results[0]
	r.Results[0].Set = []string{"services.checkout.triggers.errors.when = error_rate > 0.5% for 2m"}
	other.Set, other.Score = []string{"services.checkout.triggers.errors.when = error_rate > 5% for 10m"}, &backtest.Score{}
	other.Totals = backtest.Totals{Firings: 1}
	r.Results = append(r.Results, other)
	return r
}

// quiet is a report in which nothing happened.
func quiet() backtest.Report {
	return backtest.Report{
		From: midnight, To: after(time.Hour), StepSeconds: 15, Ticks: 241, Services: []string{"checkout"}, Gaps: []backtest.Gap{}, Known: []backtest.Coverage{},
		Results: []backtest.Result{{Config: "3f9a2b71", Services: []backtest.ServiceResult{{Service: "checkout"}}}},
	}
}

// badName is a name as an attacker would choose it.
const badName = "<script>alert('x')</script>\x1b[31m\u202e&amp;"

// hostile has a bad name everywhere.
func hostile() backtest.Report {
	r := rendered()
	r.Services = []string{badName}
	r.Series[0].Service, r.Series[0].Metric = badName, badName
	r.Gaps[0].Service, r.Gaps[0].Reason = badName, badName
	r.Known[0].Service = badName
	r.Labels[0].Name = badName
	one := &r.Results[0]
	one.Config, one.Set = badName, []string{badName}
	one.Assumed[0].Service, one.Assumed[0].Text = badName, badName
	one.NotJudged[0].Reason = badName
	one.Score.Labels[0].Name = badName
	s := &one.Services[0]
	s.Service = badName
	s.Triggers[0].Name, s.Triggers[0].When = badName, badName
	s.Triggers[0].Conditions[0].Metric, s.Triggers[0].Conditions[0].ThresholdText = badName, badName
	s.Deployments[1].Version = badName
	for i := range s.Firings {
		s.Firings[i].Trigger, s.Firings[i].ValueText, s.Firings[i].Threshold = badName, badName, badName
	}
	for i := range s.Incidents {
		s.Incidents[i].Triggers, s.Incidents[i].Label, s.Incidents[i].Response = []string{badName}, badName, badName
	}
	s.Incidents[1].Holds[0].Reason = badName
	s.Rollbacks[0].From, s.Rollbacks[0].To = badName, badName
	return r
}

type rendering struct {
	name  string
	write func(*backtest.Report, io.Writer) error
}

func renderings() []rendering {
	return []rendering{
		{"table.txt", (*backtest.Report).WriteTable}, {"json", (*backtest.Report).WriteJSON}, {"html", (*backtest.Report).WriteHTML},
	}
}

func written(tb testing.TB, r backtest.Report, write func(*backtest.Report, io.Writer) error) string {
	tb.Helper()
	var b bytes.Buffer
	if err := write(&r, &b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestRendered(t *testing.T) {
	reports := []struct {
		name   string
		report backtest.Report
	}{{"one", rendered()}, {"sweep", swept()}, {"quiet", quiet()}, {"hostile", hostile()}}
	for _, report := range reports {
		for _, rendering := range renderings() {
			name := report.name + "." + rendering.name
			t.Run(name, func(t *testing.T) {
				path, got := filepath.Join("testdata", "rendered", name), written(t, report.report, rendering.write)
				if *updateRendered {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("it differs from %s (-want +got); look at it, then go test -update:\n%s", path, diff)
				}
			})
		}
	}
}

func TestTheTableFitsAScreen(t *testing.T) {
	for _, r := range []backtest.Report{rendered(), swept(), quiet(), hostile()} {
		for line := range strings.SplitSeq(written(t, r, (*backtest.Report).WriteTable), "\n") {
			if n := utf8.RuneCountInString(line); n > 160 {
				t.Errorf("a line has %d characters: %s", n, line)
			}
			if strings.ContainsAny(line, "\x1b\u202e") {
				t.Errorf("a line has what a terminal obeys: %q", line)
			}
		}
	}
}

// TestGapsComeFirst holds the table to its order: who reads only the beginning
// must know what the rest is worth.
func TestGapsComeFirst(t *testing.T) {
	text := written(t, rendered(), (*backtest.Report).WriteTable)
	last := -1
	for _, part := range []string{"backtest of", "GAPS: 3 gaps", "not judged: checkout health", "INCIDENTS", "ASSUMED", "LABELS", "SCORE", "total: 2 firings"} {
		at := strings.Index(text, part)
		if at <= last {
			t.Errorf("%q is at %d, want it after %d", part, at, last)
		}
		last = at
	}
}

func TestTheJSONHoldsTheReport(t *testing.T) {
	want := rendered()
	var got backtest.Report
	if err := json.Unmarshal([]byte(written(t, want, (*backtest.Report).WriteJSON)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestThePageStandsAlone holds the page to needing nothing, and to running
// nothing, whatever is in it.
func TestThePageStandsAlone(t *testing.T) {
	for _, r := range []backtest.Report{rendered(), swept(), hostile()} {
		page := written(t, r, (*backtest.Report).WriteHTML)
		for _, refused := range []string{"<script", "http:", "https:", "src=", "href=", "onload", "ZgotmplZ", "\u202e"} {
			if strings.Contains(strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, ""), refused) {
				t.Errorf("the page has %q in it", refused)
			}
		}
		if !strings.Contains(page, "default-src 'none'; style-src 'unsafe-inline'") {
			t.Error("the page has no policy")
		}
		d := xml.NewDecoder(strings.NewReader(page))
		d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("the page is not well-formed: %v", err)
			}
		}
	}
}

func TestThePageDrawsEachTrigger(t *testing.T) {
	page := written(t, rendered(), (*backtest.Report).WriteHTML)
	// The whole period, and one of two firings from near (the other has too few
	// points), each at two widths.
	if n := strings.Count(page, `<svg `); n != 4 && n != 6 {
		t.Errorf("%d charts, want the period and the firings, each at two widths", n)
	}
	for _, want := range []string{
		"&gt; 1%", "v2 deployed", "fires at 8.1%", "decided: rollback", "rollback v2 → v1", "held by correlated", "assumed instead of what is drawn",
		"Unknown in 1 stretch", "Unknown for moments, 1 time",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the charts do not tell %q", want)
		}
	}
	if ids := regexp.MustCompile(` id="`).FindString(page); ids != "" {
		t.Error("the page has identifiers; drawn twice, they would not be unique")
	}
}

func TestASweepOfManyIsNotDrawnWhole(t *testing.T) {
	r := rendered()
	for range 80 {
		r.Results = append(r.Results, r.Results[0])
	}
	page := written(t, r, (*backtest.Report).WriteHTML)
	if n := strings.Count(page, "too many variants to draw"); n != 21 {
		t.Errorf("%d variants are not drawn, want 21 of 81", n)
	}
}

// fullDisk is a writer that takes nothing.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAWritersErrorIsTold(t *testing.T) {
	for _, rendering := range renderings() {
		r := rendered()
		if err := rendering.write(&r, fullDisk{}); !errors.Is(err, errFull) {
			t.Errorf("%s: error %v, want the writer's", rendering.name, err)
		}
	}
}
