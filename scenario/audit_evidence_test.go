package scenario_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/scenario"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestAuditOfEvidence(t *testing.T) {
	runAudits(t, []auditTest{
		{"a window that is full", func(s *story) { s.breaks("checkout") }, 0, ""},
		{"a window that is not", func(s *story) {
			s.ticks("checkout", "0.05 0.05 0.05")
			s.opens("checkout")
		}, 6, "trigger errors of checkout is said to fire"},
		{"a window of the unknown", func(s *story) {
			s.ticks("checkout", "0.05 ? ? ? ? ? ? ? ? ?")
			s.opens("checkout")
		}, 6, "trigger errors of checkout is said to fire"},
		{"a window that was well in between", func(s *story) {
			s.ticks("checkout", "0.05 0.05 0.05 0.05 0.001 0.05 0.05 0.05 0.05")
			s.opens("checkout")
		}, 6, "trigger errors of checkout is said to fire"},
		{"a window of another life", func(s *story) {
			s.ticks("checkout", "0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05")
			s.Restart()
			s.opens("checkout")
		}, 6, "trigger errors of checkout is said to fire"},
		{"what is not known called ok for the first time", func(s *story) {
			s.ticks("checkout", "0.001 ?")
			s.record(incident.KindSeen, "checkout", func(e *incident.Entry) {
				e.Seen = &incident.SeenEntry{Triggers: []incident.SeenTrigger{{Name: "errors"}}}
			})
		}, 6, "is said to be ok, and it is not known ok"},
		{"what is not known called cleared", func(s *story) {
			s.breaks("checkout")
			s.ticks("checkout", "?")
			s.record(incident.KindCleared, "checkout", func(e *incident.Entry) { e.Trigger = &incident.Evidence{Name: "errors"} })
		}, 6, "is said to be cleared, and it is not known ok"},
		{"what is not known stood down", func(s *story) {
			s.breaks("checkout")
			s.confirms("checkout", "?")
			s.record(incident.KindStoodDown, "checkout", nil)
		}, 6, "is said to be read ok before acting"},
		{"acting on what could not be read again", func(s *story) {
			s.deploys("checkout", "v2")
			s.breaks("checkout")
			s.confirms("checkout", "?")
			s.plans("checkout", "v2", "v1", nil)
		}, 6, "none of its triggers was known to breach when it was read right before"},
		{"acting on what was read long ago", func(s *story) {
			s.deploys("checkout", "v2")
			s.breaks("checkout")
			s.after(time.Minute)
			s.plans("checkout", "v2", "v1", nil)
		}, 6, "none of its triggers was known to breach"},
		{"closed when it was well for long enough", func(s *story) {
			s.breaks("checkout")
			s.ticks("checkout", "0.001 0.001 ? 0.001 0.001 0.001 0.001 0.001 0.001")
			s.closes("checkout", incident.Recovered)
		}, 0, ""},
		{"closed too soon", func(s *story) {
			s.breaks("checkout")
			s.ticks("checkout", "0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001")
			s.closes("checkout", incident.Recovered)
		}, 6, "trigger errors was known ok for 1m45s, not for 2m0s"},
		{"closed on the unknown", func(s *story) {
			s.breaks("checkout")
			s.ticks("checkout", "0.001 0.001 0.001 ? ? ? ? ? ? ? ?")
			s.closes("checkout", incident.Recovered)
		}, 6, "known ok for 0s, not for 2m0s"},
	})
}

func TestAuditOfVerification(t *testing.T) {
	verified := func(values string, samples int) func(*story) {
		return func(s *story) {
			s.deploys("checkout", "v2")
			s.breaks("checkout")
			run := s.plans("checkout", "v2", "v1", nil)
			s.step("checkout", run)
			s.ends("checkout", run, incident.StepResult{State: incident.StepDone})
			s.verifies("checkout", run)
			s.ticks("checkout", values)
			s.over("checkout", run, incident.RunCompleted, samples)
		}
	}
	// What settles is the first two ticks; then five make a minute.
	runAudits(t, []auditTest{
		{"enough", verified("0.05 0.05 0.001 0.001 0.001 0.001 0.001", 5), 0, ""},
		{"enough, with a pause", verified("0.05 0.05 0.001 0.001 0.001 ? 0.001 0.001 0.001", 6), 0, ""},
		{"nothing at all", verified("", 0), 8, "verification saw nothing"},
		{"too little", verified("0.05 0.05 0.001 0.001 0.001 0.001", 4), 8, "all was known ok for 45s, not for 1m0s"},
		{"the unknown counted", verified("0.05 0.05 0.001 ? ? 0.001 0.001 0.001", 6), 8, "all was known ok for 30s, not for 1m0s"},
		{"a breach inside", verified("0.05 0.05 0.001 0.001 0.001 0.05 0.001 0.001 0.001", 6), 8, "all was known ok for 30s, not for 1m0s"},
		{"the unknown at the end", verified("0.05 0.05 0.001 0.001 0.001 0.001 0.001 ?", 6), 8, "at the last tick it was not known ok"},
	})
}

