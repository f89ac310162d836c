package e2e_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestBusRestarts takes the NATS server away and brings it back: the daemon finds
// it again by itself, and events count as before.
func TestBusRestarts(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true})
	w.Heartbeat(t, w.Bus.Connect(t), "i1", 500*time.Millisecond)
	w.Start()
	w.AwaitWell("errors", "slow", "health")
	awaitSource(t, w, 1)
	w.Bus.Stop()
	awaitSource(t, w, 0)
	w.Bus.Start(t)
	awaitSource(t, w, 1)
	from := w.Daemon.Sum(t, "rollbackd_events_received_total")
	world.Await(t, "events after the restart", soon, func() (bool, string) {
		n := w.Daemon.Sum(t, "rollbackd_events_received_total")
		return n >= from+3, fmt.Sprint(n)
	})
	if list := w.Daemon.Incidents(t, w.Name); len(list) != 0 {
		t.Errorf("the outage led to %+v", list)
	}
	w.Behave("v2", world.Behaviour{Unhealthy: true})
	w.Deploy(t, "v2")
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "health", "v2", "v1")
	checkOnce(t, w)
}

func awaitSource(t *testing.T, w *world.World, up float64) {
	t.Helper()
	world.Await(t, fmt.Sprintf("rollbackd_source_up of nats to be %g", up), soon, func() (bool, string) {
		got := w.Daemon.Sum(t, "rollbackd_source_up", "source", "nats")
		return got == up, fmt.Sprint(got)
	})
}

// onlyHealth is a trigger on health alone, without a warm-up: the checks of the
// test are the only events there are.
const onlyHealth = `health = { when = "3 consecutive health failures", severity = "critical", warm_up = "0s" }`

// TestStreamIsReplayed keeps health checks in a JetStream stream. What it held
// before a crash of the daemon still counts after it, once: the next failure is
// the third.
func TestStreamIsReplayed(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{Program: program, Bus: true, Triggers: onlyHealth})
	c := w.Bus.Connect(t)
	keepHealth(t, c)
	replayed(t, w, c)
}

// keepHealth makes a stream of the health checks.
func keepHealth(t *testing.T, c *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	stream := jetstream.StreamConfig{Name: "HEALTH", Subjects: []string{"rollbackd.v1.health.>"}}
	if _, err := js.CreateStream(t.Context(), stream); err != nil {
		t.Fatalf("creating a stream: %v", err)
	}
}

func replayed(t *testing.T, w *world.World, c *nats.Conn) {
	t.Helper()
	subject := world.HealthSubject("checkout", "i1")
	w.Start()
	if !strings.Contains(w.Daemon.Log(), "stream=HEALTH") {
		world.Await(t, "the stream to be read", soon, func() (bool, string) {
			return strings.Contains(w.Daemon.Log(), "stream=HEALTH"), "no such line in the log"
		})
	}
	publish(t, c, subject, world.Health("pass", "b", 1))
	w.AwaitWell("health")
	w.Behave("v2", world.Behaviour{Unhealthy: true})
	w.Deploy(t, "v2")
	world.Await(t, "v2 to be seen", soon, func() (bool, string) {
		running := w.Daemon.Service(t, w.Name).RunningVersion
		return running == "v2", running
	})
	publish(t, c, subject, world.Health("fail", "b", 2))
	publish(t, c, subject, world.Health("fail", "b", 3))
	before := w.Daemon.AwaitTrigger(t, w.Name, "health", soon, func(tr world.Trigger) bool { return tr.State == "pending" && tr.Value == 2 })
	w.Daemon.Kill(t)
	w.Start()
	world.Await(t, "the stream to be replayed", soon, func() (bool, string) {
		n := w.Daemon.Service(t, w.Name).Failures("i1")
		return n == 2, fmt.Sprint(n)
	})
	w.AwaitTicks(2)
	if list := w.Daemon.Incidents(t, w.Name); len(list) != 0 {
		t.Errorf("two failures and their replay led to %+v, want nothing", list)
	}
	w.Heartbeat(t, c, "i1", 500*time.Millisecond)
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	checkRolledBack(t, closed, "health", "v2", "v1")
	checkOnce(t, w)
	if got := closed.Triggers[0].Since; got.Sub(before.Since).Abs() > time.Second {
		t.Errorf("the breach is said to have begun at %s, before the crash it was %s", got, before.Since)
	}
}

// TestDebiansServer repeats the essence on the oldest server that must work: the
// one that Debian 12 has, as a process.
func TestDebiansServer(t *testing.T) {
	t.Parallel()
	program := world.Need(t, "nats-server")
	t.Run("subscription", func(t *testing.T) {
		t.Parallel()
		w, c := onDebiansServer(t, program)
		w.Heartbeat(t, c, "i1", 500*time.Millisecond)
		w.Start()
		w.AwaitWell("health")
		w.Behave("v2", world.Behaviour{Unhealthy: true})
		w.Deploy(t, "v2")
		closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
		checkRolledBack(t, closed, "health", "v2", "v1")
		checkOnce(t, w)
	})
	t.Run("stream", func(t *testing.T) {
		t.Parallel()
		w, c := onDebiansServer(t, program)
		keepHealth(t, c)
		replayed(t, w, c)
	})
}

// clientPort is how the server says in its log which port it was given.
var clientPort = regexp.MustCompile(`Listening for client connections on 127\.0\.0\.1:(\d+)`)

func onDebiansServer(t *testing.T, path string) (*world.World, *nats.Conn) {
	t.Helper()
	dir := t.TempDir()
	server := world.StartProcess(t, filepath.Join(dir, "log"), path, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", filepath.Join(dir, "js"))
	url := ""
	world.Await(t, "nats-server to listen", soon, func() (bool, string) {
		found := clientPort.FindStringSubmatch(server.Log())
		if found != nil {
			url = "nats://127.0.0.1:" + found[1]
		}
		return found != nil && strings.Contains(server.Log(), "Server is ready"), server.Log()
	})
	w := world.New(t, world.Options{Program: program, BusURL: url, Triggers: onlyHealth})
	return w, world.Connect(t, url)
}
