package web_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbackd/rollbackd/web"
)

func TestAtMostTwoViewsAreInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most, all := 0, 0, 0
		add := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
			all += max(n, 0)
		}
		view := web.TakeTurns(func(_ context.Context, f func(web.Memory, time.Time)) error {
			add(1)
			defer add(-1)
			time.Sleep(time.Second)
			f(nil, time.Now())
			return nil
		})
		var readers sync.WaitGroup
		for range 20 {
			readers.Go(func() {
				if err := view(t.Context(), func(web.Memory, time.Time) {}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := view(ctx, func(web.Memory, time.Time) { t.Error("called though its context had ended") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one who waits too long: got %v, want context.DeadlineExceeded", err)
		}
		readers.Wait()
		if most != 2 || all != 20 {
			t.Errorf("%d in flight at most, %d in all; want 2 and 20", most, all)
		}
	})
}
