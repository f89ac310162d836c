package publish

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// structured is the content type of a CloudEvent whose attributes and data are
// one JSON document.
const structured = "application/cloudevents+json"

// typePrefix begins the type of every CloudEvent of ours.
const typePrefix = "io.github.rollbackd."

// cloudEvent is a CloudEvent 1.0 in the structured JSON form.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            any       `json:"data"`
}

// sourceOf is the source of all events of one host's daemon, a URI reference.
func sourceOf(host string) string { return "/rollbackd/" + url.PathEscape(host) }

// message makes a NATS message of an event. Its Nats-Msg-Id is the event's id:
// a stream keeps one that is sent again only once.
func (e cloudEvent) message(subject string) (*nats.Msg, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	msg := nats.NewMsg(subject)
	msg.Header.Set("Content-Type", structured)
	msg.Header.Set(jetstream.MsgIDHeader, e.ID)
	msg.Data = body
	return msg, nil
}
