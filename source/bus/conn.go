package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connection is what is used of a NATS connection. It is a seam: what happens
// around reconnects and streams that come and go is tested without a server.
type connection interface {
	// subscribe listens to a subject.
	subscribe(subject string, handle func(message)) (subscription, error)
	// findStream looks for a stream that holds all of a subject. found is false
	// when the server says that there is none; an error leaves it open.
	findStream(ctx context.Context, subject string) (s stream, found bool, err error)
	// consume reads a subject from a stream, in order, from a place on.
	consume(ctx context.Context, c consumption) (reader, error)
	publish(msg *nats.Msg) error
	// close ends the connection; nothing is handled after it.
	close()
}

type subscription interface {
	Unsubscribe() error
	// Dropped is how many messages were dropped in all.
	Dropped() (int, error)
}

// stream is a JetStream stream as it is now.
type stream struct {
	name        string
	created     time.Time
	first, last uint64
}

// consumption says what to read from a stream.
type consumption struct {
	stream  string
	subject string
	// from is the first sequence number to read; zero means to go by since.
	from  uint64
	since time.Time
	// handle gets each message with its place in the stream.
	handle func(m message, seq uint64)
	failed func(err error)
}

type reader interface {
	Stop()
	Closed() <-chan struct{}
}

// server is the connection to a real NATS server.
type server struct {
	nc *nats.Conn
	js jetstream.JetStream
	o  Options
}

// How a stream is read.
const (
	pullHeartbeat = 5 * time.Second
	pullExpiry    = 30 * time.Second
	flushTimeout  = time.Second
	pendingEvents = 65536
	pendingBytes  = 32 << 20
)

// dial starts to connect. It gives a connection even while no server answers.
func dial(o Options, e events) (connection, error) {
	opts, err := natsOptions(o, e)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	return &server{nc: nc, js: js, o: o}, nil
}

func (s *server) subscribe(subject string, handle func(message)) (subscription, error) {
	sub, err := s.nc.Subscribe(subject, func(m *nats.Msg) {
		handle(message{subject: m.Subject, header: m.Header, data: m.Data, at: wall(s.o.Clock)})
	})
	if err != nil {
		return nil, err
	}
	return sub, sub.SetPendingLimits(pendingEvents, pendingBytes)
}

func (s *server) findStream(ctx context.Context, subject string) (stream, bool, error) {
	list := s.js.ListStreams(ctx, jetstream.WithStreamListSubject(subject))
	var found *jetstream.StreamInfo
	for info := range list.Info() {
		for _, held := range info.Config.Subjects {
			if found == nil && covers(held, subject) {
				found = info
			}
		}
	}
	switch err := list.Err(); {
	case found != nil:
		st := found.State
		return stream{name: found.Config.Name, created: found.Created, first: st.FirstSeq, last: st.LastSeq}, true, nil
	case err == nil, errors.Is(err, jetstream.ErrEndOfData), errors.Is(err, jetstream.ErrStreamNotFound),
		// A server without JetStream has nobody who answers.
		errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return stream{}, false, nil
	default:
		return stream{}, false, err
	}
}

func (s *server) consume(ctx context.Context, c consumption) (reader, error) {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{c.subject}}
	if c.from > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, c.from
	} else {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &c.since
	}
	consumer, err := s.js.OrderedConsumer(ctx, c.stream, cfg)
	if err != nil {
		return nil, err
	}
	return consumer.Consume(
		func(m jetstream.Msg) { s.stored(m, c) },
		jetstream.PullHeartbeat(pullHeartbeat), jetstream.PullExpiry(pullExpiry),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { c.failed(err) }),
	)
}

// stored makes a message of one that a stream gave. Its time is that of the
// stream, which is the same for every listener and in every replay, but never
// later than ours.
func (s *server) stored(m jetstream.Msg, c consumption) {
	meta, err := m.Metadata()
	if err != nil {
		c.failed(err)
		return
	}
	at := meta.Timestamp.UTC()
	if now := wall(s.o.Clock); at.After(now) {
		at = now
	}
	c.handle(message{subject: m.Subject(), header: m.Headers(), data: m.Data(), at: at, stored: true}, meta.Sequence.Stream)
}

func (s *server) publish(msg *nats.Msg) error { return s.nc.PublishMsg(msg) }

func (s *server) close() {
	if s.nc.IsConnected() {
		_ = s.nc.FlushTimeout(flushTimeout) // the last dead letters
	}
	s.nc.Close()
}

// wall is the present as others can compare it: without the monotonic reading,
// which is lost in a journal.
func wall(c clock.Clock) time.Time { return c.Now().UTC().Round(0) }
