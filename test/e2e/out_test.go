package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/test/world"
)

// publisherTo connects for publishing, as the daemon does.
func publisherTo(t *testing.T, url string) *bus.Out {
	t.Helper()
	out, err := bus.NewOut(bus.Options{URL: url, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- out.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	awaitOut(t, out)
	return out
}

// awaitOut waits until a message can be published.
func awaitOut(t *testing.T, out *bus.Out) {
	t.Helper()
	world.Await(t, "a connection for publishing", soon, func() (bool, string) {
		_, err := out.Publish(t.Context(), nats.NewMsg("anybody.there"))
		return err == nil, "not yet"
	})
}

func eventOf(subject, id string, size int) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Header.Set(jetstream.MsgIDHeader, id)
	msg.Data = []byte(strings.Repeat("x", size))
	return msg
}

// TestPublishing goes through what a publisher meets, on the newest server and on
// the oldest that must work.
func TestPublishing(t *testing.T) {
	t.Parallel()
	t.Run("newest", func(t *testing.T) {
		t.Parallel()
		b := world.NewBus(t)
		meet(t, b.URL, b.Connect(t))
		out := publisherTo(t, b.URL)
		b.Stop()
		world.Await(t, "the end of the connection to be seen", soon, func() (bool, string) {
			_, err := out.Publish(t.Context(), nats.NewMsg("anybody.there"))
			return errors.Is(err, bus.ErrDown), "still there"
		})
		b.Start(t)
		awaitOut(t, out)
	})
	t.Run("Debian's", func(t *testing.T) {
		t.Parallel()
		_, c := onDebiansServer(t, world.Need(t, "nats-server"))
		meet(t, c.ConnectedUrl(), c)
	})
}

func meet(t *testing.T, url string, c *nats.Conn) {
	t.Helper()
	out := publisherTo(t, url)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	stream := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"kept.>"}, MaxMsgSize: 1024, Duplicates: time.Minute}
	if _, err := js.CreateStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	plain := listen(t, c, "plain.>")
	for _, step := range []struct {
		what      string
		msg       *nats.Msg
		duplicate bool
		err       error
	}{
		{"kept by a stream", eventOf("kept.a", "1", 10), false, nil},
		{"the same again", eventOf("kept.a", "1", 10), true, nil},
		{"too large for the stream", eventOf("kept.a", "2", 4096), false, bus.ErrRefused},
		{"too large for the server", eventOf("plain.a", "3", 2<<20), false, bus.ErrRefused},
		{"without a stream", eventOf("plain.a", "4", 4096), false, nil},
	} {
		duplicate, err := out.Publish(t.Context(), step.msg)
		if duplicate != step.duplicate || !errors.Is(err, step.err) {
			t.Errorf("%s: duplicate %t, %v; want %t, %v", step.what, duplicate, err, step.duplicate, step.err)
		}
	}
	world.Await(t, "what no stream keeps", soon, func() (bool, string) { return len(plain.messages()) == 1, "nothing yet" })
	if err := js.DeleteStream(t.Context(), "EVENTS"); err != nil {
		t.Fatal(err)
	}
	later := listen(t, c, "kept.b")
	if _, err := out.Publish(t.Context(), eventOf("kept.b", "5", 10)); err != nil {
		t.Errorf("after the stream is gone: %v", err)
	}
	world.Await(t, "what the stream no longer keeps", soon, func() (bool, string) { return len(later.messages()) >= 1, "nothing yet" })
	if _, err := out.Publish(t.Context(), eventOf("kept.a", "6", 10)); err != nil {
		t.Errorf("to where a stream was known a moment ago: %v", err)
	}
}
