package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

func nan() float64 { return math.NaN() }

// TestAnswersAreThoseOfPrometheus shows the bytes: of each kind of result and of
// each kind of refusal.
func TestAnswersAreThoseOfPrometheus(t *testing.T) {
	s := engine.NewStore()
	add(t, s, `up{path="C:\\a \"b\""}`, 1, 0.0000001, 1e30)
	add(t, s, `down`, 0, 0, 0)
	at := func(form url.Values) url.Values { form.Set("time", "1767607200.5"); return form }
	span := func(form url.Values) url.Values {
		for key, value := range map[string]string{"start": "1767607200", "end": "2026-01-05T10:00:30Z", "step": "15s"} {
			if !form.Has(key) {
				form.Set(key, value)
			}
		}
		return form
	}
	tests := []struct {
		name, path string
		form       url.Values
		status     int
		body       string
	}{
		{
			"vector", "query", at(url.Values{"query": {"up"}}), 200,
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","path":"C:\\a \"b\""},"value":[1767607200.500,"1"]}]}}`,
		},
		{"nothing", "query", at(url.Values{"query": {"nothing"}}), 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"scalar", "query", at(url.Values{"query": {"-1/0"}}), 200, `{"status":"success","data":{"resultType":"scalar","result":[1767607200.500,"-Inf"]}}`},
		{"string", "query", at(url.Values{"query": {`"a"`}}), 200, `{"status":"success","data":{"resultType":"string","result":[1767607200.500,"a"]}}`},
		{
			"range vector", "query", at(url.Values{"query": {`down[5s]`}}), 200,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"down"},"values":[[1767607200,"0"]]}]}}`,
		},
		{
			"matrix", "query_range", span(url.Values{"query": {"up"}}), 200,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","path":"C:\\a \"b\""},"values":[[1767607200,"1"],[1767607215,"1e-07"],[1767607230,"1e+30"]]}]}}`,
		},
		{"limit", "query", at(url.Values{"query": {`{__name__=~".+"} * 0`}, "limit": {"1"}}), 200, `"warnings":["results truncated due to limit"]}`},
		{"info", "query", at(url.Values{"query": {"rate(down[1m] offset -30s)"}}), 200, `"infos":["PromQL info: metric might not be a counter`},
		{
			"syntax", "query", at(url.Values{"query": {"sum("}}), 400,
			`{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}`,
		},
		{"no time", "query", url.Values{"query": {"up"}}, 400, `"error":"invalid parameter \"time\": cannot parse \"\" to a valid timestamp"}`},
		{"limit that is none", "query", at(url.Values{"query": {"up"}, "limit": {"-1"}}), 400, `invalid parameter \"limit\": limit must be non-negative`},
		{"timeout that is none", "query", at(url.Values{"query": {"up"}, "timeout": {"7.5s"}}), 400, `invalid parameter \"timeout\": cannot parse \"7.5s\" to a valid duration`},
		{"lookback that is none", "query", at(url.Values{"query": {"up"}, "lookback_delta": {"x"}}), 400, `error parsing lookback delta duration`},
		{
			"many to many", "query", at(url.Values{"query": {`up + on () {__name__=~"up|down"}`}}), 422,
			`{"status":"error","errorType":"execution","error":"found duplicate series for the match group {} on the right hand-side`,
		},
		{"range of a range", "query_range", span(url.Values{"query": {"up[1m]"}}), 400, `invalid expression type \"range vector\" for range query`},
		{"no step", "query_range", span(url.Values{"query": {"up"}, "step": {"0"}}), 400, `invalid parameter \"step\": zero or negative`},
		{"backwards", "query_range", span(url.Values{"query": {"up"}, "end": {"1"}}), 400, `invalid parameter \"end\": end timestamp must not be before start time`},
		{"too many points", "query_range", span(url.Values{"query": {"up"}, "end": {"1767618201"}, "step": {"1"}}), 400, `exceeded maximum resolution of 11,000 points`},
		{"too long", "query_range", span(url.Values{"query": {"up"}, "step": {"1e300"}}), 400, `It overflows int64`},
		{"another page", "labels", url.Values{}, 404, `404 page not found`},
	}
	transport := engine.Transport(engine.New(engine.Options{}), s)
	for _, test := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(test.name+" "+method, func(t *testing.T) {
				status, body := ask(t, transport, method, "/api/v1/"+test.path, test.form)
				if status != test.status || !strings.Contains(body, test.body) || strings.HasPrefix(test.body, "{") && !strings.HasPrefix(body, test.body) {
					t.Errorf("%d %s\nwant %d %s", status, body, test.status, test.body)
				}
			})
		}
	}
}

