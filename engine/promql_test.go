package engine_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/engine"
)

// results are the values of an instant answer, by their labels, to nine digits.
func results(tb testing.TB, body string) []string {
	tb.Helper()
	if !strings.HasPrefix(body, `{"status":"success"`) {
		tb.Fatalf("not a success: %s", body)
	}
	var all []string
	for _, m := range regexp.MustCompile(`"metric":(\{[^}]*\}),"value":\[[0-9.]+,("[^"]*")\]`).FindAllStringSubmatch(body, -1) {
		v, err := strconv.ParseFloat(strings.Trim(m[2], `"`), 64)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %.9g", m[1], v))
	}
	slices.Sort(all)
	return all
}

// TestPromQL holds the engine over our store to what Prometheus is known to give.
func TestPromQL(t *testing.T) {
	s := engine.NewStore()
	add(t, s, `up{service="a"}`, 1, 1, 1)
	add(t, s, `falls{service="a"}`, 1000, 1015, 1030, 0, 15, 30) // a reset at 45 s
	add(t, s, `requests{service="a"}`, counting(0, 1500, 21)...)
	add(t, s, `born{service="a"}`, "", "", "", 1, 1, 1)
	add(t, s, `gone{service="a"}`, 5, 5, "stale")
	add(t, s, `back{service="a"}`, 5, "stale", 7)
	add(t, s, `nans{service="a"}`, 1, nan())
	for i, le := range []string{"0.1", "0.2", "+Inf"} {
		add(t, s, `h_bucket{le="`+le+`"}`, counting(0, []float64{50, 100, 100}[i], 9)...)
	}
	tests := []struct {
		query string
		at    int // steps
		want  []string
	}{
		// The samples in (15 s, 75 s] are 1030, 0, 15, 30: they grew by 0+15+15 in 45 s, and the window is a third longer.
		{`rate(falls[1m])`, 5, []string{`{"service":"a"} 0.666666667`}},
		{`increase(born[1m])`, 5, []string{`{"service":"a"} 0`}},
		{`sum by (service) (rate(requests[1m]))`, 20, []string{`{"service":"a"} 100`}},
		{`sum by (service) (rate(requests{code="500"}[1m])) or vector(0)`, 20, []string{`{} 0`}},
		{`requests`, 0, []string{`{"__name__":"requests","service":"a"} 0`}},
		{`requests{service!="a"}`, 0, nil},
		{`{service=~"a|b", __name__=~"req.*"}`, 0, []string{`{"__name__":"requests","service":"a"} 0`}},
		// Five minutes after the last sample it is still there; a moment later it is not.
		{`up`, 2 + 19, []string{`{"__name__":"up","service":"a"} 1`}},
		{`up`, 2 + 20, nil},
		{`gone`, 1, []string{`{"__name__":"gone","service":"a"} 5`}},
		{`gone`, 2, nil},
		{`back`, 1, nil},
		{`back`, 2, []string{`{"__name__":"back","service":"a"} 7`}},
		{`nans`, 1, []string{`{"__name__":"nans","service":"a"} NaN`}},
		{`1/(up - 1)`, 1, []string{`{"service":"a"} +Inf`}},
		{`histogram_quantile(0.75, rate(h_bucket[1m]))`, 8, []string{`{} 0.15`}},
		{`timestamp(up) - 1767607200`, 2, []string{`{"service":"a"} 30`}},
		{`requests offset 1m`, 8, []string{`{"__name__":"requests","service":"a"} 6000`}},
		{`max_over_time(rate(requests[1m])[2m:])`, 20, []string{`{"service":"a"} 100`}},
		{`absent(nothing{service="a"})`, 0, []string{`{"service":"a"} 1`}},
	}
	transport := engine.Transport(engine.New(engine.Options{}), s)
	for _, test := range tests {
		t.Run(fmt.Sprint(test.query, " at ", test.at), func(t *testing.T) {
			status, body := ask(t, transport, http.MethodPost, "/api/v1/query", url.Values{"query": {test.query}, "time": {unix(after(test.at))}})
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			if diff := cmp.Diff(test.want, results(t, body)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestLookback shows that the option holds.
func TestLookback(t *testing.T) {
	s := engine.NewStore()
	add(t, s, `up`, 1)
	transport := engine.Transport(engine.New(engine.Options{Lookback: 30 * time.Second}), s)
	for at, want := range map[int]int{1: 1, 2: 0} {
		_, body := ask(t, transport, http.MethodGet, "/api/v1/query", url.Values{"query": {"up"}, "time": {unix(after(at))}})
		if got := len(results(t, body)); got != want {
			t.Errorf("after %d steps: %d series, want %d", at, got, want)
		}
	}
}

// TestRangeIsManyInstants compares each point of a range query with the instant
// query at its time: resets, gaps and markers included.
func TestRangeIsManyInstants(t *testing.T) {
	s := engine.NewStore()
	add(t, s, `c{service="a"}`, 10, 20, 5, "", "stale", "", 1, 8, 8, 9, "", "", 3)
	add(t, s, `c{service="b"}`, counting(3, 7, 13)...)
	transport := engine.Transport(engine.New(engine.Options{}), s)
	for _, query := range []string{`c`, `rate(c[1m])`, `sum(increase(c[45s]))`, `c > 5`, `vector(0) unless c{service="a"}`} {
		var instants, points []string
		for at := range 20 {
			_, body := ask(t, transport, http.MethodGet, "/api/v1/query", url.Values{"query": {query}, "time": {unix(after(at))}})
			for _, m := range regexp.MustCompile(`"metric":(\{[^}]*\}),"value":(\[[^]]*\])`).FindAllStringSubmatch(body, -1) {
				instants = append(instants, m[1]+m[2])
			}
		}
		form := url.Values{"query": {query}, "start": {unix(epoch)}, "end": {unix(after(19))}, "step": {"15"}}
		_, body := ask(t, transport, http.MethodPost, "/api/v1/query_range", form)
		for _, m := range regexp.MustCompile(`"metric":(\{[^}]*\}),"values":\[(.*?)\]\]?\}`).FindAllStringSubmatch(body, -1) {
			for _, p := range regexp.MustCompile(`\[[^]]*"`).FindAllString(m[2], -1) {
				points = append(points, m[1]+p+"]")
			}
		}
		slices.Sort(instants)
		slices.Sort(points)
		if diff := cmp.Diff(instants, points); diff != "" || len(points) == 0 {
			t.Errorf("%s (-instants +range):\n%s", query, diff)
		}
	}
}
