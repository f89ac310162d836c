package report

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// pageURL is an incident's page below the address that the configuration names.
func pageURL(external, id string) string {
	return strings.TrimSuffix(external, "/") + "/incidents/" + url.PathEscape(id)
}

// orEmpty makes a nil list an empty one, so that JSON has [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// between is the time from one instant to another; nil where either is not known
// or the clock says that the second came first.
func between(from, to time.Time) *float64 {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return nil
	}
	seconds := to.Sub(from).Seconds()
	return &seconds
}

// positive is a number that means something only where it is above zero.
func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

func timelineOf(inc *incident.Incident) []Moment {
	moments := []Moment{}
	for _, m := range inc.Timeline {
		moments = append(moments, Moment{
			At: m.At, SinceOpeningSeconds: m.At.Sub(inc.OpenedAt).Seconds(), Kind: m.Kind, Actor: m.Actor, Text: m.Text,
		})
	}
	return moments
}

func triggersOf(inc *incident.Incident) []Trigger {
	triggers := []Trigger{}
	for _, ev := range inc.Triggers {
		t := Trigger{Evidence: ev, WindowSeconds: windowSeconds(ev)}
		if i := slices.IndexFunc(inc.Samples, func(s incident.Series) bool { return s.Trigger == ev.Name }); i >= 0 {
			t.Samples = &inc.Samples[i]
		}
		triggers = append(triggers, t)
	}
	return triggers
}

func rollbacksOf(inc *incident.Incident) []Rollback {
	all := []Rollback{}
	for _, run := range runsOf(inc) {
		one := Rollback{
			ID: run.ID, State: run.State, From: run.From, To: run.To, By: run.By, Automatic: run.Automatic, Plan: run.Plan.Name,
			Scope: run.Scope, Changed: run.Changed, Reason: run.Reason, DecidedAt: run.DecidedAt, StartedAt: run.StartedAt,
			EndedAt: run.EndedAt, Phases: phasesOf(inc, run), Steps: run.All(),
		}
		if run.State.Ended() {
			one.DurationSeconds = &run.DurationSeconds
		}
		all = append(all, one)
	}
	return all
}

// phasesOf adds up the time of a run's steps by phase, in the order in which the
// phases began; verification is one of them.
func phasesOf(inc *incident.Incident, run *incident.Run) []Phase {
	phases := []Phase{}
	for _, s := range run.All() {
		took := between(s.StartedAt, s.EndedAt)
		if took == nil {
			continue
		}
		name := s.Phase
		if name == "" {
			name = string(s.Section)
		}
		i := slices.IndexFunc(phases, func(p Phase) bool { return p.Phase == name })
		if i < 0 {
			phases, i = append(phases, Phase{Phase: name}), len(phases)
		}
		phases[i].Seconds += *took
		phases[i].Steps++
	}
	if took := between(inc.Verification.From, verifiedAt(run)); took != nil && run == inc.Rollback {
		phases = append(phases, Phase{Phase: "verification", Seconds: *took})
	}
	return phases
}

// verifiedAt is when a run's verification was over: follow-up steps come after it.
func verifiedAt(run *incident.Run) time.Time {
	if !run.VerifiedAt.IsZero() {
		return run.VerifiedAt
	}
	return run.EndedAt
}

func slaOf(inc *incident.Incident) SLA {
	run := inc.Rollback
	if run == nil {
		return SLA{}
	}
	s := SLA{TargetSeconds: positive(run.TargetSeconds), SLASeconds: positive(run.SLASeconds)}
	if !run.State.Ended() {
		return s
	}
	s.DurationSeconds = &run.DurationSeconds
	if s.SLASeconds != nil {
		s.Met = run.SLAMet
	}
	if s.TargetSeconds != nil {
		s.TargetMet = run.TargetMet
	}
	return s
}

// impactOf is the impact as it was measured, or why it was not.
func impactOf(inc *incident.Incident) Impact {
	i := inc.Impact
	switch {
	case i != nil:
		return Impact{
			From: i.From, To: i.To, Requests: i.Requests, FailedRequests: i.FailedRequests, AffectedUsers: i.AffectedUsers,
			DowntimeSeconds: i.DowntimeSeconds, Problem: i.Problem,
		}
	case inc.State != incident.Closed:
		return Impact{Problem: "it is measured once the incident is closed"}
	}
	return Impact{Problem: "it was not measured"}
}
