package responder_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// sh is a step that runs a script.
func sh(t *testing.T, name, script string, changes bool) incident.PlanStep {
	t.Helper()
	do, err := json.Marshal(action.Step{Kind: action.KindExec, Argv: []string{"sh", "-c", script, "${target_version}"}})
	if err != nil {
		t.Fatal(err)
	}
	return incident.PlanStep{Name: name, Timeout: 10 * time.Second, OnFailure: "stop", Changes: changes, Do: do, UsesTarget: changes}
}

// stage is a service whose plan is rehearsed by a real runner, in a directory
// that steps would leave traces in.
type stage struct {
	t     *testing.T
	brain *incident.Brain
	dir   string
}

// stagedPlan makes a service that runs v2 and may go back to v1. Each changing step
// of its plan would leave a trace.
func stagedPlan(t *testing.T, change func(s *stage, p *incident.Plan)) *stage {
	t.Helper()
	return stagedAfter(t, "v1", change)
}

// stagedAfter is stagedPlan where v2 came after another version, or after none.
func stagedAfter(t *testing.T, previous string, change func(s *stage, p *incident.Plan)) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	o := twoSteps()
	service := o.Services["checkout"]
	plan := *service.Plan
	plan.SLA = 15 * time.Minute
	plan.Steps = []incident.PlanStep{sh(t, "flip", s.touch("flip"), true), sh(t, "restart", s.touch("restart"), true)}
	if change != nil {
		change(s, &plan)
	}
	service.Plan = &plan
	o.Services["checkout"] = service
	s.brain = incident.New(o)
	for _, e := range []incident.Entry{
		{At: time.Unix(0, 0).UTC(), Kind: incident.KindDeployment, Service: "checkout", Deployment: &incident.Deployment{
			Service: "checkout", Version: "v2", Previous: previous, StartedAt: time.Unix(0, 0).UTC(), NotedAt: time.Unix(0, 0).UTC(), Source: "nats",
		}},
	} {
		s.brain.Apply(e)
	}
	return s
}

func (s *stage) touch(name string) string { return "touch " + filepath.Join(s.dir, name) }

func (s *stage) rehearse(ctx context.Context, ask incident.RehearsalAsk) *incident.RehearsalReport {
	s.t.Helper()
	ask.Service = "checkout"
	what, err := s.brain.Rehearsing(ask, time.Unix(3600, 0))
	if err != nil {
		s.t.Fatal(err)
	}
	return responder.Rehearse(ctx, what, action.NewRunner(action.Options{Dir: s.t.TempDir()}))
}

// found are the lines of a report as "found about name: why".
func found(r *incident.RehearsalReport) []string {
	var lines []string
	for _, l := range r.Lines {
		lines = append(lines, strings.TrimSuffix(strings.TrimSpace(fmt.Sprintf("%s %s %s", l.Found, l.About, l.Name))+": "+l.Why, ": "))
	}
	return lines
}

func TestARehearsalLooksAtEverythingAndDoesNothing(t *testing.T) {
	s := stagedPlan(t, func(s *stage, p *incident.Plan) {
		p.Checks = []incident.PlanStep{sh(t, "backup exists", "echo looking; echo backup of 03:00", false)}
		p.Reversible = new(sh(t, "reversible", "exit 0", false))
		p.Steps[0].Probe = sh(t, "", "exit 1", false).Do
		p.Steps[1].If = sh(t, "", "exit 1", false).Do
		p.Steps[1].Each, p.Steps[1].Soak = []string{"web1", "web2"}, time.Minute
		p.Steps[1].Phase = "application"
		p.Forward = []incident.PlanStep{sh(t, "flags off", s.touch("forward"), true)}
		p.Finally = []incident.PlanStep{sh(t, "maintenance off", s.touch("finally"), true)}
	})
	report := s.rehearse(t.Context(), incident.RehearsalAsk{})
	want := []string{
		"ok target v2 → v1: named as previous by the deployment of v2",
		"ok prepare backup exists",
		"ok checks backup exists: backup of 03:00",
		"ok prepare reversible",
		"ok reversible: one can still go back",
		"ok prepare flip",
		"ok probe flip: it says that the step is not done yet",
		"ok prepare reversible web1",
		"ok reversible web1: one can still go back",
		"ok prepare restart web1",
		"ok if restart web1: it would be skipped",
		"ok prepare reversible web2",
		"ok reversible web2: one can still go back",
		"ok prepare restart web2",
		"ok if restart web2: it would be skipped",
		"ok prepare flags off",
		"ok prepare maintenance off",
		"not_known time sla: no run has been measured; waits, soaks and verification alone take 3m",
	}
	if d := cmp.Diff(want, found(report)); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
	if !report.OK || report.Problems != 0 || report.NotKnown != 1 {
		t.Errorf("ok %t, %d problems, %d not known", report.OK, report.Problems, report.NotKnown)
	}
	if left, _ := os.ReadDir(s.dir); len(left) > 0 {
		t.Errorf("a step was begun: %v", left)
	}
	var shown []string
	for _, p := range report.Steps {
		shown = append(shown, strings.TrimSpace(string(p.Section)+" "+p.Name+" "+p.Unit))
	}
	wantShown := []string{
		"checks backup exists", "reversible reversible", "steps flip", "reversible reversible web1", "steps restart web1",
		"reversible reversible web2", "steps restart web2", "forward flags off", "finally maintenance off",
	}
	if d := cmp.Diff(wantShown, shown); d != "" {
		t.Errorf("shown (-want +got):\n%s", d)
	}
	restart := report.Steps[4]
	if restart.Phase != "application" || restart.SoakSeconds != 60 || restart.If == "" || !strings.HasPrefix(restart.Does[0], "exec sh -c ") || !strings.HasSuffix(restart.Does[0], " v1") {
		t.Errorf("the preview of a unit: %+v", restart)
	}
}

