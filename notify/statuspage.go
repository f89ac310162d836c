package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// statusPageAPI is Atlassian Statuspage's own address.
const statusPageAPI = "https://api.statuspage.io"

// StatusPageOptions makes a StatusPage. PageID, Token and Keeper are needed.
type StatusPageOptions struct {
	// URL is the API's address; empty is Atlassian's own.
	URL    string
	PageID string
	// ComponentIDs are shown as degraded until the incident is resolved; nil for none.
	ComponentIDs []string
	// Token reads the API key. It is called at each use; its errors must not hold any
	// of it.
	Token func() (string, error)
	// Keeper remembers the page's own id of each incident.
	Keeper Keeper
	// Name is what customers call a service; nil is its name in the configuration.
	Name func(service string) string
	// Transport carries the requests; nil is Go's default.
	Transport http.RoundTripper
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// StatusPage tells customers, on a page in the form of Atlassian Statuspage. It
// shows only incidents in which something is done to a live service, from the first
// step on, in fixed words that name the service and nothing else. What nobody
// verified it does not call resolved: that is left to people, on the page. It is
// safe for concurrent use.
type StatusPage struct {
	options StatusPageOptions
	client  *http.Client
	base    string // of the page's incidents
}

// NewStatusPage makes a status page; it fails where something it needs is missing.
func NewStatusPage(o StatusPageOptions) (*StatusPage, error) {
	if o.URL == "" {
		o.URL = statusPageAPI
	}
	if _, err := httpAddress(o.URL); err != nil {
		return nil, fmt.Errorf("status_page: %w", err)
	}
	if o.PageID == "" || o.Token == nil || o.Keeper == nil {
		return nil, errors.New("status_page: want page_id and token_file")
	}
	if o.Name == nil {
		o.Name = func(service string) string { return service }
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	base := strings.TrimSuffix(o.URL, "/") + "/v1/pages/" + url.PathEscape(o.PageID) + "/incidents"
	return &StatusPage{options: o, client: poster(o.Transport), base: base}, nil
}

// Deliver brings the page up to date where the message changes what customers see.
func (p *StatusPage) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	if !forCustomers(m) {
		return nil
	}
	shown, err := p.shown(ctx, d.Receiver, m)
	if err != nil {
		return err
	}
	next := shownIncident{ID: shown.ID, Status: statusWord(m), At: m.At}
	switch {
	case m.At.Before(shown.At):
		return nil // delivered late: the page says what came after it
	case next.ID == "" && m.About.State == "closed":
		return nil // customers never heard of it
	case next.ID == "":
		next.ID, err = p.begin(ctx, m, next.Status)
	case next.Status != shown.Status:
		err = p.change(ctx, m, next)
	}
	if err != nil {
		return err
	}
	p.keep(ctx, d.Receiver, m, next)
	return nil
}

// Edit is Deliver: a page calls nobody, and must show the state all the same.
func (p *StatusPage) Edit(ctx context.Context, d Delivery) error { return p.Deliver(ctx, d) }

// begin makes the page's incident, unless an earlier attempt did and its answer was
// lost: nothing looks worse to customers than the same incident twice.
func (p *StatusPage) begin(ctx context.Context, m Message, status string) (id string, err error) {
	if id, err = p.find(ctx, m); err != nil {
		return "", err
	}
	if id != "" {
		return id, p.change(ctx, m, shownIncident{ID: id, Status: status})
	}
	text, err := p.send(ctx, http.MethodPost, "", p.body(m, status))
	if failure, ok := errors.AsType[*missing](err); ok {
		return "", &DeliveryError{Problem: failure.Problem + ": is page_id right?", Refused: true}
	}
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(text, &made) != nil || made.ID == "" {
		return "", &DeliveryError{Problem: "the status page's answer names no incident" + excerpt(text)}
	}
	return made.ID, nil
}

// change gives the page's incident another status. One that a person took off the
// page stays off it.
func (p *StatusPage) change(ctx context.Context, m Message, next shownIncident) error {
	_, err := p.send(ctx, http.MethodPatch, "/"+url.PathEscape(next.ID), p.body(m, next.Status))
	if isMissing(err) {
		p.options.Logger.Warn("an incident is no longer on the status page: it is not put there again", "incident", m.Incident)
		return nil
	}
	return err
}

// find looks among the unresolved incidents of the page for the one of a message;
// empty where it is not there, or the page cannot list them.
func (p *StatusPage) find(ctx context.Context, m Message) (id string, err error) {
	text, err := p.send(ctx, http.MethodGet, "/unresolved", nil)
	if isMissing(err) {
		return "", nil // begin will find out whether the page itself is missing
	}
	if err != nil {
		return "", err
	}
	var list []struct {
		ID       string `json:"id"`
		Metadata struct {
			Rollbackd struct {
				Incident string `json:"incident"`
			} `json:"rollbackd"`
		} `json:"metadata"`
	}
	if json.Unmarshal(text, &list) != nil {
		return "", &DeliveryError{Problem: "the status page's list of incidents cannot be read" + excerpt(text)}
	}
	for _, i := range list {
		if i.Metadata.Rollbackd.Incident == incognito(m.Incident) {
			return i.ID, nil
		}
	}
	return "", nil
}

// incognito is an incident's mark on the page. Its id would name the service and
// the time as operators have them.
func incognito(incident string) string {
	sum := sha256.Sum256([]byte(incident))
	return hex.EncodeToString(sum[:8])
}

// body is an incident as the API takes it.
func (p *StatusPage) body(m Message, status string) any {
	name := oneLine(p.options.Name(m.Service))
	incident := object{
		"name": "Problem with " + name, "status": status, "body": statusText(status, name),
		"metadata": object{"rollbackd": object{"incident": incognito(m.Incident)}},
	}
	if ids := p.options.ComponentIDs; len(ids) > 0 {
		state := "degraded_performance"
		if status == resolved {
			state = "operational"
		}
		components := map[string]string{}
		for _, id := range ids {
			components[id] = state
		}
		incident["component_ids"], incident["components"] = slices.Clone(ids), components
	}
	return object{"incident": incident}
}

// shownIncident is what the page shows, as the Keeper has it.
type shownIncident struct {
	ID     string    `json:"id"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

func (p *StatusPage) shown(ctx context.Context, receiver string, m Message) (shown shownIncident, err error) {
	value, err := p.options.Keeper.Kept(ctx, receiver, m.Incident)
	if err != nil || value == "" || json.Unmarshal([]byte(value), &shown) != nil {
		return shownIncident{}, err
	}
	return shown, nil
}

// keep remembers what the page shows. Where that cannot be kept the incident is
// found again on the page.
func (p *StatusPage) keep(ctx context.Context, receiver string, m Message, shown shownIncident) {
	value, err := json.Marshal(shown)
	if err == nil {
		err = p.options.Keeper.Keep(context.WithoutCancel(ctx), receiver, m.Incident, string(value))
	}
	if err != nil {
		p.options.Logger.Warn("what the status page shows cannot be kept", "receiver", receiver, "incident", m.Incident, "err", err)
	}
}
