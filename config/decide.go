package config

import (
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Decide is [decide].
type Decide struct {
	// Within is how long a decision may take, by severity.
	Within map[trigger.Severity]time.Duration
	// OnDeadline holds the severities for which silence until then is a yes.
	OnDeadline map[trigger.Severity]bool
	// Countdown is the length of a countdown that gives none.
	Countdown time.Duration
	// Approvals is how many people of each role must say yes; the role "any" is
	// whoever may approve.
	Approvals map[string]int
	// EscalateAfter are the moments at which the next level is told, ascending. The
	// first is zero.
	EscalateAfter   []time.Duration
	ApprovalExpires time.Duration
}

func readDecide(root *table) Decide {
	t := root.orEmpty("decide", "[decide]")
	d := Decide{
		Within: map[trigger.Severity]time.Duration{
			trigger.Critical: 5 * time.Minute, trigger.High: 15 * time.Minute, trigger.Medium: time.Hour,
		},
		Countdown:       t.duration("countdown", 2*time.Minute),
		Approvals:       map[string]int{"any": 1},
		EscalateAfter:   t.escalateAfter("escalate_after"),
		ApprovalExpires: t.duration("approval_expires", 15*time.Minute),
	}
	if sub := t.sub("approvals", ""); sub != nil {
		if needs := sub.needs(); needs != nil {
			d.Approvals = needs
		}
	}
	if w := t.sub("within", "[decide.within]"); w != nil {
		for _, s := range trigger.Severities() {
			if w.has(s.String()) {
				d.Within[s] = w.duration(s.String(), d.Within[s])
			}
		}
		w.done()
	}
	d.OnDeadline = t.onDeadline(d.Within)
	t.done()
	return d
}

// onDeadline reads the severities for which silence is a yes. Without a deadline
// there is nothing at which it could be one.
func (t *table) onDeadline(within map[trigger.Severity]time.Duration) map[trigger.Severity]bool {
	sub := t.sub("on_deadline", "[decide.on_deadline]")
	if sub == nil {
		return nil
	}
	out := map[trigger.Severity]bool{}
	for _, s := range trigger.Severities() {
		if !sub.has(s.String()) {
			continue
		}
		out[s] = sub.choice(s.String(), "rollback", "rollback") == "rollback"
		sub.withoutDefault(s.String()) // without the key silence is no yes
		if _, known := within[s]; !known {
			sub.errorf(sub.key(s.String()), "%s has no deadline: write within = { %s = \"1h\" } as well", s, s)
		}
	}
	sub.done()
	return out
}

// escalateAfter reads the moments of escalation.
func (t *table) escalateAfter(key string) []time.Duration {
	otherwise := []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	if !t.has(key) {
		return otherwise
	}
	texts := t.strings(key)
	t.items(key, durationForm())
	if list, ok := t.vals[key].([]any); ok && len(list) == 0 {
		t.errorf(t.key(key), "must have at least one moment: nobody would ever be told")
	}
	var out []time.Duration
	for i, text := range texts {
		d, err := parseDuration(text)
		switch {
		case err != nil:
			t.errorf(t.key(key).index(i), "%v", err)
		case i == 0 && d > 0:
			t.errorf(t.key(key).index(0), "must be \"0m\": the first level is told at once")
		case len(out) > 0 && d <= out[len(out)-1]:
			t.errorf(t.key(key).index(i), "must be later than the moment before it (%s)", durationText(out[len(out)-1]))
		default:
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return otherwise
	}
	return out
}

func (d Decide) tree() tree {
	t := tree{
		"within": within(d.Within), "countdown": durationText(d.Countdown),
		"approvals": d.Approvals, "approval_expires": durationText(d.ApprovalExpires),
	}
	var moments []string
	for _, after := range d.EscalateAfter {
		moments = append(moments, durationText(after))
	}
	t.set("escalate_after", moments)
	onDeadline := tree{}
	for s := range d.OnDeadline {
		onDeadline[s.String()] = "rollback"
	}
	t.set("on_deadline", onDeadline)
	return t
}

func within(all map[trigger.Severity]time.Duration) tree {
	t := tree{}
	for s, d := range all {
		t[s.String()] = durationText(d)
	}
	return t
}
