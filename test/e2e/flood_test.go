package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// most is how much memory the daemon may ever use in these worlds.
const most = 128 << 20

func checkMemory(t *testing.T, w *world.World) {
	t.Helper()
	used := w.Daemon.Memory(t, "VmHWM")
	if used >= most {
		t.Errorf("it used %d MB at its most, want less than %d", used>>20, most>>20)
	}
	t.Logf("%d MB at its most", used>>20)
}

// vector is an answer with our service among so many others.
func vector(others int) http.HandlerFunc {
	var body strings.Builder
	body.WriteString(begin)
	for i := range others {
		fmt.Fprintf(&body, `{"metric":{"service":"other-%06d","path":"/a/b/c"},"value":[1700000000,"0.5"]},`, i)
	}
	body.WriteString(`{"metric":{"service":"checkout"},"value":[1700000000,"0.001"]}]}}`)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body.String())) // a client that hangs up is no fault here
	}
}

// TestH43ALargeAnswerWithinTheLimits asks a Prometheus whose answers have as many
// series as may be: they are read, and our own is known.
func TestH43ALargeAnswerWithinTheLimits(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(vector(19_999))
	t.Cleanup(server.Close)
	w := world.New(t, world.Options{
		Program: program, PrometheusURL: server.URL, Poll: "10s", // such an answer takes its time on a busy machine
		Triggers: `slow = { when = "latency_p99 > 500ms for 20s", severity = "high", warm_up = "0s" }`,
	})
	w.Start()
	w.Daemon.AwaitTrigger(t, w.Name, "slow", soon, world.InTruth("ok"))
	checkMemory(t, w)
}

// TestH43AnEndlessAnswerEnds has answers without end, and then good ones: nothing
// is left of the former.
func TestH43AnEndlessAnswerEnds(t *testing.T) {
	t.Parallel()
	var calm atomic.Bool
	endless, good := flood(begin, `{"metric":{"service":"other"},"value":[1700000000,"0.08"]},`), vector(0)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if calm.Load() {
			good(rw, r)
			return
		}
		endless(rw, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w := world.New(t, world.Options{
		Program: program, PrometheusURL: server.URL,
		Triggers: `slow = { when = "latency_p99 > 500ms for 4s", severity = "high", warm_up = "0s" }`,
	})
	w.Start()
	w.AwaitTicks(4)
	if tr := w.Daemon.Service(t, w.Name).Trigger("slow"); tr.Truth != "unknown" {
		t.Errorf("while answers have no end the trigger is %+v, want unknown", tr)
	}
	calm.Store(true)
	w.Daemon.AwaitTrigger(t, w.Name, "slow", soon, world.InTruth("ok"))
	checkMemory(t, w)
}

// TestH43AMillionHealthEvents sends a million events as fast as the bus takes
// them, and more until some ticks were judged meanwhile. The daemon's memory stays
// small, and what comes afterwards is heard.
func TestH43AMillionHealthEvents(t *testing.T) {
	t.Parallel()
	const events, instances = 1_000_000, 500
	w := world.New(t, world.Options{Program: program, Bus: true})
	w.Start()
	w.AwaitWell("errors", "slow")
	conn := w.Bus.Connect(t)
	const judged, few = "rollbackd_evaluation_duration_seconds", 3
	before, given := w.Daemon.Sum(t, judged), time.Now().Add(soon)
	body := func(status string, seq int) []byte {
		return fmt.Appendf(nil, `{"status":%q,"seq":%d,"boot":"b","ttl":"60s"}`, status, seq)
	}
	sent := 0
	for ticks := 0.0; sent < events || ticks < few; ticks = w.Daemon.Sum(t, judged) - before {
		for range events / 20 {
			if err := conn.Publish(fmt.Sprintf("rollbackd.v1.health.checkout.i%d", sent%instances), body("pass", 1+sent/instances)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(given) {
			t.Fatalf("%.0f ticks were judged while %d events came, want %d", ticks, sent, few)
		}
	}
	checkMemory(t, w)
	seq := 10 * sent // a check that the flood's own limits have no reason to hold back
	world.Await(t, "a check after the flood", soon, func() (bool, string) {
		seq++
		if err := conn.Publish("rollbackd.v1.health.checkout.after", body("fail", seq)); err != nil {
			t.Fatal(err)
		}
		got := w.Daemon.Service(t, w.Name).Failures("after")
		return got > 0, fmt.Sprint(got)
	})
	if list := w.Daemon.Incidents(t, w.Name); len(list) != 0 {
		t.Errorf("incidents %+v, want none: nothing failed", list)
	}
}
