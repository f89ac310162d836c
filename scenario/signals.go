package scenario

import (
	"strings"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// signalEvent is something said of a service by a name. One from nats is an event
// on the bus, any other a person's command.
type signalEvent struct {
	service string
	incident.Said
	speaker
}

// readSignal reads a signal, and who sends it how.
func (r *fileReader) readSignal(t *table) *signalEvent {
	e := &signalEvent{service: r.service(t), Said: incident.Said{
		Name: t.needed("name"), Source: "nats", By: t.text("by"), Reason: t.text("reason"),
	}}
	if e.Name != "" && !trigger.IsSignalName(e.Name) {
		t.problem("name", "%q is not the name of a signal (want %s)", e.Name, trigger.SignalNameWanted)
	}
	if source := t.word("source", "nats", "api", "command"); source != "" {
		e.Source = source
	}
	if word := t.text("severity"); word != "" {
		severity, err := trigger.ParseSeverity(word)
		if err != nil {
			t.problem("severity", "%v", err)
		}
		e.Severity = severity
	}
	e.speaker = speaker{name: e.By}
	t.finish()
	return e
}

// signal lets somebody say something of a service.
func (w *world) signal(e signalEvent) {
	words := []string{e.Name, "[" + e.Source + "]"}
	if e.By != "" {
		words = append(words, "by", e.By)
	}
	if why := w.deaf(); why != "" && e.Source == "nats" {
		w.record.note(w.now, e.service, "world", "the signal "+e.Name+" is lost: "+why)
		return
	}
	w.record.note(w.now, e.service, "signal", strings.Join(words, " "))
	said := e.Said
	said.At = w.clock()
	if said.Source == "nats" {
		w.input(incident.Signal{Service: e.service, Said: said})
		return
	}
	if w.forbids(e.speaker, "signals") {
		return
	}
	by := said.By
	if by == "" {
		by = "somebody"
	}
	w.input(incident.Command{
		ID: "signal", Verb: "signal", Service: e.service, Name: said.Name, Severity: said.Severity, Source: said.Source, Actor: by, Reason: said.Reason,
	})
}
