package backtest_test

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
)

// long is a number of ticks that two pages hold: one ends 9,040 ticks after midday.
const long = 10_000

// month is a Prometheus with a long quiet history and one incident in it.
func month(tb testing.TB) *prometheus {
	tb.Helper()
	p := newPrometheus()
	p.service(tb, "checkout", long, between(4_000, 4_200, 0.05, 0.001))
	p.service(tb, "cart", long, between(0, 0, 0, 0.001))
	return p
}

// cached are options with a cache and a clock at a time after the period.
func cached(tb testing.TB, p *prometheus, dir string) backtest.Options {
	tb.Helper()
	o := options(tb, p, basic, long, deployed("checkout", "v2", "v1", 3_998))
	mock := clock.NewMock()
	mock.Set(o.To.Add(24 * time.Hour))
	o.CacheDir, o.Clock = dir, mock
	return o
}

func files(tb testing.TB, dir string) []string {
	tb.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func TestASecondRunAsksNothing(t *testing.T) {
	p, dir := month(t), t.TempDir()
	first := run(t, cached(t, p, dir))
	asked := p.asked()
	if asked == 0 || first.Results[0].Totals.Rollbacks != 1 {
		t.Fatalf("%d queries, %+v: want some, and one rollback", asked, first.Results[0].Totals)
	}
	second := run(t, cached(t, p, dir))
	if got := p.asked() - asked; got != 0 {
		t.Errorf("the second run sent %d queries, want none", got)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("report (-fetched +from the cache):\n%s", diff)
	}
	// Another threshold needs nothing new either; another query does.
	o := cached(t, p, dir)
	o.Variants = variants(t, basic, "services.checkout.triggers.errors.when=error_rate > {2%,3%} for 2m")
	run(t, o)
	if got := p.asked() - asked; got != 0 {
		t.Errorf("other thresholds sent %d queries, want none", got)
	}
	o.Variants = variants(t, strings.ReplaceAll(basic, "last_over_time(latency[15s])", "last_over_time(latency[30s])"))
	run(t, o)
	if got, want := p.asked()-asked, asked/3; got != want {
		t.Errorf("another query of one metric of three queries sent %d, want %d", got, want)
	}
}

// One URL gives each tenant another history: pages of one are never read for another.
func TestTheCacheKnowsTenants(t *testing.T) {
	of := func(tenant string) string {
		header := `url = "http://prometheus:9090"` + "\nhttp.http_headers.X-Scope-OrgID.values = [\"" + tenant + "\"]"
		return strings.Replace(counted, `url = "http://prometheus:9090"`, header, 1)
	}
	p, dir := month(t), t.TempDir()
	asked := func(tenant string) int {
		before := p.asked()
		o := cached(t, p, dir)
		o.Deployments, o.Variants = nil, variants(t, of(tenant))
		run(t, o)
		return p.asked() - before
	}
	first := asked("a")
	if again := asked("a"); first == 0 || again != 0 {
		t.Errorf("%d queries, then %d, want none the second time", first, again)
	}
	if other := asked("b"); other != first {
		t.Errorf("another tenant: %d queries, want all %d of metrics and versions", other, first)
	}
}

// A file of the cache that is damaged, in whatever way, is fetched again and never
// believed.
func TestADamagedCache(t *testing.T) {
	p, dir := newPrometheus(), t.TempDir()
	p.service(t, "checkout", 400, between(40, 200, 0.05, 0.001))
	o := options(t, p, basic, 400, deployed("checkout", "v2", "v1", 38))
	mock := clock.NewMock()
	mock.Set(o.To.Add(24 * time.Hour))
	o.CacheDir, o.Clock = dir, mock
	want := run(t, o)
	pages := files(t, dir)
	damage := map[string]func(data []byte) []byte{
		"one bit":       func(data []byte) []byte { data[len(data)/2] ^= 1; return data },
		"one bit first": func(data []byte) []byte { data[0] ^= 1; return data },
		"in the sum":    func(data []byte) []byte { data[30] ^= 1; return data },
		"cut short":     func(data []byte) []byte { return data[:len(data)-1] },
		"empty":         func([]byte) []byte { return nil },
		"longer":        func(data []byte) []byte { return append(data, 0) },
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			before := p.asked()
			for _, path := range pages {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, change(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := run(t, o)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if n := p.asked() - before; n == 0 {
				t.Error("nothing was fetched again")
			}
		})
	}
}

// An interrupted run leaves its whole pages behind, and the next one asks for the
// others only.
func TestAnInterruptedRunGoesOn(t *testing.T) {
	p, dir := month(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	o := cached(t, p, dir)
	o.Progress = func(done backtest.Progress) {
		if done.Done == 1 {
			cancel()
		}
	}
	if _, err := backtest.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that of the context", err)
	}
	report := run(t, cached(t, p, dir))
	whole := newPrometheus()
	whole.store, whole.inner = p.store, p.inner
	want := run(t, cached(t, whole, ""))
	if got := p.asked(); got != whole.asked() {
		t.Errorf("%d queries in both runs, want the %d of one", got, whole.asked())
	}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-whole +in two runs):\n%s", diff)
	}
}

