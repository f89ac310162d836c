package web

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Event is an entry of the journal as the stream of events shows it: what people
// may know of it, and nothing of what a step does.
type Event struct {
	At       time.Time     `json:"at"`
	Kind     incident.Kind `json:"kind"`
	Service  string        `json:"service,omitempty"`
	Incident string        `json:"incident,omitempty"`
	Actor    string        `json:"actor"`
	Text     string        `json:"text"`
	// State is the incident's, where the entry sets it; empty where it does not.
	State incident.State `json:"state,omitempty"`
}

// eventOf is what is shown of an entry.
func eventOf(e incident.Entry) Event {
	return Event{At: e.At, Kind: e.Kind, Service: e.Service, Incident: e.Incident, Actor: e.Actor, Text: e.Text, State: stateSet(e)}
}

// stateSet is the state that an entry puts its incident into; empty where it sets none.
func stateSet(e incident.Entry) incident.State {
	switch {
	case e.Kind == incident.KindOpened, e.Kind == incident.KindStoodDown:
		return incident.Firing
	case e.Decided != nil:
		return e.Decided.State
	case e.Kind == incident.KindReopened:
		return incident.Held
	case e.Kind == incident.KindPlanned:
		return incident.RollingBack
	case e.Kind == incident.KindVerifying:
		return incident.Verifying
	case e.Kind == incident.KindClosed:
		return incident.Closed
	}
	return ""
}

// frame is an event as it goes over the wire, made once for all who read it.
type frame struct {
	seq     uint64
	service string
	text    []byte
}

func frameOf(seq uint64, e incident.Entry) (frame, error) {
	data, err := json.Marshal(eventOf(e))
	if err != nil {
		return frame{}, fmt.Errorf("journal entry %d as an event: %w", seq, err)
	}
	return frame{seq: seq, service: e.Service, text: fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", seq, e.Kind, data)}, nil
}

// place is a frame that says where the reader is and is no event to it.
func place(seq uint64) []byte { return fmt.Appendf(nil, "id: %d\n\n", seq) }

// reset tells the reader that what lies between is not given: it has to load anew.
func reset(seq uint64) []byte { return fmt.Appendf(nil, "id: %d\nevent: reset\ndata: {}\n\n", seq) }