func TestOnlyGetAndPost(t *testing.T) {
	transport := engine.Transport(engine.New(engine.Options{}), engine.NewStore())
	if status, _ := ask(t, transport, http.MethodDelete, "/api/v1/query", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("status %d, want %d", status, http.StatusMethodNotAllowed)
	}
}

// TestSourceReadsTheRefusals is the way that matters: what a metric is when the
// engine refuses, in the words of source/prom.
func TestSourceReadsTheRefusals(t *testing.T) {
	s := engine.NewStore()
	add(t, s, `requests{service="checkout",code="200"}`, counting(0, 1425, 9)...)
	add(t, s, `requests{service="checkout",code="500"}`, counting(0, 75, 9)...)
	add(t, s, `requests{service="idle",code="200"}`, counting(5, 0, 9)...)
	add(t, s, `twice{service="checkout",pod="a"}`, 1)
	add(t, s, `twice{service="checkout",pod="b"}`, 1)
	o := prom.Options{Services: []prom.Service{{Name: "idle"}, {Name: "absent"}}}
	total := `sum by (service) (rate(requests[1m]))`
	for name, m := range map[string]prom.Metric{
		"ratio":       {Bad: `sum by (service) (rate(requests{code="500"}[1m]))`, Total: total},
		"syntax":      {Query: `sum(`},
		"one_to_many": {Query: `requests * on (service) requests`},
		"too_many":    {Query: `sum by (service) (sum_over_time(requests[2m]))`},
		"range":       {Query: `requests[20s]`},
		"unlabelled":  {Query: `sum(rate(requests[1m]))`},
		"duplicate":   {Query: `twice`},
		"mine":        {Query: `sum(rate(requests{service="${service}"}[1m]))`},
	} {
		m.Name = name
		o.Metrics = append(o.Metrics, m)
	}
	src := source(t, engine.New(engine.Options{MaxSamples: 8}), s, o)
	read := func(metric, service string) string {
		r := src.Read(t.Context(), after(8), []string{metric}, "")[metric].Reading(service)
		if r.Presence == trigger.Known {
			return fmt.Sprintf("%.6g", r.Value)
		}
		return r.Presence.String() + " " + r.Reason
	}
	got := map[string]string{}
	for _, q := range []string{
		"ratio checkout", "ratio idle", "ratio absent", "syntax checkout", "one_to_many checkout", "too_many checkout", "range checkout",
		"unlabelled checkout", "duplicate checkout", "mine idle",
	} {
		metric, service, _ := strings.Cut(q, " ")
		got[q] = read(metric, service)
	}
	want := map[string]string{
		"ratio checkout": "0.05", "ratio idle": "unknown no_traffic", "ratio absent": "missing no series", "syntax checkout": "unknown bad_data",
		"one_to_many checkout": "unknown execution", "too_many checkout": "unknown execution", "range checkout": "unknown wrong_type",
		"unlabelled checkout": "unknown no_label", "duplicate checkout": "unknown duplicate_series", "mine idle": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

// TestNobodyWaits ends a request whose context ended as a network would.
func TestNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://store/api/v1/query?query=up&time=1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := engine.Transport(engine.New(engine.Options{}), engine.NewStore()).RoundTrip(r)
	if resp != nil {
		resp.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