// Samples may still come in for a few minutes: a page that reaches into them is
// asked for again.
func TestTheNewestPageIsNotKept(t *testing.T) {
	p, dir := month(t), t.TempDir()
	o := cached(t, p, dir)
	mock := clock.NewMock()
	mock.Set(o.To.Add(time.Minute))
	o.Clock = mock
	run(t, o)
	before := p.asked()
	run(t, o)
	if got := p.asked() - before; got != 3 {
		t.Errorf("%d queries the second time, want the 3 of the newest page", got)
	}
}

func TestTooManyQueriesAreRefused(t *testing.T) {
	p := month(t)
	o := options(t, p, basic, long)
	o.MaxQueries = 5
	_, err := backtest.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "send 6 queries, more than --max-queries 5") {
		t.Errorf("error %v, want one with the numbers", err)
	}
	if p.asked() != 0 {
		t.Errorf("%d queries were sent before it was refused", p.asked())
	}
}

// failing is a Prometheus that fails in the second page, for some queries.
func failing(tb testing.TB, status int, body string, when func(n int, form url.Values) bool) *prometheus {
	tb.Helper()
	p := month(tb)
	p.fails = func(n int, form url.Values) (int, string) {
		if when(n, form) {
			return status, body
		}
		return 0, ""
	}
	return p
}

func TestAPageThatFails(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		fails  func(left *int) bool
		gaps   int
		reason string
	}{
		{"once: asked again", 503, "busy", func(left *int) bool { *left--; return *left >= 4 }, 0, ""},
		{"always: a gap", 503, "busy", func(*int) bool { return true }, 1, "http_5xx"},
		{"a query that is wrong: a gap at once", 400, `{"status":"error","errorType":"bad_data","error":"x"}`, func(*int) bool { return true }, 1, "bad_data"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := 5
				p := failing(t, tt.status, tt.body, func(_ int, form url.Values) bool {
					return strings.Contains(form.Get("query"), "latency") && form.Get("start") == secondPage() && tt.fails(&left)
				})
				o := options(t, p, basic, long)
				o.Clock, o.CacheDir = clock.New(), t.TempDir()
				report := run(t, o)
				if len(report.Gaps) != tt.gaps {
					t.Fatalf("gaps %+v, want %d", report.Gaps, tt.gaps)
				}
				if tt.gaps == 0 {
					return
				}
				g := report.Gaps[0]
				if g.Kind != backtest.GapUnknown || g.Metric != "latency" || g.Service != "" || g.Reason != tt.reason {
					t.Errorf("gap %+v, want latency unknown for all: %s", g, tt.reason)
				}
				unknown := 0.0
				for _, c := range report.Known {
					unknown += c.UnknownSeconds
				}
				if unknown == 0 {
					t.Error("no second counts as unknown")
				}
			})
		})
	}
}

// secondPage is where the second page begins: pages end where they do since the
// epoch.
func secondPage() string {
	const page = 10_000 * 15
	return strconv.FormatInt((midday().Unix()/page+1)*page, 10)
}

// ticksOf is how many ticks a range query asks for.
func ticksOf(form url.Values) int {
	number := func(key string) float64 {
		v, err := strconv.ParseFloat(form.Get(key), 64)
		if err != nil {
			return 0
		}
		return v
	}
	return int((number("end")-number("start"))/number("step")) + 1
}

// What is too much for one query is asked in halves.
func TestAPageThatIsTooMuch(t *testing.T) {
	tooMuch := `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`
	p := failing(t, 422, tooMuch, func(_ int, form url.Values) bool { return ticksOf(form) > 3000 })
	report := run(t, options(t, p, basic, long, deployed("checkout", "v2", "v1", 3_998)))
	if len(report.Gaps) != 0 || report.Results[0].Totals.Rollbacks != 1 {
		t.Errorf("gaps %+v, totals %+v: want no gap, and the rollback", report.Gaps, report.Results[0].Totals)
	}
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := failing(t, 503, "busy", func(int, url.Values) bool { return true })
		o := options(t, p, basic, long)
		o.Clock = clock.New()
		if _, err := backtest.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "does not answer: http_5xx") {
			t.Errorf("error %v, want that Prometheus does not answer", err)
		}
	})
}
