package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRolesAreHeldTo: each verb by each person, over an incident that is open; who may
// not is a line in the timeline, and nothing follows from it.
func TestRolesAreHeldTo(t *testing.T) {
	operate, approve := []string{"otto", "alice", "root"}, []string{"alice", "root"}
	allowed := map[string][]string{
		"ack": operate, "pause": operate, "resume": operate, "lock": operate, "unlock": operate,
		"approve": approve, "veto": approve, "abort": approve, "close": approve, "pardon": approve, "rollback": approve,
	}
	for verb, may := range allowed {
		for _, by := range []string{"mallory", "vera", "otto", "alice", "root"} {
			t.Run(verb+" by "+by, func(t *testing.T) {
				f := parse(t, fmt.Sprintf(`
[[case]]
name   = "somebody says something"
until  = "5m"
values = { "error_rate checkout" = "0.001x3 0.05x30" }
config = { web = { roles = { viewer = ["vera"], operator = ["otto"], approver = ["alice"] } }, services = { checkout = { triggers = { errors = { severity = "medium" } } } } }
events = [
  { at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } },
  { at = "4m", command = { verb = %q, service = "checkout", by = %q, reason = "because", version = "v2" } },
]
expect = [{ at = "3m", service = "checkout", incident = { state = "awaiting_approval" } }]
`, verb, by))
				v := f.Play(f.Cases[0])
				if len(v.Failures) > 0 {
					t.Fatal(v.Failures)
				}
				text := verb + " needs the role "
				refused := slices.ContainsFunc(v.Timeline, func(line string) bool {
					return strings.HasPrefix(line, "+04:00") && strings.Contains(line, " refused ") && strings.Contains(line, text)
				})
				if want := !slices.Contains(may, by); refused != want {
					t.Errorf("refused: %t, want %t\n%s", refused, want, strings.Join(v.Timeline, "\n"))
				}
				if refused && slices.ContainsFunc(v.Journal, func(line []byte) bool { return strings.Contains(string(line), `"because"`) }) {
					t.Errorf("refused, and on record all the same:\n%s", strings.Join(v.Timeline, "\n"))
				}
			})
		}
	}
}

// TestWithoutRolesSomebodyHasTheirOwnName: a configuration without [web] roles says of
// nobody what they are.
func TestWithoutRolesSomebodyHasTheirOwnName(t *testing.T) {
	f := parse(t, `
[[case]]
name   = "approvals by role, and nobody has one"
until  = "8m"
values = { "error_rate checkout" = "0.001x3 0.05x60" }
config = { decide = { approvals = { ops-lead = 1, tech-lead = 1 } }, services = { checkout = { triggers = { errors = { severity = "medium" } } } } }
events = [
  { at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } },
  { at = "4m", command = { verb = "approve", service = "checkout", by = "alice", reason = "yes" } },
  { at = "5m", command = { verb = "approve", service = "checkout", by = "ops-lead", reason = "yes" } },
  { at = "6m", command = { verb = "approve", service = "checkout", by = "bob", reason = "yes", roles = ["tech-lead"] } },
]
expect = [{ at = "5m59s", rollbacks = 0 }, { at = "6m", rollbacks = 1 }]
`)
	if v := f.Play(f.Cases[0]); len(v.Failures) > 0 {
		t.Error(strings.Join(v.Failures, "\n"))
	}
}
