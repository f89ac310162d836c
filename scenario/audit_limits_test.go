package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// limitTest is a story in a configuration of its own, and what is said of it; empty
// is nothing.
type limitTest struct {
	name, config string
	tell         func(*story)
	want         string
}

func runLimits(t *testing.T, tests []limitTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.config)
			tt.tell(s)
			found := ""
			for _, v := range s.Found {
				found += v.String() + "\n"
			}
			if (found == "") != (tt.want == "") || !strings.Contains(found, tt.want) || strings.Count(found, "\n") > 1 {
				t.Errorf("found %q, want %q", found, tt.want)
			}
		})
	}
}

func TestAuditOfCulprits(t *testing.T) {
	deployed := func(s *story, first bool, began time.Duration) {
		s.record(incident.KindDeployment, "cart", func(e *incident.Entry) {
			e.Deployment = &incident.Deployment{Service: "cart", Version: "v2", StartedAt: s.Wall(began), FirstLook: first}
		})
	}
	acts := func(s *story) {
		s.breaks("cart")
		s.plans("cart", "v2", "v1", nil)
	}
	const nobody = "no deployment explains any of the triggers behind it"
	runLimits(t, []limitTest{
		{"one that began before the breach", "", func(s *story) { deployed(s, false, 0); acts(s) }, ""},
		{"none", "", acts, nobody},
		{"none, and none is asked for", "", func(s *story) { s.breaks("tools"); s.plans("tools", "", "", nil) }, ""},
		{"what ran at the first look", "", func(s *story) { deployed(s, true, 0); acts(s) }, nobody},
		{"one that began after the breach", "", func(s *story) { deployed(s, false, 2*time.Minute+15*time.Second); acts(s) }, nobody},
		{"one that began after it, by less than the slack", "", func(s *story) { deployed(s, false, 2*time.Minute); acts(s) }, ""},
		{"one of before the blame window", "", func(s *story) {
			deployed(s, false, 0)
			s.after(time.Hour + 15*time.Second)
			acts(s)
		}, nobody},
		{"one of just within it", "", func(s *story) {
			deployed(s, false, 0)
			s.after(time.Hour)
			acts(s)
		}, ""},
		{"one of our own", "", func(s *story) {
			deployed(s, false, 0)
			s.rollsBack("cart", "v2", "v1", byPerson)
			s.after(11 * time.Minute)
			s.breaks("cart")
			s.plans("cart", "v1", "v0", nil)
		}, nobody},
		{"a person's, without one", "", func(s *story) { s.breaks("cart"); s.plans("cart", "v2", "v1", byPerson) }, ""},
		{"by a clock that was set since", "", func(s *story) {
			deployed(s, false, 0)
			s.record(incident.KindClock, "cart", func(e *incident.Entry) { e.Clock = &incident.ClockEntry{By: -2 * time.Hour, At: e.At} })
			acts(s)
		}, nobody},
		{"by a clock that was set without anybody's knowledge", "", func(s *story) {
			deployed(s, false, 2*time.Hour)
			s.Jump(2 * time.Hour)
			acts(s)
		}, ""},
	})
}

func TestAuditOfCorrelation(t *testing.T) {
	// All five of them count: three, and 30% of them, within five minutes.
	together := func(services string, change func(*incident.Run)) func(*story) {
		return func(s *story) {
			s.deploys("cart", "v2")
			for range 9 {
				answers := map[string]trigger.Reading{}
				for name := range strings.FieldsSeq(services) {
					answers[name] = trigger.KnownValue(0.05)
				}
				s.Tell(incident.Samples{
					At: s.Wall(s.now), Kind: incident.Grid, Answers: map[string]trigger.Answer{"error_rate": {Services: answers}},
				})
				s.after(15 * time.Second)
			}
			s.opens("cart")
			s.confirms("cart", "0.05")
			s.plans("cart", "v2", "v1", change)
		}
	}
	upstream := "correlated = { services = 2 }\n[case.config.services.checkout]\ndepends_on = [\"cart\"]\n"
	later := func(s *story) {
		s.deploys("cart", "v2")
		s.ticks("cart", "0.05")
		together("cart checkout", nil)(s)
	}
	runLimits(t, []limitTest{
		{"alone", "", together("cart", nil), ""},
		{"one of two", "", together("cart stock", nil), ""},
		{"one of three", "", together("cart stock search", nil), "3 of 5 services began to breach within 5m0s of it"},
		{"a person's of three", "", together("cart stock search", byPerson), ""},
		{"one of three, and four are needed", "correlated = { services = 4 }\n", together("cart stock search", nil), ""},
		{"one of three, and 61% are needed", "correlated = { share = \"61%\" }\n", together("cart stock search", nil), ""},
		{"one on which the other depends, that broke at the same time", upstream, together("cart checkout", nil), "2 of 5 services"},
		{"one on which the other depends, that broke first", upstream, later, ""},
		{"one that broke first, on which none depends", "correlated = { services = 2 }\n", later, "2 of 5 services"},
	})
}

