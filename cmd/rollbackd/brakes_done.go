package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/rollbackd/rollbackd/incident"
)

// servicesNamed reads one service, or all. A service that a reload removed has no
// view, and may have an open incident all the same: there is nothing then, and
// no error.
func servicesNamed(ctx context.Context, c *client, service string) ([]serviceView, json.RawMessage, error) {
	if service == allServices {
		var all []serviceView
		data, err := c.get(ctx, "/api/v1/services", &all)
		return all, data, err
	}
	var one serviceView
	data, err := c.get(ctx, "/api/v1/services/"+url.PathEscape(service), &one)
	if refused, is := errors.AsType[*refusalError](err); is && refused.status == http.StatusNotFound {
		return nil, nil, nil
	}
	return []serviceView{one}, data, err
}

// inForce finds the brake of a kind on a service, or on all services.
func inForce(services []serviceView, kind incident.BrakeKind, all bool) (incident.BrakeView, bool) {
	for _, s := range services {
		for _, b := range s.Brakes {
			if b.Kind == kind && b.All == all {
				return b, true
			}
		}
	}
	return incident.BrakeView{}, false
}

// state is what a service with the brake on is called.
func (b brake) state() string {
	if b.kind == incident.Lock {
		return "locked"
	}
	return "paused"
}

// done is what lifting the brake did.
func (b brake) done() string {
	if b.kind == incident.Lock {
		return "unlocked"
	}
	return "resumed"
}

// outcome says what a verb has changed, and what else holds.
func (b brake) outcome(service string, before, after []serviceView) []string {
	name := service
	if service == allServices {
		name = "all services"
	}
	if b.sets {
		text := name + ": " + b.state()
		if on, is := inForce(after, b.kind, service == allServices); is {
			text += " until " + instant(on.Until)
		}
		return []string{text}
	}
	if len(before) == 0 {
		return []string{name + ": " + b.done()} // nothing is known of what was
	}
	if service == allServices {
		return b.liftedFromAll(name, before, after)
	}
	_, had := inForce(before, b.kind, false)
	whole, held := inForce(after, b.kind, true)
	rest := fmt.Sprintf("everything is %s until %s: rollbackd %s --all", b.state(), instant(whole.Until), b.verb)
	switch {
	case had && held:
		return []string{name + ": " + b.done() + ", but " + rest}
	case had:
		return []string{name + ": " + b.done()}
	case held:
		return []string{name + ": was not " + b.state() + " by itself; " + rest}
	}
	return []string{name + ": was not " + b.state() + "; nothing changed"}
}

// liftedFromAll names the services that have a brake of their own left.
func (b brake) liftedFromAll(name string, before, after []serviceView) []string {
	lines := []string{name + ": " + b.done()}
	if _, had := inForce(before, b.kind, true); !had {
		lines[0] = name + ": were not " + b.state() + " as a whole; nothing changed"
	}
	for _, s := range after {
		if own, is := inForce([]serviceView{s}, b.kind, false); is {
			lines = append(lines, fmt.Sprintf("%s: is %s by itself until %s: rollbackd %s %s", s.Service, b.state(), instant(own.Until), b.verb, s.Service))
		}
	}
	return lines
}
