package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// api reads rollbackd's API over its unix socket. The types here are the parts
// of its JSON that the demo shows.
type api struct{ client *http.Client }

// newAPI reads from a socket.
func newAPI(socket string) *api {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &api{client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: dial}}}
}

type triggerView struct {
	Name      string    `json:"name"`
	When      string    `json:"when"`
	State     string    `json:"state"`
	Truth     string    `json:"truth"`
	Reason    string    `json:"reason"`
	Value     float64   `json:"value"`
	HasValue  bool      `json:"has_value"`
	Threshold string    `json:"threshold"`
	Since     time.Time `json:"since"`
	FiredAt   time.Time `json:"fired_at"`
}

type serviceView struct {
	Service  string        `json:"service"`
	Running  string        `json:"running_version"`
	Triggers []triggerView `json:"triggers"`
}

type incidentView struct {
	ID       string    `json:"id"`
	Severity string    `json:"severity"`
	State    string    `json:"state"`
	Outcome  string    `json:"outcome"`
	ClosedAt time.Time `json:"closed_at"`
	Decision struct {
		Response string `json:"response"`
		Reason   string `json:"reason"`
		HeldBy   string `json:"held_by"`
	} `json:"decision"`
	Triggers []struct {
		Name    string    `json:"name"`
		FiredAt time.Time `json:"fired_at"`
	} `json:"triggers"`
	Rollback *struct {
		State     string     `json:"state"`
		From      string     `json:"from"`
		To        string     `json:"to"`
		DecidedAt time.Time  `json:"decided_at"`
		EndedAt   time.Time  `json:"ended_at"`
		Steps     []stepView `json:"steps"`
	} `json:"rollback"`
	Verification struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	} `json:"verification"`
	// Impact is there once it was measured.
	Impact   *json.RawMessage `json:"impact"`
	Timeline []moment         `json:"timeline"`
}

type stepView struct {
	Name      string    `json:"name"`
	Section   string    `json:"section"`
	State     string    `json:"state"`
	Error     string    `json:"error"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
}

type moment struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

// shopView is the shop as rollbackd sees it.
func (a *api) shopView(ctx context.Context) (serviceView, error) {
	var services []serviceView
	if err := a.get(ctx, "/api/v1/services", &services); err != nil {
		return serviceView{}, err
	}
	for _, one := range services {
		if one.Service == service {
			return one, nil
		}
	}
	return serviceView{}, fmt.Errorf("rollbackd does not list a service %q", service)
}

// newestIncident is the shop's newest incident with its whole record; nil when
// there is none.
func (a *api) newestIncident(ctx context.Context) (*incidentView, error) {
	var list []incidentView
	if err := a.get(ctx, "/api/v1/incidents?limit=1&service="+service, &list); err != nil || len(list) == 0 {
		return nil, err
	}
	var one incidentView
	if err := a.get(ctx, "/api/v1/incidents/"+url.PathEscape(list[0].ID), &one); err != nil {
		return nil, err
	}
	return &one, nil
}

// ready tells whether rollbackd has started.
func (a *api) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://rollbackd/-/ready", nil)
	if err != nil {
		return false
	}
	return isReady(a.client, request)
}

// get reads the data of one answer.
func (a *api) get(ctx context.Context, path string, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://rollbackd"+path, nil)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	envelope := struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("GET %s: %s: %w", path, response.Status, err)
	}
	if envelope.Status != "success" {
		return fmt.Errorf("GET %s: %s: %s", path, response.Status, envelope.Error)
	}
	return nil
}
