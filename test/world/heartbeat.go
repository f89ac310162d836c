package world

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Heartbeat publishes the service's health checks until the returned function
// is called, or the test ends.
func (s *Service) Heartbeat(t testing.TB, c *nats.Conn, instance string, every time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for seq := 1; ; seq++ {
			status := "pass"
			if !s.healthy() {
				status = "fail"
			}
			// While the server is away the client keeps what is published.
			if err := c.Publish(HealthSubject(s.Name, instance), Health(status, "heartbeat", seq)); err != nil && ctx.Err() == nil {
				t.Errorf("publishing a health check: %v", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	stop = func() {
		cancel()
		done.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// HealthSubject is where an instance's checks are published.
func HealthSubject(service, instance string) string {
	return "rollbackd.v1.health." + service + "." + instance
}

// Health is a health check in rollbackd's own JSON.
func Health(status, boot string, seq int) []byte {
	return fmt.Appendf(nil, `{"status":%q,"boot":%q,"seq":%d,"ttl":"5m"}`, status, boot, seq)
}
