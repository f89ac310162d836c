package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// labels are what a service is labelled with.
func labels(all map[string]string) func(*notify.Message) {
	return func(m *notify.Message) { m.About.Labels = all }
}

// A service's labels stand on its alerts, before the receiver's of the same name,
// and never in place of rollbackd's own.
func TestAlertmanagerHasTheServicesLabels(t *testing.T) {
	peer := &alerts{}
	a := cluster(t, nil, peer)
	given := labels(map[string]string{"team": "payments", "site": "eu-1", "severity": "none", "alertname": "x"})
	for _, m := range []notify.Message{
		incidentMessage("HELD", "held", "held", given, heldBy("correlated")),
		incidentMessage("RECOVERED", "closed", "closed", given, outcome("recovered"), at(time.Minute)),
	} {
		if err := a.Deliver(t.Context(), carry(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, one := range peer.got {
		seen[one.Labels["alertname"]+" "+one.Labels["severity"]]++
		if one.Labels["team"] != "payments" || one.Labels["site"] != "eu-1" || one.Labels["service"] != "checkout" {
			t.Errorf("labels %v, want the service's own and rollbackd's", one.Labels)
		}
	}
	// Once standing and once over: the end has the same labels as the beginning.
	if seen["RollbackdIncident critical"] != 2 || seen["RollbackdNeedsPerson critical"] != 2 {
		t.Errorf("alerts %v, want both twice", seen)
	}
}

func TestPagerDutyHasTheServicesLabels(t *testing.T) {
	peer := &pagerDuty{}
	m := incidentMessage("FAILED", "failed", "held", labels(map[string]string{"team": "payments", "state": "bavaria"}))
	if err := pager(t, peer, nil).Deliver(t.Context(), carry(t, m)); err != nil {
		t.Fatal(err)
	}
	details := peer.bodies[0]["payload"].(map[string]any)["custom_details"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"team": "payments", "state": "bavaria"}, details["labels"]); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if details["state"] != "held" {
		t.Errorf("the state is %v, want the incident's: a label of that name is another thing", details["state"])
	}
}

// A template may name a label that only some services have, and be read over a
// message about the daemon, which has none.
func TestTemplatesHaveTheServicesLabels(t *testing.T) {
	parsed, err := notify.ParseTemplate(`{{.Labels.team}}|{{.Labels.nobody}}|{{range $name, $value := .Labels}}{{$name}}={{$value}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{"acting": "shop||team=shop", "disk_low": "||"} {
		m := sampleOf(t, event)
		first, got, err := parsed.Say(m, m.At)
		if err != nil {
			t.Fatalf("%s: %v", event, err)
		}
		if got != first+"\n"+want {
			t.Errorf("%s: %q, want %q after the first line", event, got, want)
		}
	}
}