func TestWhatARehearsalFinds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *stage, p *incident.Plan)
		ask    incident.RehearsalAsk
		want   []string
	}{
		"a check that fails": {func(_ *stage, p *incident.Plan) {
			p.Checks = []incident.PlanStep{sh(t, "backup exists", "echo no backup; exit 1", false)}
		}, incident.RehearsalAsk{}, []string{"problem checks backup exists: exec sh: exit status 1: no backup"}},
		"a program that is not there": {func(_ *stage, p *incident.Plan) {
			p.Steps[1].Do = json.RawMessage(`{"kind":"exec","argv":["no-such-program"]}`)
			p.Steps[1].Probe = json.RawMessage(`{"kind":"exec","argv":["true"]}`)
		}, incident.RehearsalAsk{}, []string{
			"problem prepare restart: no-such-program: there is no such program", "not_known probe restart: not asked, because it cannot be prepared",
		}},
		"a value that is not set": {func(_ *stage, p *incident.Plan) {
			p.Steps[0].Do = json.RawMessage(`{"kind":"exec","argv":["true","${vars.host}"]}`)
		}, incident.RehearsalAsk{}, []string{"${vars.host}: is not set"}},
		"a probe without an answer": {func(_ *stage, p *incident.Plan) {
			p.Steps[0].Probe = json.RawMessage(`{"kind":"http","url":"http://127.0.0.1:1/"}`)
		}, incident.RehearsalAsk{}, []string{"problem probe flip: it gives no answer: "}},
		"a probe that says done": {func(_ *stage, p *incident.Plan) {
			p.Steps[0].Probe = json.RawMessage(`{"kind":"exec","argv":["true"]}`)
		}, incident.RehearsalAsk{}, []string{"ok probe flip: it says that the step is done already"}},
		"an if without an answer": {func(_ *stage, p *incident.Plan) {
			p.Steps[0].If = json.RawMessage(`{"kind":"exec","argv":["sh","-c","exit 7"]}`)
		}, incident.RehearsalAsk{}, []string{"problem if flip: it gives no answer, which fails the step: exec sh: exit status 7"}},
		"past the point of no return": {func(_ *stage, p *incident.Plan) {
			p.Reversible = new(sh(t, "reversible", "echo migration 11; exit 1", false))
		}, incident.RehearsalAsk{}, []string{"problem reversible: past the point of no return: only the forward part would run: exec sh: exit status 1: migration 11"}},
		"nowhere to go": {nil, incident.RehearsalAsk{To: "v2"}, []string{"problem target: v2 is the running version"}},
		"waits that are longer than the SLA": {func(_ *stage, p *incident.Plan) {
			p.Steps = append(p.Steps, incident.PlanStep{Name: "wait", OnFailure: "stop", Do: json.RawMessage(`{"kind":"wait","for":"20m"}`)})
		}, incident.RehearsalAsk{}, []string{"problem time sla: waits, soaks and verification alone take 22m, and the SLA is 15m"}},
		"waits that are longer than the timeout": {func(_ *stage, p *incident.Plan) {
			p.Timeout = 5 * time.Minute
			p.Steps = append(p.Steps, incident.PlanStep{Name: "wait", OnFailure: "stop", Do: json.RawMessage(`{"kind":"wait","for":"6m"}`)})
		}, incident.RehearsalAsk{}, []string{"problem time timeout: waits and soaks alone take 6m, and the plan's timeout of 5m stops it before its end"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stagedPlan(t, c.change)
			report := s.rehearse(t.Context(), c.ask)
			lines := found(report)
			for _, want := range c.want {
				if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
					t.Errorf("nothing says %q:\n%s", want, strings.Join(lines, "\n"))
				}
			}
			problems := 0
			for _, l := range lines {
				if strings.HasPrefix(l, "problem ") {
					problems++
				}
			}
			if report.Problems != problems || report.OK != (problems == 0) {
				t.Errorf("%d problems and ok %t over %d lines of problems", report.Problems, report.OK, problems)
			}
			if left, _ := os.ReadDir(s.dir); len(left) > 0 {
				t.Errorf("a step was begun: %v", left)
			}
		})
	}
}

