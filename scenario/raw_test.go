package scenario_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/scenario"
)

func TestEveryMistakeOfRawSeriesIsReported(t *testing.T) {
	_, err := scenario.Load("testdata/bad/series.toml")
	if err == nil {
		t.Fatal("no error")
	}
	golden(t, "testdata/bad/series.golden", err.Error()+"\n")
}

// TestAQueryThatIsNotAskedSelectsNothing: only what is asked at ticks reads series.
func TestAQueryThatIsNotAskedSelectsNothing(t *testing.T) {
	_, err := scenario.Parse("a.toml", `
config = "testdata/config/base.toml"
[[case]]
name   = "what a step's query reads is the step's own"
expect = [{ end = true, rollbacks = 0 }]
[case.config.services.checkout.rollback]
steps = [{ name = "ask", query = "up == 1" }]
[case.series]
up = "1x10"
`)
	if err == nil || err.Error() != "a.toml:9: case[0].series.up: no query selects it" {
		t.Errorf("error %v", err)
	}
}

// TestLookingAheadChangesNothing plays cases as they are, where ticks to come are
// asked for by a range query, and once more with a metric that nobody uses and
// that forbids it: every tick is then an instant query.
func TestLookingAheadChangesNothing(t *testing.T) {
	for _, path := range []string{"testdata/series.toml", "testdata/hazards/H06-counters-that-start-again.toml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const metrics = "[inline.metrics]\n"
		slow := strings.Replace(string(text), metrics, metrics+"beyond = 'sum by (service) (nothing offset -1m)'\n", 1)
		if slow == string(text) {
			t.Fatalf("%s has no %s", path, metrics)
		}
		fast := load(t, path)
		instants, err := scenario.Parse(path, slow)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range fast.Cases {
			t.Run(c.Name, func(t *testing.T) {
				want, got := instants.Play(instants.Cases[i]), fast.Play(c)
				// A reload names its configuration, and the two are not the same.
				named := func(line string) bool { return strings.Contains(line, " configuration ") }
				want.Timeline, got.Timeline = slices.DeleteFunc(want.Timeline, named), slices.DeleteFunc(got.Timeline, named)
				if diff := cmp.Diff(want.Timeline, got.Timeline); diff != "" {
					t.Errorf("timeline (-instant +ahead):\n%s", diff)
				}
			})
		}
	}
}

// rawHour is an hour of ten series and three metrics, with a rollback in it.
const rawHour = `
[[case]]
name   = "an hour"
until  = "1h"
events = [{ at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } }]
expect = [{ end = true, rollbacks = 1 }]
[case.config.services.checkout.triggers]
errors = { when = "failures > 1% for 2m", severity = "critical" }
[case.config.metrics]
failures     = { bad = 'sum by (service) (rate(http_requests_total{code=~"5.."}[1m]))', total = 'sum by (service) (rate(http_requests_total[1m]))' }
latency_p99  = { query = 'histogram_quantile(0.99, sum by (service, le) (rate(latency_bucket[1m])))', unit = "seconds" }
request_rate = { query = 'sum by (service) (rate(http_requests_total[5m]))', unit = "per_second" }
[case.series]
'http_requests_total{service="checkout",code="200",pod="a"}' = "0+1500x39 0+1425x200"
'http_requests_total{service="checkout",code="500",pod="a"}' = "0x39 0+75x200"
'http_requests_total{service="checkout",code="200",pod="b"}' = "0+1500x240"
'http_requests_total{service="checkout",code="200",pod="c"}' = "0+1500x240"
'http_requests_total{service="pay",code="200"}'              = "0+1500x240"
'http_requests_total{service="pay",code="500"}'              = "0+15x240"
'latency_bucket{service="checkout",le="0.1"}'                = "0+1000x240"
'latency_bucket{service="checkout",le="0.25"}'               = "0+1400x240"
'latency_bucket{service="checkout",le="0.5"}'                = "0+1500x240"
'latency_bucket{service="checkout",le="+Inf"}'               = "0+1500x240"
[case.steps.undo]
takes = "5s"
[case.steps.undo.then]
'http_requests_total{service="checkout",code="200",pod="a"}' = "0+1500x240"
'http_requests_total{service="checkout",code="500",pod="a"}' = "0x240"
`

// BenchmarkRawHour is the cost of the real PromQL, ticks looked at ahead.
func BenchmarkRawHour(b *testing.B) { playRepeatedly(b, parse(b, rawHour)) }

// BenchmarkRawHourTickByTick is the cost where a query forbids to look ahead.
func BenchmarkRawHourTickByTick(b *testing.B) {
	const metrics = "[case.config.metrics]\n"
	playRepeatedly(b, parse(b, strings.Replace(rawHour, metrics, metrics+"beyond = 'sum by (service) (nothing offset -1m)'\n", 1)))
}

func playRepeatedly(b *testing.B, f *scenario.File) {
	b.Helper()
	for b.Loop() {
		if v := f.Play(f.Cases[0]); len(v.Failures) > 0 {
			b.Fatal(v.Failures)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hours/s")
}
