package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

// A trigger is blind when its source answers, and it shows nothing known all the
// same: a query without a series, a label that is called otherwise, NaN. People are
// told once, after blindSoon where it was never known or a deployment is to be
// judged by it, else after blindLate: a service may sleep at night. It is over once
// it was known for blindSoon. How long it has been blind is counted from the start
// of the daemon, that people were told is remembered.
const (
	blindSoon = 5 * time.Minute
	blindLate = 24 * time.Hour
)

// TriggerBlindEntry is about triggers of a service that show nothing known, or do
// again.
type TriggerBlindEntry struct {
	Triggers []BlindTrigger `json:"triggers"`
}

// BlindTrigger is a trigger that shows nothing known, since when and why.
type BlindTrigger struct {
	Name   string    `json:"name"`
	When   string    `json:"when"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
	// Never is true where it was never known since it was added.
	Never bool `json:"never,omitempty"`
}

func (t BlindTrigger) key() string { return seenKey(t.Name, t.When) }

// applyBlind takes in which triggers people were told of.
func (s *serviceMemory) applyBlind(e Entry) {
	for _, t := range e.TriggerBlind.Triggers {
		if e.Kind == KindTriggerSighted {
			delete(s.Blind, t.key())
			continue
		}
		if s.Blind == nil {
			s.Blind = map[string]BlindTrigger{}
		}
		s.Blind[t.key()] = t
	}
	if len(s.Blind) == 0 {
		s.Blind = nil
	}
}

// canBeBlind tells whether a trigger rests on a metric, and unknown stays unknown:
// with another no_data its author has said what no series means, and health is told,
// not asked for.
func canBeBlind(spec trigger.Spec) bool {
	return spec.NoData == trigger.NoDataHold && len(spec.Expr.Metrics()) > 0 && !spec.Expr.UsesHealth()
}

// blindRules are what is due for triggers that are blind. They come last, and not
// while the journal has little room or fails: nothing may wait for them.
func (b *Brain) blindRules(now time.Time) []Effect {
	if len(b.unseen) == 0 || b.mem.DiskLow || !b.failTold.IsZero() && now.Sub(b.failTold) <= failAgain {
		return nil
	}
	var effects []Effect
	for _, name := range slices.Sorted(maps.Keys(b.unseen)) {
		if l := b.live[name]; l != nil {
			effects = append(effects, b.blindRule(now, name, l)...)
		}
	}
	clear(b.unseen)
	return effects
}

// noteBlind notes after a tick whether there may be something to tell of a service.
func (b *Brain) noteBlind(name string, l *live) {
	if s := b.mem.Services[name]; s != nil && len(s.Blind) > 0 || l.watch.AnyBlind() {
		b.unseen[name] = true
	}
}

// blindRule tells people once of triggers that are blind, and records when they are
// not any more.
func (b *Brain) blindRule(now time.Time, name string, l *live) []Effect {
	s := b.mem.service(name)
	var told, over []BlindTrigger
	watched := map[string]bool{}
	for _, spec := range l.watch.Triggers() {
		sight := l.watch.Sight(spec.Name)
		if len(s.Blind) == 0 && sight.BlindSince.IsZero() || !canBeBlind(spec) {
			continue
		}
		one := BlindTrigger{Name: spec.Name, When: spec.Expr.Text, Since: sight.BlindSince, Reason: sight.Reason}
		one.Never = !sight.Ever && !s.SeenOK[one.key()]
		watched[one.key()] = true
		before, blind := s.Blind[one.key()]
		switch {
		case blind && !sight.KnownSince.IsZero() && now.Sub(sight.KnownSince) >= blindSoon:
			over = append(over, before)
		case !blind && sight.Asked && b.blindDue(now, s, name, sight, one.Never):
			told = append(told, one)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Blind)) {
		if !watched[key] {
			over = append(over, s.Blind[key]) // it is not watched any more, or means something else
		}
	}
	var effects []Effect
	if len(over) > 0 {
		e := b.entry(now, KindTriggerSighted, name, "rollbackd", "no longer blind: "+blindNames(over))
		e.TriggerBlind = &TriggerBlindEntry{Triggers: over}
		effects = append(effects, Record{Entry: e})
	}
	if len(told) > 0 {
		e := b.entry(now, KindTriggerBlind, name, "rollbackd", blindText(now, told))
		e.TriggerBlind = &TriggerBlindEntry{Triggers: told}
		effects = append(effects, Record{Entry: e, Message: b.blindMessage(now, name, told, e.Text)})
	}
	return effects
}

// blindDue tells whether it is time to tell people of a trigger.
func (b *Brain) blindDue(now time.Time, s *serviceMemory, name string, sight evaluator.Sight, never bool) bool {
	if sight.BlindSince.IsZero() {
		return false
	}
	soon := max(blindSoon, b.opts.MaxGap)
	if never && now.Sub(sight.BlindSince) >= soon || now.Sub(sight.BlindSince) >= blindLate {
		return true
	}
	d := s.Ledger.current()
	if d == nil || d.FirstLook {
		return false
	}
	from := d.StartedAt
	if sight.BlindSince.After(from) {
		from = sight.BlindSince
	}
	due := from.Add(soon)
	return !now.Before(due) && due.Before(d.StartedAt.Add(b.opts.Services[name].Deployment.BlameWindow))
}

// blindText says which triggers show nothing, since when and why.
func blindText(now time.Time, triggers []BlindTrigger) string {
	var parts []string
	for _, t := range triggers {
		since := "for " + now.Sub(t.Since).String()
		if t.Never {
			since = "since it was added (watched " + since + ")"
		}
		parts = append(parts, fmt.Sprintf("%s (%s) has shown nothing known %s: %s", t.Name, t.When, since, t.Reason))
	}
	return strings.Join(parts, "; ")
}

func blindNames(triggers []BlindTrigger) string {
	var names []string
	for _, t := range triggers {
		names = append(names, t.Name)
	}
	return listed(names)
}

// blindMessage is what people are told of triggers of a service that are blind.
func (b *Brain) blindMessage(now time.Time, name string, triggers []BlindTrigger, text string) *Message {
	end := " " + strings.ToUpper(b.mode(name))
	first := []rune(string(HeldHeadline) + " " + name + ": blind, nothing is known of " + blindNames(triggers))
	if room := maxFirstLine - len([]rune(end)); len(first) > room {
		first = append(first[:room-1], '…')
	}
	line := string(first) + end
	return &Message{
		ID: "trigger_blind/" + name + "/" + now.Format(time.RFC3339), At: now, Headline: HeldHeadline, Event: "trigger_blind",
		Service: name, Severity: trigger.Medium, Receivers: b.receiversOf(name, triggers), FirstLine: line,
		Text: line + "\n" + text + ". It cannot fire, and counts as neither well nor bad.\n" +
			"Check that Prometheus scrapes the service, the query and its label `by`, and the service's `match`; " +
			"`rollbackd check FILE --live --service " + name + "` asks Prometheus now.\n" +
			"If you do nothing: rollbackd goes on asking, and does not act on it.\nrollbackd why " + name,
	}
}

// receiversOf are those told of some triggers of a service; nil means all.
func (b *Brain) receiversOf(name string, triggers []BlindTrigger) []string {
	var names []string
	for _, spec := range b.opts.Services[name].Triggers {
		if !slices.ContainsFunc(triggers, func(t BlindTrigger) bool { return t.Name == spec.Name }) {
			continue
		}
		list := spec.Receivers
		if len(list) == 0 {
			list = b.opts.Services[name].Receivers
		}
		if len(list) == 0 {
			return nil // one trigger without receivers tells everybody
		}
		for _, receiver := range list {
			if !slices.Contains(names, receiver) {
				names = append(names, receiver)
			}
		}
	}
	return names
}
