package page_test

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web/page"
)

// drawn is a fragment as text.
func drawn(t *testing.T, f page.Fragment, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(f.HTML)
}

// shown is the text of a page without its markup, in one line.
func shown(markup string) string {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(markup, " ")
	return html.UnescapeString(strings.Join(strings.Fields(text), " "))
}

func wants(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
}

func TestServicesComeByUrgency(t *testing.T) {
	f, err := page.New().Services(servicesInput())
	text := drawn(t, f, err)
	var names []string
	for _, found := range regexp.MustCompile(`<tr id="s-([^"]+)"`).FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	want := []string{"payments", "checkout", "cart", "search", "mail", "accounts", "stock"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	wants(t, shown(text), "✖ held, rollback partial payments", "▲ waiting for you checkout", "1 held, rollback partial", "3 ok", "errors 8.1% > 1%", "firing, and 1 more", "window full",
		"window 37% full", "unknown (timeout)", "paused by dave until 05:04:20 UTC: load test", "needs 1 approval by ops-lead", "in 4m 15s at 03:08:35 UTC",
		"rollback partial: restart failed", "back to v2.13.2", "shadow")
	if f.Title != "(2) Services – rollbackd" {
		t.Errorf("title %q", f.Title)
	}
}

func TestWhatTheDaemonIsMissing(t *testing.T) {
	in := servicesInput()
	in.Daemon = page.Daemon{ReloadFailed: true, Sources: []page.Source{{Name: "prometheus", Since: night().Add(-time.Minute), Reason: "timeout"}}}
	in.Services[0].Brakes = []incident.BrakeView{{Kind: incident.Lock, All: true, By: "dave", Why: "data centre move"}}
	f, err := page.New().Services(in)
	wants(t, shown(drawn(t, f, err)), "prometheus does not answer since 03:03:20 UTC (timeout)", "The last reload failed",
		"All services: locked by dave until somebody lifts it: data centre move.", "Unlock")
}

func TestWhatTheJournalIsMissing(t *testing.T) {
	since := night().Add(-time.Minute)
	todo := "free space on the disk of /var/lib/rollbackd"
	tests := []struct {
		name    string
		journal page.Journal
		words   []string
		not     string
	}{
		{"well", page.Journal{}, []string{"Daemon ✓ ready"}, "journal"},
		{
			"low",
			page.Journal{Problem: "the journal's disk is nearly full", Since: since, ToDo: todo},
			[]string{"Daemon ! ready, its disk nearly full", "The journal's disk is nearly full, since 03:03:20 UTC. Free space on the disk of /var/lib/rollbackd."},
			"✓ ready",
		},
		{
			"failing",
			page.Journal{Failing: true, Problem: "the journal's disk is full: nothing new is begun", ToDo: todo},
			[]string{"Daemon ✖ begins nothing new", "The journal's disk is full: nothing new is begun. Free space on the disk of"},
			"✓ ready",
		},
	}
	for _, tt := range tests {
		in := servicesInput()
		in.Daemon.Journal = tt.journal
		f, err := page.New().Services(in)
		text := shown(drawn(t, f, err))
		wants(t, text, tt.words...)
		if strings.Contains(text, tt.not) {
			t.Errorf("%s: %q is there\n%s", tt.name, tt.not, text)
		}
	}
}

func TestAServiceIsTold(t *testing.T) {
	f, err := page.New().Service(serviceInput())
	text := drawn(t, f, err)
	wants(t, text, "window so far", "fires</title>") // on the charts
	wants(t, shown(text), "errors ● firing 8.1% > 1%", "window full", "slow ◐ pending 612ms > 500ms", "window 55% full", "since 03:01:35",
		"v2.13.2 target ✓ good", "v2.13.1 ⊘ quarantined", "If a critical breach began at this moment", "allows at most approve",
		"Rehearsed 9d ago, no problem found", `Labels site="eu-1", team="shop"`, "1 of 2 instances pass", "web2 ✖ fail 2", "Pause", "Lock")
	if n := strings.Count(text, "<svg xmlns"); n != 4 { // two triggers with values, each for a screen and for a phone
		t.Errorf("%d charts, want 4", n)
	}
}

func TestAnIncidentIsToldInTenSeconds(t *testing.T) {
	r := page.New()
	tests := []struct {
		incident *incident.Incident
		words    []string
	}{
		{waiting(), []string{
			"checkout v2.14.0 → v2.13.2 ▲ waiting for you ▲▲▲ critical", "errors 8.1% > 1% since 03:01:35 UTC, 3m15s after v2.14.0 by alice",
			"To be decided in 4m 15s at 03:08:35 UTC", "Still needed: 1 approval by ops-lead", "If you do nothing: nothing is changed, and you are reminded.",
			"Approve v2.14.0 → v2.13.2", "Veto", "Held by window", "acknowledged: looking by bob",
		}},
		{rolling(), []string{"↶ rolling back", "The SLA is over in 13m 20s", "1m 40s of 15m", "3 of 6 steps", "traffic 18s", "↻ running previous release application for 50s", "○ to come restart", "Abort", "␛[32mok"}},
		{failed(), []string{
			"✖ held, rollback partial", "The rollback ended partial: restart failed, exit 1", "SLA not met, never verified", "4 of 6 steps, 1 skipped", "✖ failed restart application 4s exit 1", "exit status 1",
			"Rolls back although it is held by blocked.", "<script>alert(1)</script>",
		}},
		{closed(), []string{
			"✓ rolled back", "There is nothing to do.", "closed 03:04:15 after 10m 55s", "ok again since 03:00:20", "SLA met", "✓ passed", "immediate",
			"carol (ops-lead) 03:02:40 : clear from the graph", "Failed requests 3905", "panic: nil map", "Markdown",
		}},
	}
	for _, tt := range tests {
		f, err := r.Incident(incidentInput(tt.incident))
		wants(t, shown(drawn(t, f, err)), tt.words...)
	}
}

// TestEveryElementHasItsOwnID: a page that is kept up to date, and a screen reader,
// find an element by it.
func TestEveryElementHasItsOwnID(t *testing.T) {
	in := failed()
	earlier := *in.Rollback
	earlier.ID = "before"
	in.EarlierRollbacks = []*incident.Run{&earlier}
	in.Samples = waiting().Samples
	f, err := page.New().Incident(incidentInput(in))
	seen := map[string]bool{}
	for _, found := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(drawn(t, f, err), -1) {
		if seen[found[1]] {
			t.Errorf("two elements are #%s", found[1])
		}
		seen[found[1]] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d elements have one", len(seen))
	}
}

// TestTheEndOfALongLineIsShown: what went wrong is said last, on however long a line.
func TestTheEndOfALongLineIsShown(t *testing.T) {
	for name, output := range map[string]string{
		"one line": strings.Repeat("é<", 30_000) + "THE END", "with its end": strings.Repeat("é<", 30_000) + "THE END\n", "many": strings.Repeat("line\n", 30_000) + "THE END",
	} {
		in := failed()
		for n := range in.Rollback.Steps {
			in.Rollback.Steps[n].Output = ""
			if in.Rollback.Steps[n].State == incident.StepFailed {
				in.Rollback.Steps[n].Output = output
			}
		}
		f, err := page.New().Incident(incidentInput(in))
		if text := shown(drawn(t, f, err)); !strings.Contains(text, "cut here") || !strings.Contains(text, "THE END") {
			t.Errorf("%s: its end is not shown\n%.2000s", name, text)
		}
	}
}

// TestAYesToAStepNamesTheStep: there may be several in a plan.
func TestAYesToAStepNamesTheStep(t *testing.T) {
	in := rolling()
	in.Needs = []incident.Need{{Role: "any", Count: 1}}
	in.Decision.PlanHash = "77aa01"
	f, err := page.New().Incident(incidentInput(in))
	wants(t, drawn(t, f, err), `<input type="hidden" name="plan" value="77aa01">`)
	text := shown(drawn(t, f, err))
	wants(t, text, "waiting for you", "Approve step previous release The plan goes on.", "Abort")
	if strings.Contains(text, "It is over by your word") {
		t.Errorf("it offers to close what must be aborted first\n%s", text)
	}
}

func TestTheHistoryIsTold(t *testing.T) {
	f, err := page.New().History(historyInput())
	wants(t, shown(drawn(t, f, err)), "Rollbacks that worked 91%", "11 of 12 begun are verified", "median; average 6m 52s, 95% within 14m 40s",
		"checkout 23, 2 open 91% 6m 52s 83% 4", "payments 6 – – – 0", "✓ rolled back 11", "no deployment 4", "✖ held, rollback partial held by blocked", "SLA missed", "Older")
}

// TestWhatIsNotKnownIsNotZero: a period without rollbacks has no rate.
func TestWhatIsNotKnownIsNotZero(t *testing.T) {
	f, err := page.New().History(page.History{Days: 7, Now: night()})
	wants(t, shown(drawn(t, f, err)), "Rollbacks that worked –", "Time to roll back –", "Within the SLA –", "There was none.")
}

// TestTheTokenIsTheViewersOwn: what is drawn once is sent to many.
func TestTheTokenIsTheViewersOwn(t *testing.T) {
	r := page.New()
	f, err := r.Incident(incidentInput(waiting()))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"alices", "bobs"} {
		var b bytes.Buffer
		if err := r.Write(&b, page.Frame{Viewer: approver(), Now: night(), Answer: &page.Answer{Text: "<b>"}}, f, token); err != nil {
			t.Fatal(err)
		}
		wants(t, b.String(), `name="token" value="`+token+`"`, "&lt;b&gt;", "Not done.")
		if strings.Contains(b.String(), "token-") {
			t.Error("the page holds the mark that stands for the token")
		}
	}
}

// TestTheSameIsDrawnTheSame: a page that has not changed is not sent again.
func TestTheSameIsDrawnTheSame(t *testing.T) {
	r := page.New()
	in := incidentInput(rolling())
	in.Incident.Rollback.PhaseSeconds = map[string]float64{"a": 1, "b": 2, "c": 3, "d": 4, "traffic": 5}
	first, err := r.Incident(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := r.Incident(in)
		if err != nil || !bytes.Equal(first.HTML, again.HTML) {
			t.Fatalf("drawn twice it differs (%v)", err)
		}
	}
}