// One thing that is wrong is one problem, and no line says the contrary of another.
func TestAMissingTargetIsOneProblem(t *testing.T) {
	report := stagedAfter(t, "", nil).rehearse(t.Context(), incident.RehearsalAsk{})
	var problems, notKnown []string
	for _, line := range found(report) {
		switch {
		case strings.HasPrefix(line, "problem "):
			problems = append(problems, line)
		case strings.HasPrefix(line, "not_known prepare "):
			notKnown = append(notKnown, line)
		}
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0], "problem target: there is no version to go back to") {
		t.Errorf("problems: %q, want the target alone", problems)
	}
	if len(notKnown) != 2 || !strings.Contains(notKnown[0], "flip: not before there is a version to go back to: ") {
		t.Errorf("not known: %q, want both steps", notKnown)
	}
}

// Beside the version that is missing, whatever else a step lacks is a problem.
func TestAMissingTargetHidesNoOtherProblem(t *testing.T) {
	s := stagedAfter(t, "", func(_ *stage, p *incident.Plan) {
		p.Steps[0].Do = json.RawMessage(`{"kind":"exec","argv":["true","${target_version}","${vars.host}"]}`)
	})
	text := strings.Join(found(s.rehearse(t.Context(), incident.RehearsalAsk{})), "\n")
	if !strings.Contains(text, "problem prepare flip: ") || !strings.Contains(text, "${vars.host}: is not set") {
		t.Errorf("the variable is not named as a problem:\n%s", text)
	}
}

func TestAQuarantinedTargetIsNotFineAsWell(t *testing.T) {
	for name, c := range map[string]struct {
		quarantined []string
		want        []string
	}{
		"it alone":         {[]string{"v0"}, nil},
		"and another one":  {[]string{"v0", "v1"}, []string{"ok quarantine: no rollback goes to v1"}},
		"another one only": {[]string{"v1"}, []string{"ok quarantine: no rollback goes to v1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stagedPlan(t, nil)
			what, err := s.brain.Rehearsing(incident.RehearsalAsk{Service: "checkout", To: "v0", Unseen: true}, time.Unix(3600, 0))
			if err != nil {
				t.Fatal(err)
			}
			if what.Quarantined = c.quarantined; slices.Contains(c.quarantined, "v0") {
				what.Refused = &incident.Hold{Guard: incident.GuardQuarantined, Reason: "v0 is quarantined"}
			}
			var got []string
			for _, line := range found(responder.Rehearse(t.Context(), what, action.NewRunner(action.Options{Dir: t.TempDir()}))) {
				if strings.Contains(line, " quarantine") && !strings.Contains(line, " target: ") {
					got = append(got, line)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("about the quarantine (-want +got):\n%s", d)
			}
		})
	}
}

func TestWhatARunTookIsWhatOneIsExpectedToTake(t *testing.T) {
	for name, c := range map[string]struct {
		took []float64
		want string
	}{
		"once":         {[]float64{420}, "ok time sla: it takes 7m (measured once)"},
		"three times":  {[]float64{420, 300, 1200}, "ok time sla: it takes 7m (the median of 3 measured runs; the slowest took 20m)"},
		"over the SLA": {[]float64{1200, 1300, 300}, "problem time sla: it takes 20m (the median of 3 measured runs; the slowest took 21m40s), and the SLA is 15m"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stagedPlan(t, nil)
			what, err := s.brain.Rehearsing(incident.RehearsalAsk{Service: "checkout"}, time.Unix(3600, 0))
			if err != nil {
				t.Fatal(err)
			}
			for i, seconds := range c.took {
				s.brain.Apply(incident.Entry{Kind: incident.KindRehearsed, Service: "checkout", Rehearsed: &incident.Rehearsal{
					At: time.Unix(int64(i), 0), Plan: "undo", PlanHash: what.PlanHash, OK: true, In: "staging", Run: fmt.Sprint(i), TookSeconds: seconds,
				}})
			}
			lines := found(s.rehearse(t.Context(), incident.RehearsalAsk{}))
			if got := lines[len(lines)-1]; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What there was no time for is not known, and what runs then is ended.
func TestARehearsalWithoutTime(t *testing.T) {
	s := stagedPlan(t, func(s *stage, p *incident.Plan) {
		p.Checks = []incident.PlanStep{sh(t, "slow", "echo $$ > "+filepath.Join(s.dir, "new")+"; mv "+filepath.Join(s.dir, "new")+" "+filepath.Join(s.dir, "pid")+"; exec sleep 600", false)}
		p.Checks[0].Timeout = 10 * time.Minute
	})
	var report *incident.RehearsalReport
	// How long it takes until the check runs is the machine's to say: where it did not
	// when the time was over, there is more.
	for limit := 300 * time.Millisecond; ; limit *= 3 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		report = s.rehearse(ctx, incident.RehearsalAsk{})
		cancel()
		if took := time.Since(began); took > limit+15*time.Second {
			t.Errorf("it took %s", took)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "pid")); err == nil || limit > time.Minute {
			break
		}
	}
	want := []string{
		"ok prepare slow", "not_known checks slow: there was no time left for its end",
		"not_known prepare flip: there was no time left to look", "not_known prepare restart: there was no time left to look",
	}
	if d := cmp.Diff(want, found(report)[1:5]); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
	pid, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(pid))); err == nil {
		t.Error("the check was left running")
	}
}
