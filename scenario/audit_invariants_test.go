package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestAuditOfRuns(t *testing.T) {
	ready := func(s *story) {
		s.deploys("checkout", "v2")
		s.breaks("checkout")
	}
	runAudits(t, []auditTest{
		{"one that is right", func(s *story) {
			ready(s)
			s.step("checkout", s.plans("checkout", "v2", "v1", nil))
		}, 0, ""},
		{"a step without its intent", func(s *story) {
			ready(s)
			run := s.plans("checkout", "v2", "v1", nil)
			s.Carry(incident.Start{Ref: incident.StepRef{Service: "checkout", Run: run, Section: incident.SectionSteps, Name: "undo", Fence: 1}})
		}, 1, `step "undo" of checkout started without a durable intent`},
		{"a step with another fence than its run's", func(s *story) {
			ready(s)
			run := s.plans("checkout", "v2", "v1", nil)
			s.runs = 7
			s.step("checkout", run)
		}, 1, "fence 7"},
		{"a fence that does not rise", func(s *story) {
			ready(s)
			s.rollsBack("checkout", "v2", "v1", byPerson)
			s.plans("cart", "c2", "c1", func(r *incident.Run) { r.Fence, r.Automatic = 1, false })
		}, 1, "has fence 1, and one before it had 1"},
		{"two at a time", func(s *story) {
			ready(s)
			s.plans("checkout", "v2", "v1", nil)
			s.plans("checkout", "v2", "v0", byPerson)
		}, 2, "both touch a service"},
		{"one of a group's member while the group's is under way", func(s *story) {
			ready(s)
			s.plans("checkout", "v2", "v1", func(r *incident.Run) {
				r.Members = []incident.Member{{Service: "checkout", From: "v2", To: "v1"}, {Service: "cart", From: "c2", To: "c1"}}
			})
			s.plans("cart", "c2", "c0", byPerson)
		}, 2, "both touch a service"},
		{"a second automatic one for the same deployment", func(s *story) {
			ready(s)
			s.step("checkout", s.plans("checkout", "v2", "v1", nil))
			s.over("checkout", "r1", incident.RunAborted, 0)
			s.after(20 * time.Minute)
			s.confirms("checkout", "0.05")
			s.step("checkout", s.plans("checkout", "v2", "v1", nil))
		}, 2, "a second automatic rollback of checkout for the same deployment"},
		{"a second one for a newer deployment", func(s *story) {
			ready(s)
			s.rollsBack("checkout", "v2", "v1", nil)
			s.ticks("checkout", "0.001")
			s.deploys("checkout", "v3")
			s.breaks("checkout")
			s.step("checkout", s.plans("checkout", "v3", "v1", nil))
		}, 0, ""},
		{"a second one where deployments are unknown", func(s *story) {
			s.breaks("tools")
			s.rollsBack("tools", "", "", func(r *incident.Run) { r.Leaves = false })
			s.after(20 * time.Minute)
			s.breaks("tools")
			s.step("tools", s.plans("tools", "", "", nil))
		}, 2, "none known"},
		{"a second one where they are unknown, after a pardon", func(s *story) {
			s.breaks("tools")
			s.rollsBack("tools", "", "", nil)
			s.record(incident.KindPardon, "tools", func(e *incident.Entry) { e.Pardon = &incident.PardonEntry{Version: "?"} })
			s.after(20 * time.Minute)
			s.breaks("tools")
			s.step("tools", s.plans("tools", "", "", nil))
		}, 0, ""},
		{"towards the version that runs", func(s *story) {
			ready(s)
			s.plans("checkout", "v2", "v2", nil)
		}, 4, "towards the version that runs"},
		{"towards what a source shows to run", func(s *story) {
			ready(s)
			s.record(incident.KindRunning, "checkout", func(e *incident.Entry) { e.Running = &incident.RunningEntry{Version: "v1"} })
			s.plans("checkout", "v2", "v1", nil)
		}, 4, "towards the version that runs"},
		{"towards what its source shows, whatever was reported", func(s *story) {
			s.record(incident.KindRunning, "stock", func(e *incident.Entry) { e.Running = &incident.RunningEntry{Version: "v3"} })
			s.deploys("stock", "v7")
			s.plans("stock", "v7", "v3", byPerson)
		}, 4, "towards the version that runs"},
		{"back from what was reported and shown", func(s *story) {
			s.record(incident.KindRunning, "stock", func(e *incident.Entry) { e.Running = &incident.RunningEntry{Version: "v3"} })
			s.deploys("stock", "v7")
			s.record(incident.KindRunning, "stock", func(e *incident.Entry) { e.Running = &incident.RunningEntry{Version: "v7"} })
			s.plans("stock", "v7", "v3", byPerson)
		}, 0, ""},
		{"towards a quarantined version", func(s *story) {
			ready(s)
			s.rollsBack("checkout", "v2", "v1", byPerson)
			s.plans("checkout", "v1", "v2", byPerson)
		}, 4, "which is quarantined since of checkout"},
		{"towards a version that was pardoned", func(s *story) {
			ready(s)
			s.rollsBack("checkout", "v2", "v1", byPerson)
			s.record(incident.KindPardon, "checkout", func(e *incident.Entry) { e.Pardon = &incident.PardonEntry{Version: "v2"} })
			s.plans("checkout", "v1", "v2", byPerson)
		}, 0, ""},
		{"towards a version that was not left after all", func(s *story) {
			ready(s)
			run := s.plans("checkout", "v2", "v1", byPerson)
			s.step("checkout", run)
			s.ends("checkout", run, incident.StepResult{State: incident.StepFailed, NothingChanged: true})
			s.over("checkout", run, incident.RunBlocked, 0)
			s.deploys("checkout", "v3")
			s.plans("checkout", "v3", "v2", byPerson)
		}, 0, ""},
		{"a step that goes elsewhere than its run", func(s *story) {
			ready(s)
			run := s.plans("checkout", "v2", "v1", nil)
			ref := incident.StepRef{Service: "checkout", Run: run, Section: incident.SectionSteps, Name: "undo", Fence: 1}
			s.record(incident.KindStepBegun, "checkout", func(e *incident.Entry) { e.Step = &incident.StepEntry{Ref: ref, Changes: true} })
			s.Carry(incident.Start{Ref: ref, Values: map[string]string{"target_version": "v0"}})
		}, 4, `goes to "v0", and its run to v1`},
	})
}

