package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"
)

// parts are the things that were started, to be stopped in the opposite order.
// It belongs to one goroutine.
type parts struct {
	log   hclog.Logger
	stops []part
	// failed gets the error of a part that ended though nobody stopped it.
	failed chan error
}

type part struct {
	name string
	stop func() error
}

func newParts(log hclog.Logger) *parts {
	return &parts{log: log, failed: make(chan error, 1)}
}

// later notes how to stop a part.
func (p *parts) later(name string, stop func() error) {
	p.stops = append(p.stops, part{name: name, stop: stop})
}

// start runs f until the part is stopped; stopping waits for it. The end of ctx
// does not reach f: parts end in their order, not all at once.
func (p *parts) start(ctx context.Context, name string, f func(ctx context.Context) error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := f(own)
		if own.Err() == nil {
			p.fail(name, err)
			err = nil // it has been told
		}
		ended <- err
	}()
	p.later(name, func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
}

// fail tells that a part ended by itself. The first one counts; what fails
// after it is most likely a consequence.
func (p *parts) fail(name string, err error) {
	if err == nil {
		err = errors.New("ended though nobody stopped it")
	}
	select {
	case p.failed <- fmt.Errorf("%s: %w", name, err):
	default:
	}
}

// stop stops all parts, the newest first. Every one is stopped, whatever the
// others say. Stopping again does nothing.
func (p *parts) stop() error {
	var errs []error
	for _, one := range slices.Backward(p.stops) {
		p.log.Debug("stopping", "part", one.name)
		if err := one.stop(); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", one.name, err))
		}
	}
	p.stops = nil
	return errors.Join(errs...)
}
