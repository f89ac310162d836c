package incident_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// labelled gives a service labels, at the start or by a reload.
func labelled(labels incident.Labels) func(*incident.ServiceOptions) {
	return func(s *incident.ServiceOptions) { s.Labels = labels }
}

// An incident keeps the labels that its service had when it opened, over a reload
// and a restart: Alertmanager tells alerts apart by them, and the end must find what
// began. The service has the new ones at once.
func TestAnIncidentKeepsItsLabels(t *testing.T) {
	o := options("shop")
	before, after := incident.Labels{"team": "shop", "site": "eu-1"}, incident.Labels{"team": "checkout"}
	shop := o.Services["shop"]
	labelled(before)(&shop)
	o.Services["shop"] = shop
	w := newWorld(t, o)
	broken(t, w, "shop")
	w.run(15 * time.Second)
	if inc := w.incident("shop"); inc.State != incident.Verifying {
		t.Fatalf("state %s, want verifying: %+v", inc.State, inc.Timeline)
	}
	w.reload(labelled(after))
	w.restart(5 * time.Second)
	w.set(0.001, "shop")
	w.run(10 * time.Minute)
	inc := w.incident("shop")
	if inc.Outcome != incident.RolledBack {
		t.Fatalf("ended %s %s, want rolled_back: %+v", inc.State, inc.Outcome, inc.Timeline)
	}
	if diff := cmp.Diff(before, inc.Labels); diff != "" {
		t.Errorf("labels of the incident (-want +got):\n%s", diff)
	}
	if v, _ := w.brain.Service("shop", w.now); !cmp.Equal(after, v.Labels) {
		t.Errorf("labels of the service: %v, want %v", v.Labels, after)
	}
	if len(w.told) < 2 {
		t.Fatalf("told %d messages, want the beginning and the end", len(w.told))
	}
	for _, m := range w.told {
		var body struct {
			Labels incident.Labels `json:"labels"`
		}
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, body.Labels); diff != "" {
			t.Errorf("labels told with %s (-want +got):\n%s", m.Event, diff)
		}
	}
}

// A reload that changes labels alone changes nothing else: a window that is half
// full goes on.
func TestNewLabelsLeaveTheWindowAlone(t *testing.T) {
	w := newWorld(t, options("shop"))
	broken(t, w, "shop")
	labels := incident.Labels{"team": "shop"}
	w.reload(labelled(labels))
	if _, open := w.brain.Newest("shop"); open {
		t.Fatal("an incident is open before the window is full")
	}
	w.run(15 * time.Second)
	if diff := cmp.Diff(labels, w.incident("shop").Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// A rollback that a person asks for is labelled too.
func TestAnIncidentOfAPersonHasLabels(t *testing.T) {
	o := options("shop")
	labels := incident.Labels{"team": "shop"}
	shop := o.Services["shop"]
	labelled(labels)(&shop)
	o.Services["shop"] = shop
	w := newWorld(t, o)
	w.set(0.001, "shop")
	w.deploy("shop", "v2", "v1")
	w.run(time.Minute)
	w.command("rollback", "shop")
	if diff := cmp.Diff(labels, w.incident("shop").Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestLabelsAsText(t *testing.T) {
	labels := incident.Labels{"team": "shop", "note": `say "hi", twice`}
	if got, want := labels.String(), `note="say \"hi\", twice", team="shop"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := incident.Labels(nil).String(); got != "" {
		t.Errorf("none is %q, want nothing", got)
	}
}
