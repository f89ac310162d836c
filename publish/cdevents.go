package publish

import (
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/incident"
)

// The CDEvents specification that is spoken, and the event's type in it.
const (
	cdSpecVersion    = "0.5.1"
	cdRolledBackType = "dev.cdevents.service.rolledback.0.3.0"
)

// cdEvent is a CDEvents service.rolledback.
type cdEvent struct {
	Context               cdContext    `json:"context"`
	Subject               cdSubject    `json:"subject"`
	CustomData            cdCustomData `json:"customData"`            //nolint:tagliatelle // the specification's name
	CustomDataContentType string       `json:"customDataContentType"` //nolint:tagliatelle // the specification's name
}

type cdContext struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Timestamp   time.Time `json:"timestamp"`
}

type cdSubject struct {
	ID      string    `json:"id"`
	Content cdContent `json:"content"`
}

type cdContent struct {
	Environment cdReference `json:"environment"`
	ArtifactID  string      `json:"artifactId"` //nolint:tagliatelle // the specification's name
}

type cdReference struct {
	ID string `json:"id"`
}

// cdCustomData is what the specification has no place for.
type cdCustomData struct {
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Incident string `json:"incident"`
	Severity string `json:"severity"`
	// Triggers are those that fired.
	Triggers []string `json:"triggers"`
	// By is "rollbackd", or the person who asked for it.
	By     string `json:"by"`
	URL    string `json:"url,omitempty"`
	Report string `json:"report,omitempty"`
}

// verified tells whether an entry is the end of a rollback that was verified. A
// rehearsal moves another service by somebody's wish, and is no rollback of it.
func verified(f fact) bool {
	return f.RunEnded != nil && f.RunEnded.State == incident.RunCompleted && f.after != nil && f.after.Rollback != nil && f.after.Rehearses == nil
}

// rolledBack are the CDEvents of a verified rollback: one for each service that
// was taken back.
func (p *Publisher) rolledBack(f fact) ([]*nats.Msg, error) {
	run := f.after.Rollback
	moved := run.Members
	if len(moved) == 0 {
		moved = []incident.Member{{Service: f.Service, From: run.From, To: run.To}}
	}
	var all []*nats.Msg
	for _, m := range moved {
		id := f.id() + "/" + kindRolledBack
		if m.Service != f.Service {
			id += "/" + url.PathEscape(m.Service)
		}
		event := p.cloudEvent(f, id, "", p.cdEvent(f, id, m))
		event.Type, event.Subject = cdRolledBackType, m.Service
		msg, err := event.message(p.subject(m.Service, kindRolledBack))
		if err != nil {
			return nil, err
		}
		all = append(all, msg)
	}
	return all, nil
}

func (p *Publisher) cdEvent(f fact, id string, m incident.Member) cdEvent {
	links := p.o.Links(f.Incident)
	summary := f.after.Summary()
	return cdEvent{
		Context: cdContext{SpecVersion: cdSpecVersion, ID: id, Source: sourceOf(p.o.Host), Type: cdRolledBackType, Timestamp: f.At},
		Subject: cdSubject{ID: m.Service, Content: cdContent{
			Environment: cdReference{ID: p.o.Environment(m.Service)}, ArtifactID: artifact(m.Service, m.To),
		}},
		CustomDataContentType: "application/json",
		CustomData: cdCustomData{
			From: m.From, To: m.To, Incident: f.Incident, Severity: f.after.Severity.String(), Triggers: summary.Triggers,
			By: f.after.Rollback.By, URL: links.Page, Report: links.Report,
		},
	}
}

// artifact is a version as a package URL. One that is one already is left as it is.
func artifact(service, version string) string {
	if strings.HasPrefix(version, "pkg:") {
		return version
	}
	id := "pkg:generic/" + url.PathEscape(service)
	if version != "" {
		id += "@" + url.PathEscape(version)
	}
	return id
}
