package action_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbackd/rollbackd/action"
)

func TestWait(t *testing.T) {
	for _, tt := range []struct {
		name         string
		resume       bool
		before       time.Duration // how long ago it began
		cut, cancel  time.Duration
		want         action.Result
		takes, total time.Duration
	}{
		{name: "waits", want: action.Result{State: action.Done, Output: "waited 30s"}, takes: 30 * time.Second, total: 30 * time.Second},
		{name: "waits out the remainder", resume: true, before: 20 * time.Second, want: action.Result{State: action.Done}, takes: 10 * time.Second, total: 30 * time.Second},
		{name: "is over already", resume: true, before: time.Hour, want: action.Result{State: action.Done}, total: time.Hour},
		{name: "is cut", cut: 5 * time.Second, want: action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"}, takes: 5 * time.Second, total: 5 * time.Second},
		{name: "is interrupted", cancel: 5 * time.Second, want: action.Result{State: action.Uncertain, Interrupted: true, Error: "the daemon stopped"}, takes: 5 * time.Second, total: 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, action.Options{})
				req := request(mustJSON(t, action.Step{Kind: action.KindWait, For: 30 * time.Second}))
				req.Resume, req.Timeout = tt.resume, time.Second
				began := time.Now()
				req.StartedAt = began.Add(-tt.before)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if tt.cut > 0 {
					time.AfterFunc(tt.cut, func() { w.Cut("run-1") })
				}
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				got := w.Run(ctx, req)
				checkResult(t, got, tt.want)
				if took := time.Since(began); took != tt.takes {
					t.Errorf("it took %s; want %s", took, tt.takes)
				}
				if total := got.EndedAt.Sub(got.StartedAt); total != tt.total {
					t.Errorf("the result says %s; want %s", total, tt.total)
				}
			})
		})
	}
}
