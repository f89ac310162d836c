package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// decisionSection is what was decided, what held it, and what released that.
func (r *Report) decisionSection() section {
	d := r.Decision
	deadline := ""
	if r.State != incident.Closed {
		deadline = r.at(d.Deadline, "").Text
	}
	s := section{Title: "Decision"}
	s.Blocks = append(s.Blocks, block{Facts: facts(
		fact{"Response", text(d.Response.String())}, fact{"Reason", text(d.Reason)}, fact{"Held by", text(string(d.HeldBy))},
		fact{"Releases when", text(d.ReleasesWhen)}, fact{"Target", text(d.Target)}, fact{"Scope", text(d.Scope)},
		fact{"Deadline", number(deadline)}, fact{"Overridden", text(guardList(d.Overrides))},
	)})
	for _, c := range d.Caps {
		s.Blocks = append(s.Blocks, block{Text: "Lowered by " + strings.TrimPrefix(string(c.Guard)+": ", ": ") + c.Reason + "."})
	}
	if len(r.Holds) > 0 {
		t := &table{Heads: []string{"Held by", "From", "Until", "Why", "Released by"}}
		for _, h := range r.Holds {
			t.Rows = append(t.Rows, []cell{
				text(string(h.Guard)), r.at(h.From, NotKnown), r.at(h.Until, "it still holds"), text(h.Text), text(h.ReleasedBy),
			})
		}
		s.Blocks = append(s.Blocks, block{Heading: "Holds"}, block{Table: t})
	}
	if len(r.Approvals) > 0 {
		s.Blocks = append(s.Blocks, block{Heading: "Approvals"}, block{Table: r.approvalTable(r.Approvals)})
	}
	return s
}

func (r *Report) approvalTable(approvals []incident.Approval) *table {
	t := &table{Heads: []string{"At", "Who", "Roles", "Reason", "Overrides"}}
	for _, a := range approvals {
		overrides := guardList(a.Overrides)
		if a.BreakGlass {
			overrides = strings.TrimPrefix(overrides+", the number of approvals (break-glass)", ", ")
		}
		t.Rows = append(t.Rows, []cell{r.at(a.At, NotKnown), text(a.By), text(strings.Join(a.Roles, ", ")), text(a.Reason), text(overrides)})
	}
	return t
}

func guardList(guards []incident.Guard) string {
	words := make([]string, len(guards))
	for i, g := range guards {
		words[i] = string(g)
	}
	return strings.Join(words, ", ")
}

// rollbackSection is what was done: every run with its phases and steps.
func (r *Report) rollbackSection() section {
	s := section{Title: "Rollback"}
	if len(r.Rollbacks) == 0 {
		s.Blocks = []block{{Text: "No rollback was begun."}}
		return s
	}
	for _, run := range r.Rollbacks {
		if len(r.Rollbacks) > 1 {
			s.Blocks = append(s.Blocks, block{Heading: "Run " + run.ID})
		}
		s.Blocks = append(s.Blocks, block{Facts: facts(
			fact{"State", text(string(run.State))}, fact{"Way", text(fromTo(run.From, run.To))}, fact{"Plan", text(run.Plan)},
			fact{"Scope", text(run.Scope)}, fact{"By", text(by(run.By))}, fact{"Decided", r.at(run.DecidedAt, "")},
			fact{"Started", r.at(run.StartedAt, "")}, fact{"Ended", r.at(run.EndedAt, "it goes on")},
			fact{"Took", number(seconds(run.DurationSeconds))}, fact{"Changed something", text(yesNo(&run.Changed))}, fact{"How it ended", text(run.Reason)},
		)})
		s.Blocks = append(s.Blocks, run.phaseBlocks()...)
		s.Blocks = append(s.Blocks, r.stepBlocks(run)...)
	}
	if len(r.Members) > 0 {
		s.Blocks = append(s.Blocks, block{Heading: "Services that changed together"}, block{Table: memberTable(r.Members)})
	}
	return s
}

