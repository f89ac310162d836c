package action_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

// answers is a Querier that gives one answer after the other, the last one for
// ever: "y" it holds, "n" it does not, "?" nobody knows, "!" never an answer.
type answers struct {
	mu     sync.Mutex
	left   string
	asked  []time.Duration // since began
	exprs  map[string]bool
	began  time.Time
	detail string
}

func (q *answers) Holds(ctx context.Context, promql string) (bool, string, error) {
	q.mu.Lock()
	q.asked = append(q.asked, time.Since(q.began))
	if q.exprs == nil {
		q.exprs = map[string]bool{}
	}
	q.exprs[promql] = true
	c := q.left[0]
	if len(q.left) > 1 {
		q.left = q.left[1:]
	}
	q.mu.Unlock()
	switch c {
	case 'y':
		return true, "1 series" + q.detail, nil
	case 'n':
		return false, "no series" + q.detail, nil
	case '!':
		<-ctx.Done()
		return false, "", ctx.Err()
	default:
		return false, "", errors.New("connection refused" + q.detail)
	}
}

func TestQuery(t *testing.T) {
	done := func(output string) action.Result { return action.Result{State: action.Done, Output: output} }
	failed := func(message string) action.Result { return action.Result{State: action.Failed, Error: message} }
	for _, tt := range []struct {
		name, answers string
		hold, timeout time.Duration
		want          action.Result
		takes         time.Duration
		asked         int
	}{
		{"at once", "y", 0, 0, done("held for 0s: it held: 1 series"), 0, 1},
		{"at last", "nn?y", 0, 0, done("held for 0s"), 45 * time.Second, 4},
		{"for its hold", "y", 30 * time.Second, 0, done("held for 30s"), 30 * time.Second, 3},
		{"for a hold between two questions", "y", 20 * time.Second, 0, done("held for 30s"), 30 * time.Second, 3},
		{"interrupted once", "yynyyy", 30 * time.Second, 0, done("held for 30s"), 75 * time.Second, 6},
		{"what is not known adds nothing", "y?yyy", 30 * time.Second, 0, done("held for 30s"), 60 * time.Second, 5},
		{"what is not known restarts nothing", "yy?yy", 30 * time.Second, 0, done("held for 30s"), 60 * time.Second, 5},
		{"the longest gap", "yy??yy", 30 * time.Second, 0, done("held for 30s"), 75 * time.Second, 6},
		{"too long a gap", "yy???yyy", 30 * time.Second, 0, done("held for 30s"), 105 * time.Second, 8},
		{"an answer that does not come", "y!yyy", 30 * time.Second, 0, done("held for 30s"), 60 * time.Second, 5},
		{"never", "n", time.Minute, 2 * time.Minute, failed("did not hold for 1m0s within 2m0s; at last it did not hold: no series"), 2 * time.Minute, 8},
		{"never known", "?", 0, 2 * time.Minute, failed("at last it is not known: connection refused"), 2 * time.Minute, 8},
		{"not long enough", "y", time.Minute, time.Minute, failed("did not hold for 1m0s within 1m0s; at last it held"), time.Minute, 4},
		{"now and then", "yn" + strings.Repeat("yn", 20), time.Minute, 5 * time.Minute, failed("did not hold"), 5 * time.Minute, 20},
		{"less time than between two questions", "n", 0, 4 * time.Second, failed("within 4s"), 4 * time.Second, 1},
		{"never answered", "!", 0, time.Minute, failed("at last it is not known"), time.Minute, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &answers{left: tt.answers, began: time.Now()}
				w := newWorld(t, action.Options{Querier: q})
				req := request(mustJSON(t, action.Step{Kind: action.KindQuery, Expr: `up{service="${service}"}`, Hold: tt.hold}))
				req.Timeout, req.Values = tt.timeout, map[string]string{"service": "checkout"}
				got := w.Run(context.Background(), req)
				checkResult(t, got, tt.want)
				if took := got.EndedAt.Sub(got.StartedAt); took != tt.takes {
					t.Errorf("it took %s; want %s", took, tt.takes)
				}
				if len(q.asked) != tt.asked {
					t.Errorf("asked at %v; want %d questions", q.asked, tt.asked)
				}
				if diff := cmp.Diff(map[string]bool{`up{service="checkout"}`: true}, q.exprs); diff != "" {
					t.Errorf("what was asked (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A query of an earlier daemon is asked again with all its time: it must not fail
// because the daemon was away.
func TestQueryIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, action.Options{Querier: &answers{left: "y"}})
		req := request(mustJSON(t, action.Step{Kind: action.KindQuery, Expr: "up", Hold: time.Minute}))
		req.Timeout, req.Resume, req.StartedAt = 2*time.Minute, true, time.Now().Add(-time.Hour)
		began := time.Now()
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "held for 1m0s"})
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %s; want its whole hold", took)
		}
	})
}

func TestQueryEndsEarly(t *testing.T) {
	interrupted := action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true, Error: "the daemon stopped"}
	for _, tt := range []struct {
		name, answers string
		cut           bool
		want          action.Result
	}{
		{"cut between two questions", "n", true, action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"}},
		{"cut while asked", "!", true, action.Result{State: action.Failed, NothingChanged: true, Error: "cut short"}},
		{"interrupted between two questions", "n", false, interrupted},
		{"interrupted while asked", "!", false, interrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, action.Options{Querier: &answers{left: tt.answers}})
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				time.AfterFunc(20*time.Second, func() {
					if !tt.cut {
						cancel()
					} else if !w.Cut("run-1") {
						t.Error("there was nothing to cut")
					}
				})
				got := w.Run(ctx, request(mustJSON(t, action.Step{Kind: action.KindQuery, Expr: "up", Hold: time.Hour})))
				checkResult(t, got, tt.want)
				if took := got.EndedAt.Sub(got.StartedAt); took != 20*time.Second {
					t.Errorf("it took %s; want 20s", took)
				}
			})
		})
	}
}

// What Prometheus says comes from outside: it is harmless in a result, and hides
// secrets.
func TestQueryDetailIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mask := func(s string) string { return strings.ReplaceAll(s, "canary", "<masked>") }
		for _, left := range []string{"y", "n", "?"} {
			w := newWorld(t, action.Options{Mask: mask, QueryEvery: time.Second, Querier: &answers{left: left, detail: "\x1b[31m canary \xff\n" + strings.Repeat("x", 1<<20)}})
			got := w.Run(context.Background(), request(mustJSON(t, action.Step{Kind: action.KindQuery, Expr: "up"})))
			if strings.Contains(got.Error+got.Output, "canary") || strings.ContainsAny(got.Error, "\x1b\n") || !utf8.ValidString(got.Error) || len(got.Error) > 1024 || len(got.Output) > 4096 {
				t.Errorf("%s: %.200q, %.200q", left, got.Error, got.Output)
			}
		}
	})
}