func TestAuditOfBudgets(t *testing.T) {
	each := func(s *story, wait time.Duration, services ...string) {
		for _, name := range services {
			s.deploys(name, s.Wall(s.now).Format("v150405"))
			s.breaks(name)
			s.rollsBack(name, "", "", nil)
			s.after(wait)
		}
	}
	runAudits(t, []auditTest{
		{"within all of them", func(s *story) { each(s, 11*time.Minute, "checkout", "checkout", "cart") }, 0, ""},
		{"three of a service", func(s *story) { each(s, 2*time.Hour, "checkout", "checkout", "checkout") }, 3, "2 automatic rollbacks of checkout within 6h0m0s"},
		{"three of a service, the first long ago", func(s *story) {
			each(s, 6*time.Hour, "checkout")
			each(s, 2*time.Hour, "checkout", "checkout")
		}, 0, ""},
		{"four in an hour", func(s *story) { each(s, time.Minute, "checkout", "cart", "search", "stock") }, 3, "3 automatic rollbacks within an hour"},
		{"three at a time", func(s *story) {
			for _, name := range []string{"checkout", "cart", "search"} {
				s.deploys(name, "v2")
				s.plans(name, "v2", "v1", byPerson)
			}
		}, 3, "2 are changing things, and max_concurrent is 2"},
		{"three at a time, of which one is only verified", func(s *story) {
			for _, name := range []string{"checkout", "cart"} {
				s.deploys(name, "v2")
				s.plans(name, "v2", "v1", byPerson)
			}
			s.verifies("checkout", "r1")
			s.plans("search", "v2", "v1", byPerson)
		}, 0, ""},
		{"within the cooldown of a person's", func(s *story) {
			s.deploys("checkout", "v2")
			s.rollsBack("checkout", "v2", "v1", flagsOff)
			s.breaks("checkout")
			s.plans("checkout", "v2", "v1", nil)
		}, 3, "and the cooldown is 10m"},
		{"within the cooldown, but of a newer deployment", func(s *story) {
			s.deploys("checkout", "v2")
			s.rollsBack("checkout", "v2", "v1", byPerson)
			s.deploys("checkout", "v3")
			s.breaks("checkout")
			s.plans("checkout", "v3", "v1", nil)
		}, 0, ""},
		{"after the cooldown", func(s *story) {
			s.deploys("checkout", "v2")
			s.rollsBack("checkout", "v2", "v1", flagsOff)
			s.after(8 * time.Minute)
			s.breaks("checkout")
			s.plans("checkout", "v2", "v1", nil)
		}, 0, ""},
		{"after the cooldown by a clock that was set without anybody's knowledge", func(s *story) {
			s.deploys("checkout", "v2")
			s.rollsBack("checkout", "v2", "v1", flagsOff)
			s.Jump(8 * time.Minute)
			s.breaks("checkout")
			s.plans("checkout", "v2", "v1", nil)
		}, 0, ""},
		{"a person's within the cooldown", func(s *story) {
			s.deploys("checkout", "v2")
			s.rollsBack("checkout", "v2", "v1", byPerson)
			s.plans("checkout", "v1", "v0", byPerson)
		}, 0, ""},
	})
}