func (run *Rollback) phaseBlocks() []block {
	if len(run.Phases) == 0 {
		return nil
	}
	t := &table{Heads: []string{"Phase", "Took", "Steps"}}
	for _, p := range run.Phases {
		steps := strconv.Itoa(p.Steps)
		if p.Steps == 0 {
			steps = "–"
		}
		t.Rows = append(t.Rows, []cell{text(p.Phase), number(seconds(&p.Seconds)), number(steps)})
	}
	return []block{{Heading: "Phase timings"}, {Table: t}}
}

// stepBlocks are the steps, and what those wrote that did not end well.
func (r *Report) stepBlocks(run Rollback) []block {
	t := &table{Heads: []string{"Step", "Part", "Phase", "State", "Attempts", "Began", "Took", "Exit"}}
	var outputs []block
	for _, s := range run.Steps {
		exit := "–"
		if s.ExitCode != nil {
			exit = strconv.Itoa(*s.ExitCode)
		}
		t.Rows = append(t.Rows, []cell{
			text(titleOf(s)), text(string(s.Section)), text(s.Phase), text(string(s.State)), number(strconv.Itoa(s.Attempts)),
			r.at(s.StartedAt, "–"), number(stepTook(s)), number(exit),
		})
		if s.Output != "" || s.Error != "" {
			outputs = append(outputs, outputOf(titleOf(s)+", "+resultWords(s.State, s.ExitCode), s.Output, s.Error))
		}
		if len(s.Approvals) > 0 {
			outputs = append(outputs, block{Heading: "Approvals of " + titleOf(s)}, block{Table: r.approvalTable(s.Approvals)})
		}
	}
	blocks := []block{{Heading: "Steps"}, {Table: t}}
	if len(outputs) > 0 {
		blocks = append(append(blocks, block{Heading: "What steps wrote"}), outputs...)
	}
	return blocks
}

func titleOf(s incident.StepRun) string {
	if s.Unit == "" {
		return s.Name
	}
	return s.Name + " " + s.Unit
}

// stepTook is how long a step took; a dash for one that has not begun or ended.
func stepTook(s incident.StepRun) string {
	took := between(s.StartedAt, s.EndedAt)
	if took == nil {
		return "–"
	}
	return seconds(took)
}

func memberTable(members []incident.Member) *table {
	t := &table{Heads: []string{"Service", "Way"}}
	for _, m := range members {
		t.Rows = append(t.Rows, []cell{text(m.Service), text(fromTo(m.From, m.To))})
	}
	return t
}

func (r *Report) slaSection() section {
	s := section{Title: "SLA"}
	if len(r.Rollbacks) == 0 {
		s.Blocks = []block{{Text: "No rollback was begun, so no SLA applies."}}
		return s
	}
	sla := r.SLA
	if sla.SLASeconds == nil && sla.TargetSeconds == nil {
		s.Blocks = []block{{Text: "The plan has neither an SLA nor a target."}}
		return s
	}
	t := &table{Heads: []string{"", "Agreed", "Took", "Met"}}
	if sla.SLASeconds != nil {
		took := seconds(sla.DurationSeconds)
		if run := r.inc.Rollback; run != nil && run.State.Ended() && run.State != incident.RunCompleted {
			took += ", never verified"
		}
		t.Rows = append(t.Rows, []cell{text("SLA (decision to verified)"), number(seconds(sla.SLASeconds)), number(took), text(yesNo(sla.Met))})
	}
	if sla.TargetSeconds != nil {
		t.Rows = append(t.Rows, []cell{text("Target (hoped for)"), number(seconds(sla.TargetSeconds)), number(seconds(sla.DurationSeconds)), text(yesNo(sla.TargetMet))})
	}
	s.Blocks = []block{{Table: t}}
	return s
}

func (r *Report) impactSection() section {
	i := r.Impact
	s := section{Title: "Impact"}
	during := ""
	if !i.From.IsZero() {
		during = fmt.Sprintf("%s to %s", r.at(i.From, NotKnown).Text, r.at(i.To, NotKnown).Text)
	}
	s.Blocks = append(s.Blocks, block{Facts: facts(
		fact{"During", number(during)}, fact{"Requests", number(count(i.Requests))}, fact{"Failed requests", number(count(i.FailedRequests))},
		fact{"Affected users", number(count(i.AffectedUsers))}, fact{"Downtime", number(seconds(i.DowntimeSeconds))},
	)})
	if i.Problem != "" {
		s.Blocks = append(s.Blocks, block{Text: "What is not known: " + i.Problem + ".", Soft: true})
	}
	return s
}

