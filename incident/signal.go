package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Said is what somebody, or another program, said of a service by a name such as
// deployment_failed. It stands from its arrival until another deployment of the
// service begins, a person closes the service's incident, or the blame window has
// passed: no source could tell of it again, so that it is journalled.
type Said struct {
	Name string `json:"name"`
	// At is when it came: the onset of the breach that it makes.
	At time.Time `json:"at"`
	// Severity raises that of the triggers that wait for it; zero leaves theirs.
	Severity trigger.Severity `json:"severity,omitempty"`
	// Source is how it came: nats, api or command.
	Source string `json:"source"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Signal is what came by NATS about a service. A person's word comes as a Command.
type Signal struct {
	Service string
	Said
}

func (Signal) input() {}

// SignalView is a signal that stands, as the API shows it.
type SignalView struct {
	Said
	// Until is when it will have stood for the blame window.
	Until time.Time `json:"until,omitzero"`
	// Repeated is how often it was said again since rollbackd started.
	Repeated int `json:"repeated,omitempty"`
}

// natsSource is the one whose word may have to be borne out.
const natsSource = "nats"

// fromBus tells whether it came by NATS, where nobody may know who speaks.
func (s Said) fromBus() bool { return s.Source == natsSource }

// actor is who said it, as well as that is known.
func (s Said) actor() string {
	if s.By != "" {
		return s.By
	}
	return s.Source
}

// quoted is who said it, and their reason where they gave one.
func (s Said) quoted() string {
	if s.Reason == "" {
		return s.actor()
	}
	return fmt.Sprintf("%s (%q)", s.actor(), s.Reason)
}

func (s Said) text() string {
	text := "signal " + s.Name
	if s.Severity != 0 {
		text += " (" + s.Severity.String() + ")"
	}
	text += " by " + s.actor()
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// with is what stands after it was said again, and whether that is news: a person's
// word in the place of one from NATS, or a higher severity. Its onset stays. What
// NATS says does not make a person's word graver where it has to be borne out.
func (s Said) with(again Said, believed bool) (Said, bool) {
	next := s
	if s.fromBus() && !again.fromBus() {
		next.Source, next.By, next.Reason = again.Source, again.By, again.Reason
	}
	if again.Severity > s.Severity && (believed || s.fromBus() || !again.fromBus()) {
		next.Severity = again.Severity
	}
	return next, next != s
}

// signalled turns a signal from NATS into its entry; nothing where it is no news.
func (b *Brain) signalled(now time.Time, in Signal) []Effect {
	e, _ := b.signalEntry(now, in)
	return e
}

// commandSignal takes in a signal that a person sent, and says what became of it.
func (b *Brain) commandSignal(now time.Time, c Command) []Effect {
	if _, ok := b.opts.Services[c.Service]; !ok {
		return refuse(c, "not_found", b.notConfigured(c.Service), "")
	}
	if !trigger.IsSignalName(c.Name) {
		return refuse(c, "bad_request", fmt.Sprintf("%q is not the name of a signal (want %s)", c.Name, trigger.SignalNameWanted), "")
	}
	source := c.Source
	if source == "" {
		source = "api"
	}
	effects, note := b.signalEntry(now, Signal{
		Service: c.Service, Said: Said{Name: c.Name, Severity: c.Severity, At: now, Source: source, By: c.Actor, Reason: c.Reason},
	})
	reply := Reply{ID: c.ID, Note: note}
	if open := b.mem.service(c.Service).Open; open != nil {
		reply.Incident = open.ID
	}
	return append(effects, reply)
}

// signalEntry records a signal, or says why that is not done.
func (b *Brain) signalEntry(now time.Time, in Signal) (effects []Effect, note string) {
	l := b.live[in.Service]
	if _, ok := b.opts.Services[in.Service]; !ok || l == nil || !l.watch.WaitsFor(in.Name) {
		return nil, fmt.Sprintf("no trigger of %s waits for %s: nothing follows from it", in.Service, in.Name)
	}
	said := in.Said
	if said.At.IsZero() || said.At.After(now) {
		said.At = now
	}
	said.At = said.At.UTC().Round(0)
	s := b.mem.service(in.Service)
	text := said.text()
	if l.watch.Stands(in.Name, now) {
		before := s.Ledger.Said[in.Name]
		next, news := before.with(said, !b.opts.Corroborate)
		if !news {
			l.repeated[in.Name]++
			return nil, fmt.Sprintf("%s stands since %s already, by %s: nothing is new", in.Name, shortTime(before.At), before.actor())
		}
		said, text = next, next.text()+", again"
	}
	e := b.entry(now, KindSignal, in.Service, said.actor(), text)
	e.Signal = &said
	if s.Open != nil {
		e.Incident = s.Open.ID
	}
	return []Effect{Record{Entry: e}}, ""
}

// say takes in a signal about the running version.
func (l *ledger) say(said Said) {
	if l.Said == nil {
		l.Said = map[string]Said{}
	}
	l.Said[said.Name] = said
}

// signals are what was said, as the windows see it; nil where nothing was.
func (l *ledger) signals() map[string]trigger.Signal {
	if len(l.Said) == 0 {
		return nil
	}
	signals := make(map[string]trigger.Signal, len(l.Said))
	for name, said := range l.Said {
		signals[name] = trigger.Signal{At: said.At, Source: said.Source, By: said.By}
	}
	return signals
}

// appliedSignal takes a signal that is durable out of those that wait.
func (b *Brain) appliedSignal(e Entry) {
	if len(b.waiting) == 0 {
		return
	}
	if in, ok := b.waiting[0].(Signal); ok && in.Service == e.Service && in.Name == e.Signal.Name {
		b.waiting = b.waiting[1:]
	}
}

// hearAll evaluates what signals drive, in every service: the brain woke up, or has
// another configuration.
func (b *Brain) hearAll(now time.Time) {
	for name, l := range b.live {
		l.watch.Signalled(now)
		b.dirty[name] = true
	}
}

// evidence is a trigger of a service as it is now, with what the signals that it
// waits for add: a higher severity, and whether anybody but NATS says so.
func (b *Brain) evidence(service string, spec trigger.Spec, st trigger.Status) Evidence {
	ev := evidenceOf(spec, st)
	names := spec.Expr.Signals()
	if len(names) == 0 {
		return ev
	}
	ev.BusOnly = spec.Expr.EventDriven()
	var by []string
	for _, name := range names {
		said, ok := b.mem.service(service).Ledger.Said[name]
		if !ok {
			continue
		}
		ev.Severity = max(ev.Severity, said.Severity)
		ev.BusOnly = ev.BusOnly && said.fromBus()
		by = append(by, said.quoted())
	}
	ev.SaidBy = strings.Join(slices.Compact(by), ", ")
	return ev
}

// saidAgain is the evidence of a trigger that fires already, where a signal has made
// it graver or a person bears it out; false where it is as before.
func (b *Brain) saidAgain(service string, spec trigger.Spec, st trigger.Status, before Evidence) (Evidence, bool) {
	if len(spec.Expr.Signals()) == 0 {
		return before, false
	}
	ev := b.evidence(service, spec, st)
	ev.Again = true
	return ev, ev.Severity > before.Severity || before.BusOnly && !ev.BusOnly
}

// onBus tells whether evidence rests on what came by NATS alone.
func (ev Evidence) onBus() bool { return ev.HealthOnly || ev.BusOnly }

// uncorroborated is why evidence of that kind asks a person.
func (ev Evidence) uncorroborated() string {
	if ev.HealthOnly {
		return "health events on an unauthenticated connection need a metric that says the same"
	}
	return "signals on an unauthenticated connection need a metric, or a person, that says the same"
}

// signalViews are the signals that stand for a service, in the order of their names.
func (b *Brain) signalViews(l *live, s *serviceMemory, o ServiceOptions, now time.Time) []SignalView {
	var views []SignalView
	for _, name := range slices.Sorted(maps.Keys(s.Ledger.Said)) {
		if !l.watch.Stands(name, now) {
			continue
		}
		v := SignalView{Said: s.Ledger.Said[name], Repeated: l.repeated[name]}
		if stands := o.Deployment.BlameWindow; stands > 0 {
			v.Until = v.At.Add(stands)
		}
		views = append(views, v)
	}
	return views
}