func TestAuditOfFreezes(t *testing.T) {
	const holdWhen = "hold_when = \"freeze\"\n"
	const windows = `
[[case.config.windows]]
name     = "freeze"
from     = "10:00"
to       = "10:30"
tz       = "UTC"
services = ["checkout"]
response = "approve"
`
	for _, tt := range []struct {
		name, config string
		service      string
		wait         time.Duration
		answer       *trigger.Answer
		change       func(*incident.Run)
		want         string
	}{
		{"in a window", windows, "checkout", 0, nil, nil, `in the window "freeze"`},
		{"a person's in a window", windows, "checkout", 0, nil, byPerson, ""},
		{"of another service", windows, "cart", 0, nil, nil, ""},
		{"after the window", windows, "checkout", time.Hour, nil, nil, ""},
		{"without an answer of hold_when", holdWhen, "checkout", 0, nil, nil, "hold_when holds or is not known"},
		{"while hold_when holds", holdWhen, "checkout", 0, &trigger.Answer{
			Services: map[string]trigger.Reading{"": trigger.KnownValue(1)},
		}, nil, "hold_when holds or is not known"},
		{"while hold_when returns nothing", holdWhen, "checkout", 0, &trigger.Answer{}, nil, ""},
		{"while hold_when cannot be asked", holdWhen, "checkout", 0, &trigger.Answer{Err: "timeout"}, nil, "hold_when holds or is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.config)
			s.after(tt.wait)
			s.deploys(tt.service, "v2")
			s.breaks(tt.service)
			if tt.answer != nil {
				s.Tell(incident.Samples{At: s.Wall(s.now), Kind: incident.Full, Answers: map[string]trigger.Answer{incident.HoldWhenMetric: *tt.answer}})
			}
			s.plans(tt.service, "v2", "v1", tt.change)
			found := ""
			for _, v := range s.Found {
				found += v.String()
			}
			if (found == "") != (tt.want == "") || !strings.Contains(found, tt.want) {
				t.Errorf("found %q, want %q", found, tt.want)
			}
		})
	}
}

func TestAuditOfStops(t *testing.T) {
	ready := func(s *story) string {
		s.deploys("checkout", "v2")
		s.breaks("checkout")
		return s.plans("checkout", "v2", "v1", nil)
	}
	stopped := func(c incident.Command) func(*story) {
		return func(s *story) {
			run := ready(s)
			s.commands(c)
			s.after(2 * time.Second)
			s.step("checkout", run)
		}
	}
	planned := func(c incident.Command, change func(*incident.Run)) func(*story) {
		return func(s *story) {
			s.deploys("checkout", "v2")
			s.breaks("checkout")
			s.commands(c)
			s.after(2 * time.Second)
			s.plans("checkout", "v2", "v1", change)
		}
	}
	pause := incident.Command{Verb: "pause", Service: "checkout"}
	lock := incident.Command{Verb: "lock", All: true}
	runAudits(t, []auditTest{
		{"a step after a pause", stopped(pause), 11, "after somebody was told that it stops"},
		{"a step after a lock on everything", stopped(lock), 11, "after somebody was told that it stops"},
		{"a step after an abort", stopped(incident.Command{Verb: "abort", Service: "checkout"}), 11, "after somebody was told that it stops"},
		{"a step after another service's pause", stopped(incident.Command{Verb: "pause", Service: "cart"}), 0, ""},
		{"a step within the second", func(s *story) {
			run := ready(s)
			s.commands(pause)
			s.after(time.Second)
			s.step("checkout", run)
		}, 0, ""},
		{"a step after a stop that is on record", func(s *story) {
			run := ready(s)
			s.record(incident.KindStopping, "checkout", func(e *incident.Entry) {
				e.Stopping = &incident.StoppingEntry{Run: run, Reason: "its time is over"}
			})
			s.step("checkout", run)
		}, 11, "after its run was to stop: its time is over"},
		{"a pause that was refused", func(s *story) {
			run := ready(s)
			s.Tell(pause)
			s.Carry(incident.Reply{Err: "no"})
			s.after(time.Minute)
			s.step("checkout", run)
		}, 0, ""},
		{"a rollback under a pause", planned(pause, nil), 11, "planned under a pause of checkout"},
		{"a person's rollback under a pause", planned(pause, byPerson), 0, ""},
		{"a person's rollback under a lock", planned(lock, byPerson), 11, "planned under a lock on everything"},
		{"a rollback after a veto", planned(incident.Command{Verb: "veto", Service: "checkout"}, nil), 11, "after a person's veto"},
		{"a person's rollback after a veto", planned(incident.Command{Verb: "veto", Service: "checkout"}, byPerson), 0, ""},
		{"a rollback when the pause has ended by itself", func(s *story) {
			s.deploys("checkout", "v2")
			s.commands(incident.Command{Verb: "pause", Service: "checkout", For: time.Minute})
			s.breaks("checkout")
			s.plans("checkout", "v2", "v1", nil)
		}, 0, ""},
		{"a rollback when the pause was lifted", func(s *story) {
			s.deploys("checkout", "v2")
			s.commands(pause)
			s.breaks("checkout")
			s.commands(incident.Command{Verb: "resume", Service: "checkout"})
			s.plans("checkout", "v2", "v1", nil)
		}, 0, ""},
		{"a second try after one that failed", func(s *story) {
			run := ready(s)
			s.over("checkout", run, incident.RunBlocked, 0)
			s.plans("checkout", "v2", "v1", nil)
		}, 11, "after a rollback that ended blocked"},
	})
}
