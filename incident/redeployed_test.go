package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// counted gives a census of the units that run v3 and v4, and which has the most.
func (w *world) counted(running string, v3, v4 int) {
	w.give(incident.VersionSeen{Service: "shop", Version: running, At: w.now, Source: "version_query", Census: []incident.VersionCount{
		{Version: "v3", Units: v3}, {Version: "v4", Units: v4},
	}})
}

// A rollout that takes longer than finish_within shows its version for the first
// time, not again: the report of its end is about the same deployment, and what a
// person has vetoed stays vetoed.
func TestTheEndOfALongRolloutIsNoNewDeployment(t *testing.T) {
	w := sourced(t, func(o *incident.Options) {
		o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Countdown, Wait: 2 * time.Minute}
		s := o.Services["shop"]
		s.Deployment.FinishWithin = 2 * time.Minute
		o.Services["shop"] = s
	})
	w.counted("v3", 10, 0)
	w.give(incident.Deployed{Service: "shop", Version: "v4", Previous: "v3", At: w.now, Source: "nats", Rolling: true, By: "ci"})
	w.run(15 * time.Second)
	w.counted("v3", 9, 1)
	w.run(3 * time.Minute)
	w.counted("v4", 4, 6)
	w.run(15 * time.Second)
	w.set(0.2, "shop")
	w.run(2*time.Minute + 30*time.Second)
	w.inState("shop", incident.CountingDown)
	if r := w.command("veto", "shop"); r.Err != "" {
		t.Fatalf("veto: %s", r.Err)
	}
	id := w.incident("shop").ID
	w.give(incident.Deployed{Service: "shop", Version: "v4", At: w.now, Source: "nats", By: "ci"})
	w.run(6 * time.Minute)
	if inc := w.heldBy("shop", incident.GuardVetoed); inc.ID != id || len(w.started) > 0 {
		t.Errorf("incident %s and %d steps, want %s and none: it was vetoed", inc.ID, len(w.started), id)
	}
}

// After our own rollback the version source lags for a scrape, and the pipeline
// reports what our rollback put there: that is still ours, and never blamed.
func TestWhatOurRollbackPutThereStaysOurs(t *testing.T) {
	w := sourced(t)
	w.show("v4")
	w.run(time.Minute)
	w.set(0.2, "shop")
	w.run(2*time.Minute + 15*time.Second)
	w.counted("v4", 4, 6)
	w.run(15 * time.Second)
	w.counted("v3", 10, 0)
	w.run(15 * time.Second)
	w.give(incident.Deployed{Service: "shop", Version: "v3", At: w.now, Source: "nats", By: "pipeline"})
	w.run(20 * time.Minute)
	w.inState("shop", incident.Held)
	w.set(0.001, "shop")
	w.run(12 * time.Minute)
	w.inState("shop", incident.Closed)
	w.set(0.2, "shop")
	w.run(6 * time.Minute)
	if inc := w.heldBy("shop", incident.GuardNoDeployment); !strings.Contains(inc.Decision.Reason, "put there by a rollback of ours") {
		t.Errorf("the reason is %q", inc.Decision.Reason)
	}
	if n := len(w.steps()); n != 1 {
		t.Errorf("%d steps ran, want the one of the one rollback", n)
	}
}

// A version source that shows a known version again reports no deployment: where it
// goes to and fro the countdown is neither stood down nor begun anew.
func TestASourceThatGoesToAndFroStandsNothingDown(t *testing.T) {
	w := sourced(t, func(o *incident.Options) {
		o.Matrix["1"][trigger.Critical] = evaluator.Response{Directness: evaluator.Countdown, Wait: 10 * time.Minute}
	})
	w.show("v4")
	w.run(time.Minute)
	w.set(0.2, "shop")
	w.run(2*time.Minute + 30*time.Second)
	id := w.inState("shop", incident.CountingDown).ID
	for _, version := range []string{"v3", "v4", "v3", "v4"} {
		w.show(version)
		w.run(time.Minute)
		if inc := w.incident("shop"); inc.ID != id || inc.State == incident.Closed {
			t.Fatalf("with %s shown the incident is %s, %s; want %s open", version, inc.ID, inc.State, id)
		}
	}
}
