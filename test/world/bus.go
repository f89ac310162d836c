package world

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Bus is a NATS server in this process, with JetStream and storage of its own.
type Bus struct {
	URL    string
	server *server.Server
	store  string
	port   int
}

// NewBus starts a server and waits until it takes connections.
func NewBus(t testing.TB) *Bus {
	t.Helper()
	b := &Bus{store: shortDir(t), port: KeepPort(t)}
	b.Start(t)
	t.Cleanup(func() { b.Stop() })
	return b
}

// Start starts it, after Stop on the same port and storage.
func (b *Bus) Start(t testing.TB) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: b.port, JetStream: true, StoreDir: b.store, NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatalf("nats-server: %v", err)
	}
	go s.Start()
	if !s.ReadyForConnections(slow) {
		t.Fatal("nats-server is not ready after " + slow.String())
	}
	b.server, b.URL = s, s.ClientURL()
}

// Stop ends it, as an operator would.
func (b *Bus) Stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// Connect makes a connection of the test's own.
func (b *Bus) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	return Connect(t, b.URL)
}

// Connect makes a connection to any server; it lives as long as the test.
func Connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	c, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatalf("connecting to %s: %v", url, err)
	}
	t.Cleanup(c.Close)
	return c
}
