package notify_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

func TestTellGoesPastTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{broken: errors.New("disk full")}
		ops, boss, other := &channel{answer: willing}, &channel{answer: willing}, &channel{answer: willing}
		o, registry := box(t, s, map[string]notify.Notifier{"hole": hole{}, "ops": ops, "boss": boss, "other": other})
		synctest.Wait()
		start := time.Now()
		for i := range 20 { // one is on its way, and for most there is no room
			o.Tell([]string{"hole", "nobody"}, notify.Delivery{ID: fmt.Sprint(i)})
			synctest.Wait()
		}
		o.Tell([]string{"hole", "ops", "boss"}, notify.Delivery{ID: "m"})
		synctest.Wait()
		if got := time.Since(start); got != 0 {
			t.Errorf("the caller was delayed by %s", got)
		}
		got := map[string]int{"ops": len(ops.attempts()), "boss": len(boss.attempts()), "other": len(other.attempts())}
		if diff := cmp.Diff(map[string]int{"ops": 1, "boss": 1, "other": 0}, got); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		count(t, registry, `rollbackd_notifications_total{receiver="boss",result="delivered"} 1
rollbackd_notifications_total{receiver="boss",result="gave_up"} 0
rollbackd_notifications_total{receiver="boss",result="retried"} 0
rollbackd_notifications_total{receiver="boss",result="withheld"} 0
rollbackd_notifications_total{receiver="hole",result="delivered"} 0
rollbackd_notifications_total{receiver="hole",result="gave_up"} 9
rollbackd_notifications_total{receiver="hole",result="retried"} 0
rollbackd_notifications_total{receiver="hole",result="withheld"} 0
rollbackd_notifications_total{receiver="ops",result="delivered"} 1
rollbackd_notifications_total{receiver="ops",result="gave_up"} 0
rollbackd_notifications_total{receiver="ops",result="retried"} 0
rollbackd_notifications_total{receiver="ops",result="withheld"} 0
rollbackd_notifications_total{receiver="other",result="delivered"} 0
rollbackd_notifications_total{receiver="other",result="gave_up"} 0
rollbackd_notifications_total{receiver="other",result="retried"} 0
rollbackd_notifications_total{receiver="other",result="withheld"} 0
`)
	})
}

func TestTellTriesTwice(t *testing.T) {
	for failures, want := range map[int]int{0: 1, 1: 2, 2: 2} {
		synctest.Test(t, func(t *testing.T) {
			ops := &channel{answer: func(n int) error {
				if n <= failures {
					return errors.New("refused")
				}
				return nil
			}}
			o, _ := box(t, &memory{}, map[string]notify.Notifier{"ops": ops})
			o.Tell([]string{"ops"}, notify.Delivery{ID: "m"})
			time.Sleep(time.Hour)
			synctest.Wait()
			if got := len(ops.attempts()); got != want {
				t.Errorf("after %d failures: %d attempts, want %d", failures, got, want)
			}
		})
	}
}
