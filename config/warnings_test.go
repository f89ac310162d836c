package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

const watched = `[prometheus]
url = "http://127.0.0.1:9090"
[nats]
url = "nats://127.0.0.1:4222"
[metrics]
errors = { bad = 'sum by (service) (rate(e{code="500"}[1m]))', total = 'sum by (service) (rate(e[1m]))' }
[receivers.ops]
webhook = { url = "https://h.example.com", secret_file = "k" }
`

const withPlan = `[[services.checkout.rollback.steps]]
exec = ["/bin/true"]
`

// Warnings never make a configuration invalid, and a clean one has none.
func TestWarnings(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{
			"nothing to say",
			watched + withPlan + "[services.checkout.triggers]\na = { when = \"errors > 1% for 1m\", severity = \"high\" }\n",
			nil,
		},
		{
			"range of less than two polls",
			"[prometheus]\nurl = \"http://p\"\npoll_interval = \"40s\"\n[metrics]\nm = 'rate(e[1m])'\n",
			[]string{`5: metrics.m: the range 1m is shorter than two polls (1m20s): with a scrape interval like the poll interval, rate() finds no two samples in it`},
		},
		{
			"for shorter than the range",
			watched + withPlan + "[services.checkout.triggers]\na = { when = \"errors > 1% for 30s\", severity = \"critical\" }\n",
			[]string{`12: services.checkout.triggers.a.when: for 30s is shorter than the range of metric "errors" (1m): a single burst stays in the range for longer than that`},
		},
		{
			"bare ratio",
			"[metrics]\nr = 'sum(rate(e{code=\"500\"}[1m])) / sum(rate(e[1m]))'\n",
			[]string{"2: metrics.r: the ratio's numerator is filtered and has no `or`: without a single match it is missing instead of 0 (write bad and total, or add \"or on() vector(0)\")"},
		},
		{
			"no receiver for a countdown",
			strings.ReplaceAll(watched, "webhook =", "severities = [\"critical\"]\nwebhook =") + withPlan +
				"[services.checkout.triggers]\na = { when = \"errors > 1% for 1m\", severity = \"high\" }\nb = { when = \"errors > 5% for 1m\", severity = \"critical\" }\n",
			[]string{`13: services.checkout.triggers.a: the matrix says "countdown 2m", and no receiver is told about it: nobody would know`},
		},
		{
			"pages that nothing would resolve",
			"[receivers.duty]\npagerduty = { routing_key_file = \"k\" }\nevents = [\"failed\"]\n[receivers.all]\npagerduty = { routing_key_file = \"k\" }\nevents = [\"failed\", \"closed\"]\n",
			[]string{`3: receivers.duty.events: leaves out "closed", by which PagerDuty, Alertmanager and a status page learn that an incident is over: what was opened there would stay open`},
		},
		{
			"response without a plan",
			watched + "[services.checkout.triggers]\na = { when = \"errors > 1% for 1m\", severity = \"critical\" }\nb = { when = \"errors > 1% for 1m\", severity = \"low\" }\n",
			[]string{`10: services.checkout.triggers.a: the matrix says "rollback", and the service has no rollback and no plan: it can only notify`},
		},
		{
			"tools that are not there",
			"[plans.a]\nsteps = [{ exec = [\"no-such-program-anywhere\"], probe = { exec = [\"/no/such/file\"] } }]\n",
			[]string{
				`2: plans.a.steps[0].exec: the program "no-such-program-anywhere" is not there, or not executable`,
				`2: plans.a.steps[0].probe.exec: the program "/no/such/file" is not there, or not executable`,
			},
		},
		{
			"target by event",
			"[[services.a.rollback.steps]]\nexec = [\"/bin/true\", \"${target_version}\"]\n",
			[]string{`2: services.a.rollback.steps[0].exec[1]: uses ${target_version}, and service "a" has no version source (services.a.deployment): deployments must be reported by NATS, API or command line`},
		},
		{
			"unsigned webhook",
			"[receivers.a]\nwebhook = { url = \"https://h.example.com\" }\n",
			[]string{`2: receivers.a.webhook: messages will not be signed: write secret_file, so that the other side can tell who sent them`},
		},
		{
			"an approval step that nobody hears of",
			strings.ReplaceAll(watched, "webhook =", "events = [\"closed\"]\nwebhook =") + withPlan +
				"[[services.checkout.rollback.steps]]\napproval = \"go on?\"\n[services.checkout.triggers]\na = { when = \"errors > 1% for 1m\", severity = \"critical\" }\n",
			[]string{`13: services.checkout.rollback.steps[1].approval: asks people, and no receiver is told about it where services.checkout.triggers.a fires: nobody would know`},
		},
		{
			"a countdown that a receiver does not ask for",
			strings.ReplaceAll(watched, "webhook =", "events = [\"approval_needed\"]\nwebhook =") + withPlan +
				"[services.checkout.triggers]\na = { when = \"errors > 1% for 1m\", severity = \"high\" }\nb = { when = \"errors > 1% for 1m\", severity = \"medium\" }\n",
			[]string{`13: services.checkout.triggers.a: the matrix says "countdown 2m", and no receiver is told about it: nobody would know`},
		},
		{
			"levels of escalation that reach nobody",
			"[decide]\nescalate_after = [\"0m\", \"5m\"]\n[receivers.a]\nescalation = 1\nwebhook = { url = \"https://h\", secret_file = \"k\" }\n" +
				"[receivers.b]\nescalation = 2\nwebhook = { url = \"https://h\", secret_file = \"k\" }\n",
			[]string{
				`4: receivers.a.escalation: no receiver has a lower escalation than 1: nobody is told of anything in the first 5m`,
				`7: receivers.b.escalation: escalate_after has the levels 0 to 1: this receiver would never be told`,
			},
		},
		{
			"a long question before each step",
			"[plans.a]\nreversible = { exec = [\"/bin/true\"], timeout = \"2m\" }\nsteps = [{ exec = [\"/bin/true\"] }]\n",
			[]string{`2: plans.a.reversible.timeout: is asked before each changing step, and may hold each of them up for 2m`},
		},
		{
			"the same for each",
			"[plans.a]\nsteps = [{ exec = [\"/bin/true\"], each = [\"x\", \"y\"] }, { exec = [\"/bin/true\"], if = { exec = [\"/no/such/file\", \"${each}\"] }, each = [\"x\", \"y\"] }]\n",
			[]string{
				`2: plans.a.steps[0].each: no part of the step says ${each}: the same would be done 2 times`,
				`2: plans.a.steps[1].if.exec: the program "/no/such/file" is not there, or not executable`,
			},
		},
		{
			"a window that does nothing",
			"[[windows]]\nname = \"w\"\nresponse = \"rollback\"\n",
			[]string{`3: windows[0].response: "rollback" lowers no response: the window changes nothing`},
		},
		{
			"a query step and a hold_when over less than two polls",
			"[prometheus]\nurl = \"http://p\"\n[guards]\nhold_when = 'rate(e[20s]) > 0'\n[plans.a]\nsteps = [{ exec = [\"/bin/true\"] }, { query = 'rate(e[20s]) > 0' }]\n",
			[]string{
				`4: guards.hold_when: the range 20s is shorter than two polls (30s): with a scrape interval like the poll interval, rate() finds no two samples in it`,
				`6: plans.a.steps[1].query: the range 20s is shorter than two polls (30s): with a scrape interval like the poll interval, rate() finds no two samples in it`,
			},
		},
		{
			"approvals that only some could give",
			"[decide]\napprovals = { any = 2, lead = 1 }\n[web.roles]\napprover = [\"a\"]\nlead = [\"b\"]\n",
			[]string{
				`2: decide.approvals.any: asks for 2 people, and [web] roles has 1 of role "approver": only root on the socket could make up for the others`,
				`2: decide.approvals.lead: asks for 1 people of role "lead", and only 0 of them may approve: add them to the role "approver" too`,
			},
		},
		{
			"approvals by a role that nobody has",
			"[decide]\napprovals = { ops-lead = 1, tech-lead = 1 }\n",
			[]string{
				`2: decide.approvals.ops-lead: [web] roles has no role "ops-lead", so nobody can give this approval (write roles = { ops-lead = ["NAME"] } in [web])`,
				`2: decide.approvals.tech-lead: [web] roles has no role "tech-lead", so nobody can give this approval (write roles = { tech-lead = ["NAME"] } in [web])`,
			},
		},
		{
			"an approval step by a role that is spelled otherwise",
			"[plans.a]\nsteps = [{ approval = { text = \"go on?\", ops-laed = 1 } }]\n[web.roles]\napprover = [\"a\"]\nops-lead = [\"a\"]\n",
			[]string{`2: plans.a.steps[0].approval.ops-laed: [web] roles has no role "ops-laed" (did you mean "ops-lead"?), so nobody can give this approval (write roles = { ops-laed = ["NAME"] } in [web])`},
		},
		{
			"approvals of more people than have the role",
			"[decide]\napprovals = { ops-lead = 2 }\n[web.roles]\napprover = [\"a\", \"b\"]\nops-lead = [\"a\"]\n",
			[]string{`2: decide.approvals.ops-lead: asks for 2 people of role "ops-lead", and [web] roles gives it to 1: nobody could ever approve (give it to more people, or ask for fewer)`},
		},
		{
			"roles without an approver",
			"[web.roles]\nviewer = [\"a\"]\n",
			[]string{`1: web.roles: nobody is an approver: only root on the socket could approve, veto or roll back`},
		},
		{
			"one plan of two services warns once",
			"[plans.a]\nsteps = [{ exec = [\"/no/such/file\"] }]\n[services.a]\nplan = \"a\"\n[services.b]\nplan = \"a\"\n",
			[]string{`2: plans.a.steps[0].exec: the program "/no/such/file" is not there, or not executable`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, report := must(t, test.text)
			var got []string
			for _, p := range report.Warnings {
				got = append(got, strings.TrimPrefix(p.String(), "rollbackd.toml:"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A ratio is only suspicious where the filter above the line is missing below,
// and nothing stands in for the missing numerator.
func TestRatiosThatAreFine(t *testing.T) {
	for _, query := range []string{
		`sum(rate(e{code="500"}[1m])) / sum(rate(e{code="500"}[1m]))`,
		`(sum(rate(e{code="500"}[1m])) or on() vector(0)) / sum(rate(e[1m]))`,
		`sum(rate(e{code="500"}[1m])) / 60`,
		`sum(rate(errors[1m])) / sum(rate(requests[1m]))`,
	} {
		_, report := must(t, "[metrics]\nr = '"+query+"'\n")
		if len(report.Warnings) > 0 {
			t.Errorf("%s: %v", query, report.Warnings)
		}
	}
}

// A mistake is said once: what is only wrong because of it is not said beside it.
func TestAPollIntervalThatIsRefusedWarnsOfNothingElse(t *testing.T) {
	for _, poll := range []string{`2`, `"40"`, `"500ms"`} {
		text := "[prometheus]\nurl = \"http://p\"\npoll_interval = " + poll + "\n[metrics]\nm = 'rate(e[20s])'\nn = 'rate(e[500ms])'\n"
		_, r := config.Parse("a.toml", []byte(text))
		if len(r.Errors) == 0 {
			t.Errorf("poll_interval = %s is not refused", poll)
		}
		for _, w := range r.Warnings {
			if strings.Contains(w.Text, "two polls") {
				t.Errorf("poll_interval = %s: %s", poll, w)
			}
		}
	}
}
