package daemon

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

func TestTheWatchdogStarvesWithTheLoop(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("NOTIFY_SOCKET", "")
	synctest.Test(t, func(t *testing.T) {
		var complaints atomic.Int32
		c := clock.New()
		log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})
		log.RegisterSink(complaintSink{&complaints})
		m := manager{clock: c, log: log}
		ctx, cancel := context.WithCancel(t.Context())
		stood := c.Now()
		ended := make(chan error, 1)
		go func() { ended <- m.watch(ctx, func() time.Time { return stood }) }()
		time.Sleep(14 * time.Second)
		synctest.Wait()
		if n := complaints.Load(); n > 0 {
			t.Errorf("within half of the limit it complained %d times", n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if complaints.Load() == 0 {
			t.Error("the loop stood still for 24 s of 30 and nobody said so")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// complaintSink counts the lines that say that the loop stands still.
type complaintSink struct{ n *atomic.Int32 }

func (s complaintSink) Accept(_ string, _ hclog.Level, msg string, _ ...any) {
	if strings.Contains(msg, "stands still") {
		s.n.Add(1)
	}
}
