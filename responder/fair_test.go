package responder_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

func TestQuestionsDoNotStarveInputs(t *testing.T) {
	var asked int // only the loop touches it
	before := -1
	w := &world{step: func(_ time.Time, in incident.Input) []incident.Effect {
		if saw, ok := in.(incident.VersionSeen); ok && saw.Version == "v1" {
			before = asked
		}
		return nil
	}}
	inBubble(t, w, nil, func(in bubble) {
		t, r := in.T, in.r
		release := hold(t, r)
		r.Submit(seen("v1"))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := r.View(t.Context(), func(*incident.Brain, time.Time) error { asked++; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		release()
		all.Wait()
		synctest.Wait()
		if before < 0 || before > 2 || asked != 50 {
			t.Errorf("%d questions were answered before the input was taken, and %d in all; want at most 2, and 50", before, asked)
		}
	})
}
