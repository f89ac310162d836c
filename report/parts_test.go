package report_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/chart"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

func three() time.Time { return time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC) }

// points are samples 15 s apart: b is a breach, o is ok, anything else unknown.
func points(said string) []incident.Point {
	var all []incident.Point
	for i, c := range said {
		value := map[rune]float64{'b': 0.08, 'o': 0.001}[c]
		p := incident.Point{At: three().Add(time.Duration(i) * 15 * time.Second), Truth: "unknown"}
		if value > 0 {
			p.Value, p.Truth = &value, map[rune]string{'b': "breach", 'o': "ok"}[c]
		}
		all = append(all, p)
	}
	return all
}

func seconds(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// TestPartsOfTheDelay: each part is the difference of two recorded times; what is
// not on record is null and never zero.
func TestPartsOfTheDelay(t *testing.T) {
	at := func(s int) time.Time { return three().Add(time.Duration(s) * time.Second) }
	fired := incident.Evidence{Name: "errors", Since: at(60), FiredAt: at(195), Length: 2 * time.Minute}
	decided := incident.Moment{At: at(196), Kind: incident.KindDecided}
	run := &incident.Run{ID: "i.1", DecidedAt: at(200), StartedAt: at(206), Steps: []incident.StepRun{
		{Section: incident.SectionChecks, StartedAt: at(206)}, {Section: incident.SectionSteps, StartedAt: at(210), State: incident.StepRunning},
	}}
	tests := map[string]struct {
		inc   incident.Incident
		want  map[string]any
		total any
	}{
		"all known": {
			incident.Incident{Triggers: []incident.Evidence{fired}, Timeline: []incident.Moment{decided}, Rollback: run},
			map[string]any{"window": 120.0, "scrape_lag": nil, "poll_lag": 15.0, "decision": 1.0, "waiting": 10.0, "action": 4.0},
			150.0,
		},
		"samples instead of a length": {
			incident.Incident{Triggers: []incident.Evidence{{Name: "errors", Since: at(60), FiredAt: at(90), Length: 75 * time.Second}}, Timeline: []incident.Moment{decided}},
			map[string]any{"window": 30.0, "scrape_lag": nil, "poll_lag": 0.0, "decision": 106.0, "waiting": nil, "action": nil},
			nil,
		},
		"no onset on record": {
			incident.Incident{Triggers: []incident.Evidence{{Name: "errors", FiredAt: at(90)}}},
			map[string]any{"window": nil, "scrape_lag": nil, "poll_lag": nil, "decision": nil, "waiting": nil, "action": nil},
			nil,
		},
		"the clock was set back": {
			incident.Incident{Triggers: []incident.Evidence{fired}, Timeline: []incident.Moment{{At: at(100), Kind: incident.KindDecided}}},
			map[string]any{"window": 120.0, "scrape_lag": nil, "poll_lag": 15.0, "decision": nil, "waiting": nil, "action": nil},
			nil,
		},
		"a person asked": {incident.Incident{Rollback: run}, map[string]any{}, nil},
	}
	for name, tt := range tests {
		d := report.Of(&tt.inc, options()).Detection
		got := map[string]any{}
		for _, p := range d.Parts {
			got[p.Part] = seconds(p.Seconds)
			if p.Text == "" {
				t.Errorf("%s: %s says nothing", name, p.Part)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.total, seconds(d.TotalSeconds)); diff != "" {
			t.Errorf("%s: total (-want +got):\n%s", name, diff)
		}
	}
}

// TestDowntime counts breaches only, once for all triggers, and says what was unknown.
func TestDowntime(t *testing.T) {
	tests := []struct {
		name    string
		samples []string
		want    time.Duration
		known   bool
		problem string
	}{
		{"a breach", []string{"oobbbboo"}, time.Minute, true, ""},
		{"two triggers at once", []string{"oobbbboo", "ooobbbbo"}, 75 * time.Second, true, ""},
		{"unknown is no breach", []string{"oobb..bboo"}, time.Minute, true, "for 30s more it was not known whether it breached"},
		{"another trigger knows", []string{"oobb..bboo", "ooobbbbboo"}, 90 * time.Second, true, ""},
		{"nothing", nil, 0, false, "no sample of the breach is on record"},
		{"all ok", []string{"oooo"}, 0, false, "no sample of the breach is on record"},
	}
	for _, tt := range tests {
		inc := &incident.Incident{}
		for i, s := range tt.samples {
			inc.Samples = append(inc.Samples, incident.Series{Trigger: string(rune('a' + i)), Points: points(s)})
		}
		got, known, problem := report.Downtime(inc, three(), three().Add(time.Hour))
		if got != tt.want || known != tt.known || problem != tt.problem {
			t.Errorf("%s: got %s, %v, %q; want %s, %v, %q", tt.name, got, known, problem, tt.want, tt.known, tt.problem)
		}
	}
	inc := &incident.Incident{Samples: []incident.Series{{Trigger: "a", Points: points("bbbbbbbb")}}}
	if got, _, _ := report.Downtime(inc, three().Add(20*time.Second), three().Add(50*time.Second)); got != 30*time.Second {
		t.Errorf("cut at both ends: got %s, want 30s", got)
	}
	hole := append(points("bb"), incident.Point{At: three().Add(time.Hour), Truth: "breach"})
	if got, _, _ := report.Downtime(&incident.Incident{Samples: []incident.Series{{Points: append(points("oobb"), hole[2])}}}, three(), three().Add(2*time.Hour)); got != 45*time.Second {
		t.Errorf("over an hour without samples: got %s, want 45s", got)
	}
}

// TestEvidenceChart: the chart has the values, the threshold, the window and what
// was done; an incident without samples has none.
func TestEvidenceChart(t *testing.T) {
	inc := played(t, "verified", nil)
	c, drawn := report.EvidenceChart(inc, "errors")
	if !drawn || c.Threshold == nil || c.Threshold.Value != 0.01 || c.Unit != chart.Ratio || c.Step != 15*time.Second {
		t.Fatalf("drawn %v: %+v", drawn, c)
	}
	var marks []chart.MarkKind
	for _, m := range c.Marks {
		marks = append(marks, m.Kind)
	}
	want := []chart.MarkKind{chart.Onset, chart.Firing, chart.Deployment, chart.Decision, chart.Rollback, chart.Verified}
	if diff := cmp.Diff(want, marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	ev := inc.Triggers[0]
	if len(c.Bands) != 1 || !c.Bands[0].From.Equal(ev.Since) || !c.Bands[0].To.Equal(ev.FiredAt) {
		t.Errorf("bands %+v, want the window of %+v", c.Bands, ev)
	}
	inc.Rollback.EndedAt = c.Points[len(c.Points)-1].T.Add(3 * time.Millisecond) // it takes a moment to say so
	if c, _ := report.EvidenceChart(inc, "errors"); c.To.Before(inc.Rollback.EndedAt) {
		t.Errorf("the chart ends at %s, before the rollback was verified at %s: that mark is not on it", c.To, inc.Rollback.EndedAt)
	}
	if _, drawn := report.EvidenceChart(inc, "nosuch"); drawn {
		t.Error("a trigger that is not there was drawn")
	}
	inc.Samples[0].Points = points("....")
	if _, drawn := report.EvidenceChart(inc, "errors"); drawn {
		t.Error("a chart of nothing known was drawn")
	}
	// The older half of a long series is thinned out: that is no gap.
	var thin []incident.Point
	for i, p := range points(strings.Repeat("o", 60)) {
		if i >= 30 || i%2 == 0 {
			thin = append(thin, p)
		}
	}
	inc.Samples[0].Points = thin
	if c, _ := report.EvidenceChart(inc, "errors"); c.Step != 30*time.Second {
		t.Errorf("step %s, want that of the thinner half", c.Step)
	}
}

// TestHoldsAndWhatReleasedThem reads the stretches off real timelines.
func TestHoldsAndWhatReleasedThem(t *testing.T) {
	inc := played(t, "held", nil)
	i := slices.IndexFunc(inc.Timeline, func(m incident.Moment) bool { return m.HeldBy != "" })
	inc.Timeline = slices.Insert(inc.Timeline, i+1, inc.Timeline[i]) // decided once more, held by the same: one stretch
	r := report.Of(inc, options())
	var got []string
	for _, h := range r.Holds {
		got = append(got, string(h.Guard)+" until "+h.Until.Format("15:04:05")+": "+h.ReleasedBy)
	}
	want := []string{
		"before_deployment until 10:06:00: held (vetoed) instead of rollback: vetoed by carol: the index is being rebuilt; released when: a newer deployment, it gets worse, or approve",
		"vetoed until 10:15:00: closed as vetoed: by carol: the index is built",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("holds (-want +got):\n%s", diff)
	}
	var people []string
	for _, w := range r.People {
		people = append(people, w.Who+" "+w.Verb+" "+w.Reason)
	}
	if diff := cmp.Diff([]string{"carol veto the index is being rebuilt", "carol close the index is built"}, people); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
}

// TestDraftForCustomersNamesNothingInside: no version, person, service, trigger or
// number of ours; and it says of itself that it was not sent.
func TestDraftForCustomersNamesNothingInside(t *testing.T) {
	for _, world := range worlds() {
		inc := measured(played(t, world, seen))
		draft := written(t, inc, report.Ask{For: report.Customers})
		if !strings.HasPrefix(draft, "DRAFT – not sent") {
			t.Errorf("%s: it does not say that it is a draft:\n%s", world, draft)
		}
		inside := []string{inc.ID, inc.Service, "errors", "slow", "rollback", "rolled back", "1,311", "bob", "carol", "alice", "https://"}
		if d := inc.Deployment; d != nil {
			inside = append(inside, d.Version, d.Previous)
		}
		for _, word := range inside {
			if strings.Contains(draft, word) {
				t.Errorf("%s: it names %q:\n%s", world, word, draft)
			}
		}
	}
}

// TestNothingIsMadeUp: what people fill in is empty, and what is not known is null.
func TestNothingIsMadeUp(t *testing.T) {
	var doc struct {
		ForPeople []struct{ Title, Text string } `json:"for_people"`
		Impact    map[string]any
		SLA       map[string]any
	}
	text := written(t, played(t, "held", nil), report.Ask{Format: report.JSON})
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.ForPeople) != 3 {
		t.Errorf("parts for people: %+v", doc.ForPeople)
	}
	for _, p := range doc.ForPeople {
		if p.Text != "" || p.Title == "" {
			t.Errorf("%q was filled in: %q", p.Title, p.Text)
		}
	}
	for _, key := range []string{"requests", "failed_requests", "affected_users", "downtime_seconds"} {
		if v, there := doc.Impact[key]; !there || v != nil {
			t.Errorf("impact.%s is %v, want null", key, v)
		}
	}
	if v, there := doc.SLA["met"]; !there || v != nil {
		t.Errorf("sla.met is %v, want null: nothing was rolled back", v)
	}
}

// TestAMomentIsNotZero: a decision that took milliseconds took some time.
func TestAMomentIsNotZero(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 300 * time.Microsecond: "<1ms", 2648 * time.Microsecond: "3ms", 99900 * time.Microsecond: "100ms", 149 * time.Millisecond: "0.1s",
		2040 * time.Millisecond: "2s", 125 * time.Second: "2m5s", -time.Second: report.NotKnown,
	} {
		if got := report.Span(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

// TestLongOutputsAreCut keeps their end, and says so.
func TestLongOutputsAreCut(t *testing.T) {
	long := strings.Repeat("é is two bytes\n", 2000) + "the mistake\n"
	inc := played(t, "failed", func(e *incident.Entry) {
		if e.Step != nil && e.Step.Result != nil && e.Step.Result.State == incident.StepFailed {
			e.Step.Result.Output = long
		}
	})
	text := written(t, inc, report.Ask{Format: report.Markdown})
	if !strings.Contains(text, "the mistake") || !strings.Contains(text, "bytes are left out") || strings.Contains(text, "\ufffd") {
		t.Errorf("an output of %d bytes is not cut well:\n%s", len(long), text)
	}
	if len(text) > 20_000 {
		t.Errorf("the report has %d bytes", len(text))
	}
}

// TestPageNeedsNothingElse: no script, and no address but the incident's page.
func TestPageNeedsNothingElse(t *testing.T) {
	for _, world := range worlds() {
		page := written(t, played(t, world, seen), report.Ask{Format: report.HTML})
		page = strings.ReplaceAll(page, "https://rollbackd.example.com/incidents/", "")
		page = strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, word := range []string{"http:", "https:", "<script", "<link", "<img", "<iframe", "url(", "@import", " src="} {
			if strings.Contains(page, word) {
				t.Errorf("%s: the page has %q", world, word)
			}
		}
		if len(page) > 150<<10 {
			t.Errorf("%s: the page has %d bytes", world, len(page))
		}
	}
}

// TestAskWords: every mistake in what is asked for is named at once.
func TestAskWords(t *testing.T) {
	tests := []struct{ format, audience, err string }{
		{"", "", ""},
		{"html", "", ""},
		{"", "support", ""},
		{"markdown", "support", ""},
		{"pdf", "", `format: "pdf" is not a form`},
		{"", "me", `for: "me" is nobody`},
		{"json", "support", "a draft for support is plain text"},
		{"pdf", "me", "for: \"me\""},
	}
	for _, tt := range tests {
		a, err := report.ParseAsk(tt.format, tt.audience)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q %q: got %+v, %v; want %q", tt.format, tt.audience, a, err, tt.err)
		}
		if err == nil {
			var b bytes.Buffer
			if failed := report.Write(&b, played(t, "held", nil), a, options()); failed != nil || b.Len() == 0 {
				t.Errorf("%+v: %d bytes, %v", a, b.Len(), failed)
			}
		}
	}
}
