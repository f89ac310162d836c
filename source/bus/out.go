package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// Errors of Out.Publish. Any other one is worth trying again, too.
var (
	// ErrDown says that there is no connection at the moment.
	ErrDown = errors.New("nats: not connected")
	// ErrRefused says that this message will never be taken: it is too large, or a
	// stream does not want it.
	ErrRefused = errors.New("nats: the message was refused")
)

// How messages go out.
const (
	publishTimeout = 5 * time.Second
	lookTTL        = 30 * time.Second
	maxLooks       = 4096
)

// Out is a connection that only publishes. It is one of its own so that it
// outlives the listening one while the daemon stops, and so that a flood of
// health checks does not hold up what goes out. Its methods may be called by any
// goroutine.
type Out struct {
	opt    Options
	clock  clock.Clock
	log    hclog.Logger
	seldom *source.Seldom
	link   *link

	mu    sync.Mutex
	nc    *nats.Conn // nil before Run
	js    jetstream.JetStream
	looks map[string]look
}

// look is which stream holds a subject; none where its name is empty.
type look struct {
	stream string
	until  time.Time
}

// NewOut makes a connection for publishing; it connects to nothing yet. Of the
// options it needs how to connect; what is listened to does not matter.
func NewOut(o Options) (*Out, error) {
	if o.Sink == nil {
		o.Sink = nowhere{}
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Out{
		opt: o, clock: o.Clock, log: o.Logger, seldom: source.NewSeldom(o.Clock, time.Minute),
		link: newLink(wall(o.Clock)), looks: map[string]look{},
	}, nil
}

// nowhere takes no inputs: nothing is listened to.
type nowhere struct{}

// Submit is a Sink's.
func (nowhere) Submit(incident.Input) {}

// Run keeps the connection until the context ends, and then returns nil. It goes
// on trying for ever where no server answers, and fails as Source.Run does. It is
// to be called once.
func (o *Out) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	opts, err := natsOptions(o.opt, o.events(ctx, cancel))
	if err != nil {
		return err
	}
	// What cannot be sent now is sent from the journal later: a buffer of the
	// connection's own would be a second, forgetful queue.
	nc, err := nats.Connect(o.opt.URL, append(opts, nats.ReconnectBufSize(-1))...)
	if err != nil {
		return fmt.Errorf("connect to %s for publishing: nats: %w", o.opt.URL, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	o.mu.Lock()
	o.nc, o.js = nc, js
	o.mu.Unlock()
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return nil
}

func (o *Out) events(ctx context.Context, cancel context.CancelCauseFunc) events {
	return events{
		connected: func() {
			o.forgetLooks()
			o.log.Debug("connected for publishing", "after", o.link.raise(wall(o.clock)))
		},
		disconnected: func(err error) {
			o.link.drop(wall(o.clock))
			if ctx.Err() == nil && o.seldom.Allow("disconnected") {
				o.log.Warn("the connection for publishing was lost: events wait in the journal", "err", err)
			}
		},
		failed: func(err error) {
			if reason := errorReason(err); o.seldom.Allow(reason) {
				o.log.Warn("the bus reports an error", "reason", reason, "err", err)
			}
		},
		closed: func() { cancel(ErrClosed) },
	}
}

// Publish sends one message and returns once a server has it: a stream, where one
// holds the subject, or else the server itself. duplicate is true where the
// stream had a message with this Nats-Msg-Id already. After an error, unless it
// is ErrDown or ErrRefused, the message may have arrived all the same.
func (o *Out) Publish(ctx context.Context, msg *nats.Msg) (duplicate bool, err error) {
	o.mu.Lock()
	nc, js := o.nc, o.js
	o.mu.Unlock()
	if nc == nil || !nc.IsConnected() {
		return false, ErrDown
	}
	ctx, cancel := o.clock.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if o.holder(ctx, js, msg.Subject) == "" {
		return false, plainly(ctx, nc, msg)
	}
	ack, err := js.PublishMsg(ctx, msg)
	switch {
	case err == nil:
		return ack.Duplicate, nil
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		// The stream is gone since it was looked for, and nobody else listens.
		o.forgetLooks()
		return false, plainly(ctx, nc, msg)
	}
	return false, judged(err)
}

// plainly publishes without a stream. The flush makes sure that the server has it.
func plainly(ctx context.Context, nc *nats.Conn, msg *nats.Msg) error {
	if err := nc.PublishMsg(msg); err != nil {
		return judged(err)
	}
	return judged(nc.FlushWithContext(ctx))
}

// judged tells what will never be taken from what is worth trying again.
func judged(err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	final := errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) || errors.As(err, &api) && api.Code >= 400 && api.Code < 500
	if final {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("nats: %w", err)
}

// holder is the stream that holds a subject; empty where none does, or where that
// cannot be known. A stream takes what is published plainly, too: only its word
// for it is missing then.
func (o *Out) holder(ctx context.Context, js jetstream.JetStream, subject string) string {
	now := o.clock.Now()
	o.mu.Lock()
	known, ok := o.looks[subject]
	o.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.stream
	}
	ctx, cancel := o.clock.WithTimeout(ctx, lookTimeout)
	defer cancel()
	name, err := js.StreamNameBySubject(ctx, subject)
	if err != nil && !withoutStream(err) && o.seldom.Allow("jetstream") {
		o.log.Warn("a stream was looked for in vain: events are published without a stream's word for it", "subject", subject, "err", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.looks) >= maxLooks {
		clear(o.looks)
	}
	o.looks[subject] = look{stream: name, until: now.Add(lookTTL)}
	return name
}

// withoutStream tells whether an error is the server's word that no stream holds
// the subject. A server without JetStream has nobody who answers.
func withoutStream(err error) bool {
	for _, known := range []error{
		jetstream.ErrStreamNotFound, jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount, nats.ErrNoResponders,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// forgetLooks has every stream looked for again.
func (o *Out) forgetLooks() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.looks)
}
