package engine_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/engine"
)

// TestSamplesComeInOrder holds a series to time: what is late is refused, what is
// of the newest time takes its place, and what is cut can come again.
func TestSamplesComeInOrder(t *testing.T) {
	s := engine.NewStore()
	up := add(t, s, `up`, 1, 2, 3)
	if s.Series(engine.Labels{"__name__": "up"}) != up {
		t.Error("the same labels are another series")
	}
	if err := up.Append(after(1), 9); err == nil || !strings.Contains(err.Error(), "in the order of time") {
		t.Errorf("a late sample: error %v", err)
	}
	transport := engine.Transport(engine.New(engine.Options{}), s)
	now := func(at int) []string {
		_, body := ask(t, transport, http.MethodGet, "/api/v1/query", url.Values{"query": {"up"}, "time": {unix(after(at))}})
		return results(t, body)
	}
	steps := []struct {
		do   func() error
		at   int
		want []string
	}{
		{func() error { return up.Append(after(2), 4) }, 2, []string{`{"__name__":"up"} 4`}},
		{func() error { up.Cut(after(2)); return nil }, 2, []string{`{"__name__":"up"} 2`}},
		{func() error { return up.Append(after(2), 5) }, 2, []string{`{"__name__":"up"} 5`}},
		{func() error { return up.Stale(after(2)) }, 2, []string{}},
		{func() error { up.Cut(epoch); return nil }, 2, []string{}},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := now(step.at); !slices.Equal(got, step.want) {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// TestStoreIsSafe lets writers and readers at it at the same time; the race
// detector judges, and each reader sees a whole counter.
func TestStoreIsSafe(t *testing.T) {
	s := engine.NewStore()
	transport := engine.Transport(engine.New(engine.Options{}), s)
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			series := s.Series(engine.Labels{"__name__": "c", "w": fmt.Sprint(w)})
			for i := range 200 {
				if err := series.Append(after(i), 1); err != nil {
					t.Error(err)
				}
				if i%50 == 49 {
					series.Cut(after(i))
				}
			}
		})
		wg.Go(func() {
			for range 50 {
				_, body := ask(t, transport, http.MethodGet, "/api/v1/query", url.Values{"query": {"resets(c[1d]) > 0"}, "time": {unix(after(200))}})
				if got := results(t, body); len(got) > 0 {
					t.Errorf("a counter that only grows has reset: %v", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestQueriesSayWhatTheyRead(t *testing.T) {
	tests := []struct {
		query, series string
		selects, own  bool
	}{
		{`rate(a{code=~"5.."}[1m]) / ignoring (code) b`, `a{code="503"}`, true, true},
		{`rate(a{code=~"5.."}[1m]) / ignoring (code) b`, `a{code="200"}`, false, true},
		{`rate(a{code=~"5.."}[1m]) / ignoring (code) b`, `b{x="y"}`, true, true},
		{`a{code!="200"}`, `a`, true, true},
		{`{__name__=~"a.*"} offset 5m`, `abc`, true, true},
		{`a offset -5m`, `a`, true, false},
		{`max_over_time(a[5m:1m] offset -1m)`, `a`, true, false},
		{`rate(a[5m] @ 1600000000)`, `a`, true, false},
		{`a @ end()`, `a`, true, false},
		{`a[5m:] @ start()`, `a`, true, false},
		{`vector(1)`, `a`, false, true},
	}
	for _, test := range tests {
		q, err := engine.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		labels, err := engine.ParseSeries(test.series)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Selects(labels); got != test.selects {
			t.Errorf("%s selects %s: %t", test.query, test.series, got)
		}
		if got := q.OwnTime(); got != test.own {
			t.Errorf("%s goes by its own time: %t", test.query, got)
		}
	}
	if _, err := engine.ParseQuery("sum("); err == nil {
		t.Error("sum( is a query")
	}
}

func TestSeriesNames(t *testing.T) {
	want := engine.Labels{"__name__": "http_requests_total", "code": "200", "path": `a"b`}
	got, err := engine.ParseSeries(`http_requests_total{ path="a\"b", code='200', }`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for text, problem := range map[string]string{
		`a{b="1",b="2"}`: `the label "b" is there twice`, `{a="b"}`: "has no name", ``: "", `a b`: "parse error", `a{b=~"c"}`: "parse error", `a 1`: "parse error",
		`a{b="c"`: "parse error", `rate(a[1m])`: "parse error",
	} {
		if labels, err := engine.ParseSeries(text); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, error %v; want one with %q", text, labels, err, problem)
		}
	}
}

// FuzzParseSeries holds the reader of series names to this: whatever is accepted
// has a name, is one series, and selects itself in a store.
func FuzzParseSeries(f *testing.F) {
	for _, text := range []string{
		`up`, `up{a="b"}`, `{"quoted.name", a="b"}`, `a{b="1",b="2"}`, `a{b="c"`, `a{b='\xff'}`, `{__name__="x"}`, "a{b=`c`}", `é{ß="ü"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		labels, err := engine.ParseSeries(text)
		if err != nil {
			return
		}
		if labels["__name__"] == "" {
			t.Fatalf("%q was accepted without a name", text)
		}
		s := engine.NewStore()
		if s.Series(labels) != s.Series(maps.Clone(labels)) {
			t.Fatalf("%q is two series", text)
		}
		q, err := engine.ParseQuery(fmt.Sprintf(`{__name__=%q}`, labels["__name__"]))
		if err == nil && !q.Selects(labels) {
			t.Fatalf("%q does not select itself", text)
		}
	})
}