// TestTheAuditorsWindowsAreThoseOfTheBrain lets the auditor's own rules and the
// brain's judge the same histories: two readings of one page of the design.
func TestTheAuditorsWindowsAreThoseOfTheBrain(t *testing.T) {
	whens := []string{
		"error_rate > 1% for 2m", "error_rate > 1% for 40s", "error_rate > 1% in 3 of 5 samples", "error_rate > 1%",
		"error_rate > 1% and latency_p99 > 500ms for 1m", "error_rate > 1% and latency_p99 > 500ms in 2 of 6 samples",
	}
	fired, wells := 0, 0
	for _, when := range whens {
		f := parse(t, "[[case]]\nname = \"x\"\nuntil = \"1m\"\nstanding = true\n[case.config.services.checkout.triggers]\nerrors = { when = \""+when+"\", severity = \"critical\" }\n")
		for seed := range uint64(200) {
			r := rand.New(rand.NewPCG(seed, 1))
			x := scenario.NewAudit(f)
			o := x.Options.Services["checkout"]
			w := evaluator.NewWatch(evaluator.WatchOptions{Service: "checkout", Triggers: o.Triggers, Poll: x.Options.Poll, MaxGap: x.Options.MaxGap})
			trouble := []float64{0.2, 0.5, 0.9}[r.IntN(3)]
			for tick := range 60 {
				at := time.Duration(tick) * 15 * time.Second
				if r.IntN(12) == 0 {
					continue // a tick that was skipped
				}
				if r.IntN(5) == 0 {
					x.At(at - 5*time.Second)
					answers := chance(r, trouble)
					x.Carry(incident.Read{ID: "f", Kind: incident.Full, Service: "checkout"})
					x.Tell(incident.Samples{At: x.Wall(at - 5*time.Second), Kind: incident.Full, ReadID: "f", Answers: answers})
					w.Extra(x.Wall(at-5*time.Second), answers)
				}
				x.At(at)
				kind, answers := incident.Grid, chance(r, trouble)
				if tick < 20 {
					kind = incident.Rebuilt
				}
				x.Tell(incident.Samples{At: x.Wall(at), Kind: kind, Answers: answers})
				w.Grid(x.Wall(at), answers, kind == incident.Grid)
				st, _ := w.Status("errors")
				since, last := w.OK("errors")
				full, mySince, myLast := x.Window("checkout", "errors")
				if full != (st.State == trigger.Firing) || !since.Equal(mySince) || !last.Equal(myLast) {
					t.Fatalf("%s, seed %d, tick %d: the auditor says full %v, ok %s to %s; the brain %s, ok %s to %s", when, seed, tick, full, mySince, myLast, st.State, since, last)
				}
				if full {
					fired++
				}
				if !since.IsZero() {
					wells++
				}
			}
		}
	}
	if fired < 5000 || wells < 5000 {
		t.Errorf("only %d ticks with a full window and %d in a run of ok: the histories show too little", fired, wells)
	}
}

// chance is an answer of both metrics: breaching as often as trouble says, now and
// then unknown or missing.
func chance(r *rand.Rand, trouble float64) map[string]trigger.Answer {
	one := func(good, bad float64) trigger.Answer {
		switch r.IntN(8) {
		case 0:
			return trigger.Answer{Err: "timeout"}
		case 1:
			return trigger.Answer{Services: map[string]trigger.Reading{}}
		}
		v := good
		if r.Float64() < trouble {
			v = bad
		}
		return trigger.Answer{Services: map[string]trigger.Reading{"checkout": trigger.KnownValue(v)}}
	}
	return map[string]trigger.Answer{"error_rate": one(0.001, 0.05), "latency_p99": one(0.1, 0.9)}
}

// TestAuditOfTheWhole looks at what is seen only when a case is over.
func TestAuditOfTheWhole(t *testing.T) {
	const bad = `
values = { "error_rate checkout" = "0.001x3 0.05x200" }
events = [{ at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } }]
`
	whole := func(more string) (*scenario.File, *scenario.Case) {
		f := parse(t, "[[case]]\nname = \"x\"\nuntil = \"30m\"\nstanding = true\n"+more)
		return f, f.Cases[0]
	}
	t.Run("what the brain was told was not all", func(t *testing.T) {
		f, c := whole(bad)
		wantViolation(t, f.PlayTampered(c, time.Minute), 12)
	})
	t.Run("a countdown that nobody ends", func(t *testing.T) {
		f, c := whole(bad + "[case.config.services.checkout.triggers]\nerrors = { when = \"error_rate > 1% for 2m\", severity = \"high\" }\n")
		wantViolation(t, f.PlayDeaf(c, 3*time.Minute+20*time.Second), 7)
	})
	t.Run("a secret in the journal", func(t *testing.T) {
		f, c := whole(`events = [{ at = "1m", command = { verb = "pause", service = "checkout", by = "alice", reason = "canary-secret-1" } }]`)
		wantViolation(t, f.Play(c), 10)
	})
	t.Run("nothing", func(t *testing.T) {
		f, c := whole(bad)
		for _, v := range f.Play(c).Violations {
			t.Errorf("nothing is wrong here, and it says: %s", v)
		}
	})
}

func wantViolation(t *testing.T, v scenario.Verdict, invariant int) {
	t.Helper()
	if len(v.Violations) == 0 || v.Violations[0].Invariant != invariant || len(v.Failures) == 0 {
		t.Errorf("violations %v, failures %v; want invariant %d, and a failure for it", v.Violations, v.Failures, invariant)
	}
}
