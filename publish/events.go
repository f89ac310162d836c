package publish

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
)

// The last words of subjects that are no entry's kind.
const (
	kindRolledBack = "rolledback"
	kindRootCause  = incident.SignalRootCause
	kindHead       = "head"
)

// idHash is how much of an entry's hash its events are named by: enough to tell
// the journals of one host apart, which all begin at 1.
const idHash = 16

// fact is one entry with its place in the journal, and its incident as it was
// after it; nil where it is about none.
type fact struct {
	incident.Entry
	seq   uint64
	hash  string
	after *incident.Incident
}

// id names all that follows from an entry: unique and always the same.
func (f fact) id() string { return fmt.Sprintf("%s/%d", f.hash[:min(idHash, len(f.hash))], f.seq) }

// told is the data of an entry's event: what anybody may know. What a step does,
// and what it wrote, is not in it.
type told struct {
	// Seq and Hash are the entry's place in the journal's chain.
	Seq      uint64    `json:"seq"`
	Hash     string    `json:"hash"`
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`
	Service  string    `json:"service"`
	Incident string    `json:"incident,omitempty"`
	Actor    string    `json:"actor"`
	Text     string    `json:"text"`
	// Deployment is set where one began.
	Deployment *deployed `json:"deployment,omitempty"`
	// Summary is the incident in a few words, after this entry.
	Summary *incident.Summary `json:"summary,omitempty"`
	// URL is the incident's page; empty where it has none that others can reach.
	URL string `json:"url,omitempty"`
}

type deployed struct {
	Version   string    `json:"version"`
	Previous  string    `json:"previous,omitempty"`
	StartedAt time.Time `json:"started_at"`
	By        string    `json:"by,omitempty"`
	Own       bool      `json:"own,omitempty"`
}

// messages are all that goes out for one entry, in order. Always the same for the
// same entry.
func (p *Publisher) messages(f fact) ([]*nats.Msg, error) {
	first, err := p.event(f)
	if err != nil {
		return nil, err
	}
	all := []*nats.Msg{first}
	if verified(f) {
		further, err := p.rolledBack(f)
		if err != nil {
			return nil, err
		}
		all = append(all, further...)
	}
	if worthAnalysing(f) {
		signal, err := p.rootCause(f)
		if err != nil {
			return nil, err
		}
		all = append(all, signal)
	}
	return all, nil
}

// event is the entry itself.
func (p *Publisher) event(f fact) (*nats.Msg, error) {
	data := told{
		Seq: f.seq, Hash: f.hash, Kind: string(f.Kind), At: f.At, Service: f.Service, Incident: f.Incident, Actor: f.Actor, Text: f.Text,
	}
	if d := f.Deployment; d != nil {
		data.Deployment = &deployed{Version: d.Version, Previous: d.Previous, StartedAt: d.StartedAt, By: d.By, Own: d.Own}
	}
	if f.after != nil {
		data.Summary, data.URL = new(f.after.Summary()), p.o.Links(f.Incident).Page
	}
	return p.cloudEvent(f, f.id(), string(f.Kind), data).message(p.subject(f.Service, string(f.Kind)))
}

// cloudEvent is an event of ours about an entry's service.
func (p *Publisher) cloudEvent(f fact, id, kind string, data any) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: id, Source: sourceOf(p.o.Host), Type: typePrefix + kind, Subject: f.Service, Time: f.At,
		DataContentType: "application/json", Data: data,
	}
}

// subject is where an event of a service goes.
func (p *Publisher) subject(service, kind string) string {
	return p.o.Prefix + ".event." + bus.EncodeToken(service) + "." + bus.EncodeToken(kind)
}