func TestAuditOfNeverOK(t *testing.T) {
	const asked = "never_ok = true\n"
	acts := func(s *story) {
		s.deploys("checkout", "v2")
		s.breaks("checkout")
		s.plans("checkout", "v2", "v1", nil)
	}
	runLimits(t, []limitTest{
		{"never ok", asked, acts, "none of the triggers behind it was ever seen ok"},
		{"ok once", asked, func(s *story) { s.ticks("checkout", "0.001"); acts(s) }, ""},
		{"ok in another life", asked, func(s *story) { s.ticks("checkout", "0.001"); s.Restart(); acts(s) }, ""},
		{"only unknown until then", asked, func(s *story) { s.ticks("checkout", "? ? ?"); acts(s) }, "ever seen ok"},
		{"never ok, and it may act", "", acts, ""},
		{"never ok, and a person asked", asked, func(s *story) {
			s.deploys("checkout", "v2")
			s.breaks("checkout")
			s.plans("checkout", "v2", "v1", byPerson)
		}, ""},
	})
}

func TestAuditOfForbiddenDeployments(t *testing.T) {
	report := func(s *story, version string) {
		s.Tell(incident.Deployed{Service: "checkout", Version: version, NoAutoRollback: true})
	}
	acts := func(s *story, change func(*incident.Run)) {
		s.breaks("checkout")
		s.plans("checkout", "v2", "v1", change)
	}
	const forbidden = "v2 was deployed with no_auto_rollback"
	runLimits(t, []limitTest{
		{"said when it was deployed", "", func(s *story) {
			report(s, "v2")
			s.deploys("checkout", "v2")
			acts(s, nil)
		}, forbidden},
		{"said later", "", func(s *story) {
			s.deploys("checkout", "v2")
			report(s, "v2")
			acts(s, nil)
		}, forbidden},
		{"said, and a person asked", "", func(s *story) {
			s.deploys("checkout", "v2")
			report(s, "v2")
			acts(s, byPerson)
		}, ""},
		{"said later, and could not be written down", "", func(s *story) {
			s.deploys("checkout", "v2")
			report(s, "v2")
			s.Lost()
			acts(s, nil)
		}, ""},
		{"said of the version before", "", func(s *story) {
			report(s, "v1")
			s.deploys("checkout", "v1")
			s.Tell(incident.Deployed{Service: "checkout", Version: "v2"})
			s.deploys("checkout", "v2")
			acts(s, nil)
		}, ""},
		{"said, and only flags are switched", "", func(s *story) {
			s.deploys("checkout", "v2")
			report(s, "v2")
			acts(s, func(r *incident.Run) { r.Leaves = false })
		}, ""},
	})
}

func TestAuditOfCorroboration(t *testing.T) {
	const asked = `
[case.config.nats]
require_corroboration = true
[case.config.services.checkout.triggers]
health = { when = "2 consecutive health failures", severity = "critical", warm_up = "0s" }
said   = { when = "event broken", severity = "critical" }
`
	fires := func(s *story, names ...string) {
		s.record(incident.KindOpened, "checkout", func(e *incident.Entry) {
			e.Opened = &incident.OpenedEntry{}
			for _, name := range names {
				e.Opened.Triggers = append(e.Opened.Triggers, incident.Evidence{Name: name})
			}
		})
	}
	fails := func(s *story) {
		s.deploys("checkout", "v2")
		for range 3 {
			s.after(10 * time.Second)
			s.Tell(incident.Health{Service: "checkout", Check: trigger.HealthCheck{Instance: "a", Status: trigger.HealthFail, At: s.Wall(s.now)}})
		}
	}
	acts := func(s *story, change func(*incident.Run)) {
		s.confirms("checkout", "0.05")
		s.plans("checkout", "v2", "v1", change)
	}
	said := func(source string) func(*story) {
		return func(s *story) {
			s.deploys("checkout", "v2")
			s.Tell(incident.Signal{Service: "checkout", Said: incident.Said{Name: "broken", Source: source}})
			fires(s, "said")
			acts(s, nil)
		}
	}
	const alone = "on health events or signals from NATS alone"
	runLimits(t, []limitTest{
		{"health alone", asked, func(s *story) { fails(s); fires(s, "health"); acts(s, nil) }, alone},
		{"health alone, and a person asked", asked, func(s *story) { fails(s); fires(s, "health"); acts(s, byPerson) }, ""},
		{"health alone where that is enough", strings.Replace(asked, "= true", "= false", 1), func(s *story) {
			fails(s)
			fires(s, "health")
			acts(s, nil)
		}, ""},
		{"health and a metric", asked, func(s *story) {
			fails(s)
			s.ticks("checkout", "0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05 0.05")
			fires(s, "errors", "health")
			acts(s, nil)
		}, ""},
		{"a signal from NATS", asked, said("nats"), alone},
		{"a signal from a person", asked, said("command"), ""},
	})
}

