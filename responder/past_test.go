package responder_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// pastReader answers for the past, as slowly as it may.
type pastReader struct {
	asked string
	ticks []incident.Samples
}

func (p *pastReader) Past(ctx context.Context, from, to time.Time, metrics, services []string) []incident.Samples {
	p.asked = fmt.Sprint(to.Sub(from), metrics, services)
	<-ctx.Done()
	return p.ticks
}

// The past is read beside everything else, and comes back by its deadline; where
// nobody can read it, that it was not read does.
func TestReadingThePast(t *testing.T) {
	for name, p := range map[string]*pastReader{
		"answered":       {ticks: []incident.Samples{{Kind: incident.Rebuilt}}},
		"nobody can ask": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{step: func(now time.Time, in incident.Input) []incident.Effect {
				if _, ok := in.(incident.VersionSeen); !ok {
					return nil
				}
				return []incident.Effect{incident.ReadPast{
					ID: "past/1", Metrics: []string{"errors"}, Services: []string{"checkout"}, From: now.Add(-time.Minute), To: now, Deadline: now.Add(time.Second),
				}}
			}}
			want := incident.Past{ID: "past/1"}
			inBubble(t, w, func(o *responder.Options) {
				if p != nil {
					o.Past, want.Ticks = p, p.ticks
				}
			}, func(in bubble) {
				in.r.Submit(seen("v1"))
				time.Sleep(time.Second)
				synctest.Wait()
				took := w.took()
				if diff := cmp.Diff(want, took[len(took)-1]); diff != "" {
					in.Errorf("the last input (-want +got):\n%s", diff)
				}
				if p != nil && p.asked != "1m0s [errors] [checkout]" {
					in.Errorf("asked for %s", p.asked)
				}
			})
		})
	}
}
