package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func TestPartsStopNewestFirstAndAll(t *testing.T) {
	p := newParts(hclog.NewNullLogger())
	var order []string
	for _, name := range []string{"journal", "web", "sources"} {
		p.later(name, func() error {
			order = append(order, name)
			if name == "journal" {
				return nil
			}
			return errors.New(name + " hung")
		})
	}
	err := p.stop()
	if diff := cmp.Diff([]string{"sources", "web", "journal"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, want := range []string{"stopping sources: sources hung", "stopping web: web hung"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if err := p.stop(); err != nil || len(order) != 3 {
		t.Errorf("stopping again: %v, %v", err, order)
	}
}

func TestPartsOutliveTheContextTheyWereStartedIn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newParts(hclog.NewNullLogger())
	stopped := false
	p.start(ctx, "responder", func(ctx context.Context) error {
		<-ctx.Done()
		stopped = true
		return ctx.Err()
	})
	cancel()
	select {
	case err := <-p.failed:
		t.Fatalf("the part ended with the context: %v", err)
	default:
	}
	if err := p.stop(); err != nil || !stopped {
		t.Errorf("got %v and stopped %v, want that stopping waits and a cancelled context is no error", err, stopped)
	}
}

func TestAPartThatEndsByItselfIsTold(t *testing.T) {
	for name, end := range map[string]error{"with an error": errors.New("no memory"), "without": nil} {
		p := newParts(hclog.NewNullLogger())
		p.start(t.Context(), "web", func(context.Context) error { return end })
		err := <-p.failed
		if err == nil || !strings.HasPrefix(err.Error(), "web: ") || (end != nil && !errors.Is(err, end)) {
			t.Errorf("%s: got %v, want an error that names the part", name, err)
		}
		if err := p.stop(); err != nil {
			t.Errorf("%s: told twice: %v", name, err)
		}
	}
}
