package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// progress is how much of a length is over, as a bar with its text.
type progress struct {
	Percent int
	Text    string
	Over    bool
}

// progressOf is elapsed time against a limit; nil without a limit.
func progressOf(elapsed, limit time.Duration) *progress {
	if limit <= 0 {
		return nil
	}
	p := &progress{Percent: percent(float64(elapsed) / float64(limit)), Text: span(elapsed) + " of " + span(limit), Over: elapsed > limit}
	if p.Over {
		p.Text += ", over by " + span(elapsed-limit)
	}
	return p
}

// runBox is one rollback.
type runBox struct {
	State    State
	Way      string
	By       string
	Facts    []fact
	SLA      *progress
	SLAName  string
	Steps    *progress
	Phases   []phaseRow
	Rows     []stepRow
	Enough   string
	Stopping string
	// More is how many steps are not listed.
	More int
}

// mostSteps is how many steps a page lists. Of more it leaves out those that are done.
const mostSteps = 60

type phaseRow struct{ Name, Took string }

// stepRow is one step of a rollback, or one of its units.
type stepRow struct {
	Name, Phase, Took string
	State             State
	Attempts          int
	Exit              string
	Error, Output     string
	// Open is true where its output is what a reader wants to see first.
	Open bool
	Key  string
}

// runOf is a run with at most so many steps, and as much of their outputs as there
// is room for.
func runOf(run *incident.Run, now time.Time, most int, room *int) *runBox {
	b := &runBox{State: runState(run.State), Way: wayOf(run.From, run.To), By: run.By, Stopping: run.Stopping}
	took, name := now.Sub(run.DecidedAt), "SLA"
	if !run.EndedAt.IsZero() {
		took = time.Duration(run.DurationSeconds * float64(time.Second))
	}
	b.SLA = progressOf(took, time.Duration(run.SLASeconds*float64(time.Second)))
	if run.SLAMet != nil && !*run.SLAMet {
		name = "SLA missed"
		if run.State != incident.RunCompleted {
			name = "SLA not met, never verified"
		}
	} else if run.SLAMet != nil && b.SLA != nil {
		name = "SLA met"
	}
	b.SLAName = name
	if b.SLA == nil {
		b.Facts = facts("Took", span(took))
	}
	b.Facts = append(b.Facts, facts("Begun by", run.By, "Scope", run.Scope, "Waits for", waitsFor(run), "Ended", endingOf(run))...)
	if run.Enough != nil {
		b.Enough = "The service had recovered after " + run.Enough.Name + ": the steps after it were not needed."
	}
	all := run.All()
	done, skipped := 0, 0
	for n, s := range all {
		switch s.State {
		case incident.StepDone:
			done++
		case incident.StepSkipped:
			skipped++
		case incident.StepPending, incident.StepRunning, incident.StepFailed, incident.StepUncertain:
		}
		if len(all) > most && s.State == incident.StepDone || len(b.Rows) == most {
			b.More++
			continue
		}
		row := rowOfStep(s, now, room)
		row.Key = fmt.Sprintf("%s-step-%d", run.ID, n)
		b.Rows = append(b.Rows, row)
	}
	if len(all) > 0 {
		text := fmt.Sprintf("%d of %s", done, counted(len(all), "step", "steps"))
		if skipped > 0 {
			text += fmt.Sprintf(", %d skipped", skipped)
		}
		b.Steps = &progress{Percent: 100 * done / max(1, len(all)-skipped), Text: text}
	}
	b.Phases = phasesOf(run, all)
	return b
}

func waitsFor(run *incident.Run) string {
	if run.Changed || run.State.Ended() {
		return ""
	}
	return run.Waiting
}

func endingOf(run *incident.Run) string {
	if !run.State.Ended() {
		return ""
	}
	return strings.TrimSuffix(string(run.State)+": "+run.Reason, ": ")
}

func rowOfStep(s incident.StepRun, now time.Time, room *int) stepRow {
	r := stepRow{
		Name: strings.TrimSpace(s.Name + " " + s.Unit), Phase: s.Phase, State: stepState(s.State), Attempts: s.Attempts, Error: brief(s.Error, 300),
		Output: cut(s.Output, room), Open: s.State == incident.StepFailed || s.State == incident.StepUncertain,
	}
	if r.Phase == "" && s.Section != "steps" {
		r.Phase = words(string(s.Section))
	}
	switch {
	case s.StartedAt.IsZero():
	case s.EndedAt.IsZero():
		r.Took = "for " + span(now.Sub(s.StartedAt))
	default:
		r.Took = span(s.EndedAt.Sub(s.StartedAt))
	}
	if s.ExitCode != nil && *s.ExitCode != 0 {
		r.Exit = fmt.Sprint(*s.ExitCode)
	}
	return r
}

// phasesOf are the phases that have a time, in the order of the steps.
func phasesOf(run *incident.Run, steps []incident.StepRun) []phaseRow {
	var names []string
	for _, s := range steps {
		if !slices.Contains(names, s.Phase) {
			names = append(names, s.Phase)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.PhaseSeconds)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var rows []phaseRow
	for _, name := range names {
		if seconds, ok := run.PhaseSeconds[name]; ok && name != "" {
			rows = append(rows, phaseRow{name, span(time.Duration(seconds * float64(time.Second)))})
		}
	}
	return rows
}

// verificationBox is what verification found, and the horizons after it.
type verificationBox struct {
	State    State
	Facts    []fact
	Triggers string
	Progress *progress
	Horizons []horizonRow
}

type horizonRow struct {
	Name        string
	State       State
	From, Until Instant
	Samples     int
	Reason      string
}

func verificationOf(i *incident.Incident, now time.Time) *verificationBox {
	v := i.Verification
	if v.From.IsZero() && v.State == "" {
		return nil
	}
	b := &verificationBox{State: foundState(v.State), Triggers: strings.Join(v.Triggers, ", ")}
	if v.State == "" {
		b.State = State{"under way", "◑", Act, 0}
		b.Progress = progressOf(now.Sub(v.From), v.Until.Sub(v.From))
	}
	samples := ""
	if v.Samples > 0 {
		samples = fmt.Sprint(v.Samples)
	}
	b.Facts = facts("Since", instant(v.From, now).Text, "Until at the latest", instant(v.Until, now).Text, "Samples that were ok", samples, "Result", v.Reason)
	for _, h := range v.Horizons {
		b.Horizons = append(b.Horizons, horizonRow{h.Name, foundState(h.State), instant(h.From, now), instant(h.Until, now), h.Samples, h.Reason})
	}
	return b
}
