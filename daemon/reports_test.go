package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
	"github.com/rollbackd/rollbackd/trigger"
)

// counting is a Prometheus in which checkout has 100 requests a second, of which
// eight fail; answer may say otherwise for a query.
func counting(t *testing.T, answer func(query string, at time.Time) (value string, status int)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		query := r.FormValue("query")
		if !strings.HasSuffix(r.URL.Path, "query_range") {
			value, status := answer(query, time.Time{})
			if status != 0 {
				w.WriteHeader(status)
				return
			}
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service":"checkout"},"value":[%s,%q]}]}}`, r.FormValue("time"), value)
			return
		}
		from, _ := strconv.ParseFloat(r.FormValue("start"), 64)
		to, _ := strconv.ParseFloat(r.FormValue("end"), 64)
		var values []string
		for at := from; at <= to; at += 15 {
			value, status := answer(query, time.Unix(int64(at), 0))
			if status != 0 {
				w.WriteHeader(status)
				return
			}
			if value != "" {
				values = append(values, fmt.Sprintf(`[%.0f,%q]`, at, value))
			}
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"service":"checkout"},"values":[%s]}]}}`, strings.Join(values, ","))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func steady(query string, _ time.Time) (string, int) {
	switch query {
	case "bad":
		return "8", 0
	case "total":
		return "100", 0
	}
	return "42", 0
}

const ratios = `
[prometheus]
url = %q
[metrics]
error_rate = { bad = "bad", total = "total" }
latency = { query = "latency", unit = "seconds" }
[services.checkout.triggers]
errors = { when = "error_rate > 1%% for 2m", severity = "low" }
slow = { when = "latency > 1s for 2m", severity = "low" }
`

// broken is an incident that breached for five minutes, on the grid of 15 s.
func broken() *incident.Incident {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	inc := &incident.Incident{
		ID: "checkout-1", Service: "checkout", State: incident.Closed, OpenedAt: at.Add(2 * time.Minute), ClosedAt: at.Add(10 * time.Minute),
		Triggers: []incident.Evidence{{Name: "errors", Since: at, FiredAt: at.Add(2 * time.Minute), ClearedAt: at.Add(5 * time.Minute)}},
		Samples:  []incident.Series{{Trigger: "errors"}},
	}
	for i := range 40 {
		truth := "breach"
		if i >= 20 {
			truth = "ok"
		}
		inc.Samples[0].Points = append(inc.Samples[0].Points, incident.Point{At: at.Add(time.Duration(i) * 15 * time.Second), Truth: truth})
	}
	return inc
}

// numbers are those of an impact; nil where one is not known.
func numbers(i incident.Impact) map[string]any {
	all := map[string]any{}
	for name, v := range map[string]*float64{"requests": i.Requests, "failed": i.FailedRequests, "affected": i.AffectedUsers, "downtime": i.DowntimeSeconds} {
		all[name] = nil
		if v != nil {
			all[name] = *v
		}
	}
	return all
}

func TestImpact(t *testing.T) {
	gap := func(query string, at time.Time) (string, int) {
		if at.Minute() == 1 && query != "latency" { // four of the twenty
			return "", 0
		}
		return steady(query, at)
	}
	mostlyGone := func(query string, at time.Time) (string, int) {
		if at.Minute() > 0 {
			return "", 0
		}
		return steady(query, at)
	}
	down := func(string, time.Time) (string, int) { return "", http.StatusServiceUnavailable }
	tests := []struct {
		name, config string
		answer       func(string, time.Time) (string, int)
		want         map[string]any
		says         string
		again        bool
	}{
		{
			"added up from a bad + total metric", "", steady,
			map[string]any{"requests": 30000.0, "failed": 2400.0, "affected": nil, "downtime": 300.0},
			"affected users: no query is configured", false,
		},
		{
			"gaps are not counted, and said", "", gap,
			map[string]any{"requests": 24000.0, "failed": 1920.0, "affected": nil, "downtime": 300.0},
			"4 of 20 samples of error_rate were not known and are not counted", false,
		},
		{
			"too little is known to say anything", "", mostlyGone,
			map[string]any{"requests": nil, "failed": nil, "affected": nil, "downtime": 300.0},
			"only 4 of 20 samples of error_rate were known", false,
		},
		{
			"Prometheus is away", "", down,
			map[string]any{"requests": nil, "failed": nil, "affected": nil, "downtime": 300.0},
			"only 0 of 20 samples of error_rate were known (", true,
		},
		{
			"queries", "[report]\nrequests = 'r{s=\"${service}\"}[${range}]'\nfailed = 'f[${range}]'\naffected = 'u'\n", steady,
			map[string]any{"requests": 42.0, "failed": 42.0, "affected": 42.0, "downtime": 300.0},
			"", false,
		},
		{
			"one query, the other from the metric", "[report]\nfailed = 'f'\naffected = 'u'\n", steady,
			map[string]any{"requests": 30000.0, "failed": 42.0, "affected": 42.0, "downtime": 300.0},
			"", false,
		},
		{
			"a query below zero, and one that is no number", "[report]\nrequests = 'r'\nfailed = 'f'\naffected = 'u'\n",
			func(query string, _ time.Time) (string, int) {
				return map[string]string{"r": "NaN", "f": "-3", "u": "7"}[query], 0
			},
			map[string]any{"requests": nil, "failed": nil, "affected": 7.0, "downtime": 300.0},
			"failed: the answer is below zero", false,
		},
	}
	for _, tt := range tests {
		text := strings.ReplaceAll(tt.config, "r{s=\"${service}\"}[${range}]", "sum_over_time(r{s=\"${service}\"}[${range}])")
		text = strings.ReplaceAll(text, "'f[${range}]'", "'sum_over_time(f[${range}])'")
		c := parse(t, fmt.Sprintf(ratios, counting(t, tt.answer))+text)
		h := houseOf(c)
		h.o.Clock, h.log = clock.New(), hclog.NewNullLogger()
		got, err := h.impactOf(t.Context(), c, broken())
		if errors.Is(err, errAgain) != tt.again {
			t.Errorf("%s: error %v, want again %v", tt.name, err, tt.again)
		}
		if diff := cmp.Diff(tt.want, numbers(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", tt.name, diff, got.Problem)
		}
		if tt.says == "" && got.Problem != "" || !strings.Contains(got.Problem, tt.says) {
			t.Errorf("%s: it says %q, want %q in it", tt.name, got.Problem, tt.says)
		}
	}
}

// TestImpactWithoutAnythingToAsk: what cannot be asked is not known, with the reason.
func TestImpactWithoutAnythingToAsk(t *testing.T) {
	c := parse(t, fmt.Sprintf(ratios, "http://127.0.0.1:1"))
	h := houseOf(c)
	h.o.Clock, h.log = clock.New(), hclog.NewNullLogger()
	gone := broken()
	gone.Service = "nosuch"
	manual := broken()
	manual.Triggers, manual.Samples = nil, nil
	for want, inc := range map[string]*incident.Incident{
		"the service is not configured any more": gone, "no trigger fired, so there was no breach to measure": manual,
	} {
		got, err := h.impactOf(t.Context(), c, inc)
		if err != nil || got.Requests != nil || got.FailedRequests != nil || !strings.Contains(got.Problem, want) {
			t.Errorf("got %+v, %v; want %q", got, err, want)
		}
	}
}

// journalled is a house whose journal holds one closed incident.
func journalled(t *testing.T, reports string) (*house, *clock.Mock) {
	t.Helper()
	d := newDiary(t)
	at := d.now
	for _, e := range []incident.Entry{
		{At: at, Kind: incident.KindOpened, Text: "opened", Opened: &incident.OpenedEntry{Severity: trigger.High, Mode: "live"}},
		{At: at.Add(time.Minute), Kind: incident.KindClosed, Text: "closed", Closed: &incident.ClosedEntry{Outcome: incident.Recovered}},
	} {
		e.Service, e.Incident, e.Actor = "checkout", "checkout-1", "rollbackd"
		if err := d.Record(e, nil); err != nil {
			t.Fatal(err)
		}
	}
	h := houseOf(parse(t, shop+reports))
	mock := clock.NewMock()
	mock.Set(at.Add(time.Hour))
	h.o.Clock, h.log, h.journal, h.history = mock, hclog.NewNullLogger(), d.journal, newHistory(d.journal, mock)
	return h, mock
}

// TestReportsAreCaughtUpWith: what closed while nobody looked is written at the next
// start, whole, for those who may read it, and once.
func TestReportsAreCaughtUpWith(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "reports")
	h, mock := journalled(t, fmt.Sprintf("[report]\ndir = %q\n", dir))
	r := newReports(h)
	r.catchUp(t.Context())
	if wait := r.work(t.Context()); wait > h.config.Load().Prometheus.PollInterval {
		t.Errorf("the impact is not measured soon: next look in %s", wait)
	}
	var names []string
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o640 || info.Size() == 0 {
			t.Errorf("%s: mode %v, %d bytes, %v", f.Name(), info.Mode(), info.Size(), err)
		}
		names = append(names, f.Name())
	}
	if diff := cmp.Diff([]string{"checkout-1.html", "checkout-1.json", "checkout-1.md"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	again := newReports(h)
	if again.catchUp(t.Context()); len(again.writing) != 0 || len(again.measuring) != 1 {
		t.Errorf("what is there is written again: %v, %v", again.writing, again.measuring)
	}
	if err := os.Remove(filepath.Join(dir, "checkout-1.md")); err != nil {
		t.Fatal(err)
	}
	if again.catchUp(t.Context()); len(again.writing) != 1 {
		t.Error("a report of which one form is missing is not written")
	}
	mock.Add(48 * time.Hour)
	late := newReports(h)
	if late.catchUp(t.Context()); len(late.writing)+len(late.measuring) != 0 {
		t.Errorf("what closed days ago is caught up with: %v, %v", late.writing, late.measuring)
	}
}

// TestLostEntriesAreNoticed: an entry whose number does not follow says that others
// were lost, and a close may be among them.
func TestLostEntriesAreNoticed(t *testing.T) {
	h, _ := journalled(t, fmt.Sprintf("[report]\ndir = %q\n", t.TempDir()))
	r := newReports(h)
	take := func(seq uint64) {
		r.take(t.Context(), responder.Recorded{Seq: seq, Entry: incident.Entry{Kind: incident.KindDeployment}})
	}
	if take(1); len(r.writing) != 0 {
		t.Error("the first entry is taken for a gap")
	}
	if take(2); len(r.writing) != 0 {
		t.Error("an entry that follows is taken for a gap")
	}
	if take(5); len(r.writing) != 1 {
		t.Error("a gap is not noticed")
	}
}

// TestAReportOfWhatIsOpenAgainIsWritten: what is in the folder is not true any more.
func TestAReportOfWhatIsOpenAgainIsWritten(t *testing.T) {
	for _, kind := range []incident.Kind{incident.KindReopened, incident.KindHorizon, incident.KindImpact, incident.KindClosed} {
		h, _ := journalled(t, fmt.Sprintf("[report]\ndir = %q\n", t.TempDir()))
		r := newReports(h)
		r.take(t.Context(), responder.Recorded{Seq: 3, Entry: incident.Entry{Kind: kind, Incident: "checkout-1"}})
		if len(r.writing) != 1 {
			t.Errorf("%s: nothing is written", kind)
		}
	}
}

// TestAReportThatCannotBeWrittenIsTriedAgain, and nothing half is left behind.
func TestAReportThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h, mock := journalled(t, fmt.Sprintf("[report]\ndir = %q\n", file))
	r := newReports(h)
	r.take(t.Context(), responder.Recorded{Seq: 3, Entry: incident.Entry{Kind: incident.KindHorizon, Incident: "checkout-1"}})
	if wait := r.work(t.Context()); wait != reportsAgain || len(r.writing) != 1 {
		t.Fatalf("next look in %s, to be written %v", wait, r.writing)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	mock.Add(reportsAgain)
	if r.work(t.Context()); len(r.writing) != 0 {
		t.Errorf("still to be written: %v", r.writing)
	}
	if _, err := os.Stat(filepath.Join(file, "checkout-1.md")); err != nil {
		t.Error(err)
	}
}
