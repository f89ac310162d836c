package daemon_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// gauge reads a metric without labels.
func gauge(t *testing.T, exposition, name string) float64 {
	t.Helper()
	for line := range strings.SplitSeq(exposition, "\n") {
		if text, is := strings.CutPrefix(line, name+" "); is {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return value
		}
	}
	t.Fatalf("no %s in /metrics", name)
	return 0
}

// TestWhatTheAlertsAskFor reads the metrics that tell whether somebody is there
// and whether anybody waits.
func TestWhatTheAlertsAskFor(t *testing.T) {
	p := newPlace(t)
	p.write(strings.Replace(p.config(p.prom.URL, "1%"), `reserve = "64KiB"`, "reserve = \"64KiB\"\nmin_free = \"3MiB\"", 1) +
		"[receivers.ops]\nwebhook = { url = \"http://127.0.0.1:1\" }\n[receivers.two]\nwebhook = { url = \"http://127.0.0.1:1\" }\nexec = { command = [\"/bin/true\"] }\n")
	stop := p.run(p.new())
	defer stop()
	text := p.get("/metrics")
	beat := gauge(t, text, "rollbackd_heartbeat_timestamp_seconds")
	if age := time.Since(time.UnixMilli(int64(beat * 1000))); age < 0 || age > patience {
		t.Errorf("the heartbeat is %s old", age)
	}
	for name, want := range map[string]float64{
		"rollbackd_ready": 1, "rollbackd_incidents_waiting": 0, "rollbackd_incident_unanswered_seconds": 0,
		"rollbackd_journal_min_free_bytes": 3 << 20, `rollbackd_notifications_waiting{receiver="ops"}`: 0, `rollbackd_notifications_waiting{receiver="two/exec"}`: 0,
	} {
		if got := gauge(t, text, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if free := gauge(t, text, "rollbackd_journal_free_bytes"); free <= 0 {
		t.Errorf("free space of %v bytes", free)
	}
}