// verificationSection is what was seen after the rollback, horizon by horizon.
func (r *Report) verificationSection() section {
	s := section{Title: "Verification"}
	if len(r.Rollbacks) == 0 {
		s.Blocks = []block{{Text: "Nothing was rolled back, so nothing was verified."}}
		return s
	}
	v := r.Verification
	state := string(v.State)
	if state == "" {
		state = "not verified"
	}
	s.Blocks = append(s.Blocks, block{Facts: facts(
		fact{"Found", text(state)}, fact{"Why", text(v.Reason)}, fact{"From", r.at(v.From, "")}, fact{"Known ok samples", number(strconv.Itoa(v.Samples))},
		fact{"Triggers", text(strings.Join(v.Triggers, ", "))},
	)})
	t := &table{Heads: []string{"Horizon", "Found", "From", "Until", "Samples", "Why"}}
	for _, h := range r.horizons(v) {
		t.Rows = append(t.Rows, []cell{text(h.Name), text(h.found), r.at(h.From, "–"), r.at(h.Until, "–"), number(h.samples), text(h.Reason)})
	}
	s.Blocks = append(s.Blocks, block{Heading: "Horizons"}, block{Table: t})
	return s
}

// horizonRow is one horizon with what was found in it.
type horizonRow struct {
	incident.Horizon

	found, samples string
}

// horizons are the three of a verification, those that are not over as such.
func (r *Report) horizons(v incident.Verification) []horizonRow {
	var rows []horizonRow
	for _, name := range []string{"immediate", "short", "long"} {
		row := horizonRow{Horizon: incident.Horizon{Name: name}, found: r.noHorizon(name), samples: "–"}
		for _, h := range v.Horizons {
			if h.Name == name {
				row = horizonRow{Horizon: h, found: string(h.State), samples: strconv.Itoa(h.Samples)}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// noHorizon is why nothing was found in a horizon, at the time of the report.
func (r *Report) noHorizon(name string) string {
	length := map[string]time.Duration{"short": time.Hour, "long": 24 * time.Hour}[name]
	run := r.inc.Rollback
	switch {
	case run != nil && !run.State.Ended():
		return "not over"
	case r.Outcome == incident.RolledBack && r.GeneratedAt.Before(r.ClosedAt.Add(length)):
		return "still watched"
	}
	return "not watched"
}

// peopleSection is who did what.
func (r *Report) peopleSection() section {
	s := section{Title: "Who did what"}
	if len(r.People) == 0 {
		s.Blocks = []block{{Text: "Nobody said anything: rollbackd acted alone."}}
		return s
	}
	t := &table{Heads: []string{"At", "Who", "Did", "Reason", "On record as"}}
	for _, w := range r.People {
		t.Rows = append(t.Rows, []cell{r.at(w.At, NotKnown), text(w.Who), text(w.Verb), text(w.Reason), text(w.Text)})
	}
	s.Blocks = []block{{Table: t}}
	return s
}

// timelineFull is from how many moments on the record keeps the first and the
// newest only.
const timelineFull = 400

func (r *Report) timelineSection() section {
	t := &table{Heads: []string{"At (UTC)", "Since opening", "What", "Who", "Text"}, Tight: true}
	for _, m := range r.Timeline {
		t.Rows = append(t.Rows, []cell{
			r.at(m.At, NotKnown), number(offset(m.SinceOpeningSeconds)), text(string(m.Kind)), text(m.Actor), text(m.Text),
		})
	}
	s := section{Title: "Timeline", Blocks: []block{{Table: t}}}
	if len(r.Timeline) >= timelineFull {
		s.Blocks = append(s.Blocks, block{Text: "It has so many moments that only the first and the newest are shown; rollbackd journal export has all.", Soft: true})
	}
	return s
}