func TestAuditOfRehearsals(t *testing.T) {
	const asked = "rehearsed_within = \"1h\"\n"
	rehearse := func(s *story, ok bool, scope string) {
		s.commands(incident.Command{Verb: "rehearsed", Service: "checkout", Rehearsal: &incident.Rehearsal{
			Plan: s.Options.Services["checkout"].Plan.Name, OK: ok, Scope: scope,
		}})
	}
	acts := func(s *story, change func(*incident.Run)) {
		s.deploys("checkout", "v2")
		s.breaks("checkout")
		s.plans("checkout", "v2", "v1", change)
	}
	inAnother := func(state incident.RunState) func(*story) {
		return func(s *story) {
			run := s.plans("cart", "c2", "c1", func(r *incident.Run) {
				r.Automatic, r.Rehearses, r.Plan = false, &incident.RehearsalOf{Service: "checkout"}, *s.Options.Services["checkout"].Plan
			})
			s.over("cart", run, state, 0)
			s.record(incident.KindRehearsed, "checkout", func(e *incident.Entry) { e.Rehearsed = &incident.Rehearsal{OK: true, Run: run, In: "cart"} })
			s.Found = nil // that nothing was verified is another matter
			acts(s, nil)
		}
	}
	runLimits(t, []limitTest{
		{"never rehearsed", asked, func(s *story) { acts(s, nil) }, "nobody has rehearsed plan"},
		{"never rehearsed, and a person asked", asked, func(s *story) { acts(s, byPerson) }, ""},
		{"never rehearsed, and nobody asks for it", "", func(s *story) { acts(s, nil) }, ""},
		{"rehearsed", asked, func(s *story) { rehearse(s, true, ""); acts(s, nil) }, ""},
		{"rehearsed, as it is on record alone", asked, func(s *story) {
			s.Tell(incident.Command{ID: "1", Verb: "rehearsed", Service: "checkout", Rehearsal: &incident.Rehearsal{
				Plan: s.Options.Services["checkout"].Plan.Name, OK: true,
			}})
			s.record(incident.KindRehearsed, "checkout", func(e *incident.Entry) { e.Rehearsed = &incident.Rehearsal{OK: true} })
			s.Restart()
			acts(s, nil)
		}, ""},
		{"rehearsed too long ago", asked, func(s *story) {
			rehearse(s, true, "")
			s.after(58 * time.Minute)
			acts(s, nil)
		}, "was last rehearsed 1h0m15s ago"},
		{"rehearsed too long ago by a clock that was set back without anybody's knowledge", asked, func(s *story) {
			rehearse(s, true, "")
			s.after(58 * time.Minute)
			s.Jump(-10 * time.Minute)
			acts(s, nil)
		}, ""},
		{"the newest found a problem", asked, func(s *story) {
			rehearse(s, true, "")
			s.after(time.Minute)
			rehearse(s, false, "")
			acts(s, nil)
		}, "the newest rehearsal of plan"},
		{"the newest of another scope found a problem", asked, func(s *story) {
			rehearse(s, true, "")
			s.after(time.Minute)
			rehearse(s, false, "flags")
			acts(s, nil)
		}, ""},
		{"only another scope", asked, func(s *story) { rehearse(s, true, "flags"); acts(s, nil) }, "nobody has rehearsed plan"},
		{"the plan was another", asked, func(s *story) {
			rehearse(s, true, "")
			acts(s, func(r *incident.Run) { r.Plan.Timeout += time.Minute })
		}, "nobody has rehearsed plan"},
		{"the plan has other people to ask, and settles for longer", asked, func(s *story) {
			rehearse(s, true, "")
			acts(s, func(r *incident.Run) { r.Plan.Verify.Settle += time.Minute })
		}, ""},
		{"in another service", asked, inAnother(incident.RunCompleted), ""},
		{"in another service, and it did not complete", asked, inAnother(incident.RunPartial), "the newest rehearsal of plan"},
	})
}
