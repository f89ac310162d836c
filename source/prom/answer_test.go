package prom_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

func missing() trigger.Reading {
	return trigger.Reading{Presence: trigger.Missing, Reason: "no series"}
}

func TestAnswers(t *testing.T) {
	unknown := trigger.UnknownBecause
	tests := []struct {
		name   string
		status int
		body   string
		want   trigger.Reading
	}{
		{"a value", 200, vector("checkout", "0.25", "other", "7"), trigger.KnownValue(0.25)},
		{"zero is a value", 200, vector("checkout", "0"), trigger.KnownValue(0)},
		{"another service only", 200, vector("other", "1"), missing()},
		{"nothing", 200, vector(), missing()},
		{"nan", 200, vector("checkout", "NaN"), unknown("nan")},
		{"positive infinity", 200, vector("checkout", "+Inf"), unknown("infinite")},
		{"negative infinity", 200, vector("checkout", "-Inf"), unknown("infinite")},
		{"outside its unit", 200, vector("checkout", "3"), unknown("unit_mismatch")},
		{"two series", 200, vector("checkout", "0.1", "checkout", "0.2"), unknown("duplicate_series")},
		{"two series of another", 200, vector("cart", "0.1", "cart", "0.2", "checkout", "0.3"), trigger.KnownValue(0.3)},
		{"no label", 200, success("vector", `[{"metric":{},"value":[1,"0.5"]}]`), unknown("no_label")},
		{"label on some", 200, success("vector", `[{"metric":{},"value":[1,"1"]},{"metric":{"service":"checkout"},"value":[1,"0.5"]}]`), trigger.KnownValue(0.5)},
		{"scalar", 200, success("scalar", `[1,"0.5"]`), unknown("wrong_type")},
		{"string", 200, success("string", `[1,"0.5"]`), unknown("wrong_type")},
		{"matrix", 200, success("matrix", `[{"metric":{"service":"checkout"},"values":[[1,"0.5"]]}]`), unknown("wrong_type")},
		{"histogram", 200, success("vector", `[{"metric":{"service":"checkout"},"histogram":[1,{"count":"1","sum":"2","buckets":[]}]}]`), unknown("wrong_type")},
		{"a type of the future", 200, success("tensor", `[]`), unknown("wrong_type")},
		{"no value", 200, success("vector", `[{"metric":{"service":"checkout"}}]`), unknown("decode")},
		{"value is null", 200, success("vector", `[{"metric":{"service":"checkout"},"value":null}]`), unknown("decode")},
		{"value is a time alone", 200, success("vector", `[{"metric":{"service":"checkout"},"value":[1]}]`), unknown("decode")},
		{"value is not quoted", 200, success("vector", `[{"metric":{"service":"checkout"},"value":[1,5]}]`), unknown("decode")},
		{"a null among the series", 200, success("vector", `[null]`), unknown("decode")},
		{"numbers for series", 200, success("vector", `[1,2]`), unknown("decode")},
		{"value is no number", 200, vector("checkout", "lots"), unknown("decode")},
		{"fields in another order", 200, `{"data":{"result":[{"value":[1,"0.5"],"metric":{"service":"checkout"}}],"stats":{"a":[1]},"resultType":"vector"},"extra":{"x":[1,{"y":2}]},"status":"success"}`, trigger.KnownValue(0.5)},
		{"white space", 200, " {\n \"status\" : \"success\" , \"data\" : {\"resultType\":\"vector\", \"result\":[ {\"metric\": {\"service\":\"checkout\"} , \"value\":[1 , \"0.5\"]} ]}}\n", trigger.KnownValue(0.5)},
		{"truncated", 200, strings.TrimSuffix(vector("checkout", "0.5"), "]}}"), unknown("decode")},
		{"cut inside a series", 200, vector("checkout", "0.5")[:70], unknown("decode")},
		{"empty body", 200, "", unknown("decode")},
		{"html", 200, "<html>welcome</html>", unknown("decode")},
		{"data is null", 200, `{"status":"success","data":null}`, unknown("decode")},
		{"an error with status 200", 200, `{"status":"error","errorType":"execution","error":"boom","data":{}}`, unknown("decode")},
		{"parse error", 400, `{"status":"error","errorType":"bad_data","error":"parse error"}`, unknown("bad_data")},
		{"execution error", 422, `{"status":"error","errorType":"execution","error":"many-to-many"}`, unknown("execution")},
		{"not found", 404, "404 page not found", unknown("http_4xx")},
		{"unauthorized", 401, "", unknown("http_4xx")},
		{"bad request without json", 400, "nope", unknown("http_4xx")},
		{"internal error", 500, "oops", unknown("http_5xx")},
		{"bad gateway", 502, "<html>", unknown("http_5xx")},
		{"its own timeout", 503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, unknown("timeout")},
		{"overloaded", 503, "busy", unknown("http_5xx")},
		{"nobody there", 0, "connection refused", unknown("connection")},
		{"partial", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service":"checkout"},"value":[1,"0.5"]}]},"warnings":["fetching series: store down"]}`, unknown("partial")},
		{"a PromQL warning", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service":"checkout"},"value":[1,"0.5"]}]},"warnings":["PromQL warning: mixed"]}`, trigger.KnownValue(0.5)},
		{"an info", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"service":"checkout"},"value":[1,"0.5"]}]},"infos":["PromQL info: not a counter"]}`, trigger.KnownValue(0.5)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reading(t, options(always(tt.status, tt.body), prom.Metric{Name: "errors", Query: "q", Unit: trigger.Ratio}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartialMayBeAccepted(t *testing.T) {
	body := strings.TrimSuffix(vector("checkout", "0.5"), "}") + `,"warnings":["store down"]}`
	opt := options(always(200, body), prom.Metric{Name: "m", Query: "q"})
	opt.AcceptPartial = true
	if diff := cmp.Diff(trigger.KnownValue(0.5), reading(t, opt)); diff != "" {
		t.Errorf("reading (-want +got):\n%s", diff)
	}
}

func TestSlowIsUnknown(t *testing.T) {
	slow := &server{reply: func(ctx context.Context, _ asked) (int, string) {
		<-ctx.Done()
		return 200, vector("checkout", "1")
	}}
	opt := options(slow, prom.Metric{Name: "m", Query: "q"})
	opt.Timeout = 20 * time.Millisecond
	if diff := cmp.Diff(trigger.UnknownBecause("timeout"), reading(t, opt)); diff != "" {
		t.Errorf("reading (-want +got):\n%s", diff)
	}
}

func TestBadAndTotal(t *testing.T) {
	with := func(r trigger.Reading, total float64) trigger.Reading {
		r.Total, r.HasTotal = total, true
		return r
	}
	tests := []struct {
		name       string
		bad, total string
		unit       trigger.Unit
		want       trigger.Reading
	}{
		{"a ratio", vector("checkout", "2"), vector("checkout", "8"), "", with(trigger.KnownValue(0.25), 8)},
		{"a percentage", vector("checkout", "2"), vector("checkout", "8"), trigger.Percent, with(trigger.KnownValue(25), 8)},
		{"no failures yet", vector(), vector("checkout", "8"), "", with(trigger.KnownValue(0), 8)},
		{"no total", vector("checkout", "2"), vector(), "", missing()},
		{"neither", vector(), vector(), "", missing()},
		{"no traffic", vector("checkout", "0"), vector("checkout", "0"), "", with(trigger.UnknownBecause("no_traffic"), 0)},
		{"failures of nothing", vector("checkout", "1"), vector("checkout", "0"), "", with(trigger.UnknownBecause("infinite"), 0)},
		{"more bad than all", vector("checkout", "9"), vector("checkout", "8"), "", with(trigger.UnknownBecause("unit_mismatch"), 8)},
		{"bad is nan", vector("checkout", "NaN"), vector("checkout", "8"), "", with(trigger.UnknownBecause("nan"), 8)},
		{"total is nan", vector("checkout", "1"), vector("checkout", "NaN"), "", trigger.UnknownBecause("nan")},
		{"total below zero", vector("checkout", "1"), vector("checkout", "-4"), "", trigger.UnknownBecause("unit_mismatch")},
		{"two totals", vector("checkout", "1"), vector("checkout", "4", "checkout", "5"), "", trigger.UnknownBecause("duplicate_series")},
		{"two bads", vector("checkout", "1", "checkout", "1"), vector("checkout", "4"), "", trigger.UnknownBecause("duplicate_series")},
		{"total cannot be read", vector("checkout", "1"), "oops", "", trigger.UnknownBecause("decode")},
		{"bad cannot be read", "oops", vector("checkout", "1"), "", trigger.UnknownBecause("decode")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := byQuery(map[string]string{"bad": tt.bad, "all": tt.total})
			got := reading(t, options(srv, prom.Metric{Name: "m", Bad: "bad", Total: "all", Unit: tt.unit}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFreshness(t *testing.T) {
	at := func(age time.Duration) string {
		return vector("checkout", trimFloat(epoch().Add(-age)))
	}
	tests := []struct {
		name, value, fresh string
		want               trigger.Reading
	}{
		{"fresh", vector("checkout", "1"), at(time.Second), trigger.KnownValue(1)},
		{"just in time", vector("checkout", "1"), at(45 * time.Second), trigger.KnownValue(1)},
		{"stale", vector("checkout", "1"), at(46 * time.Second), trigger.UnknownBecause("stale")},
		{"no newest sample", vector("checkout", "1"), vector(), trigger.UnknownBecause("stale")},
		{"its time is nan", vector("checkout", "1"), vector("checkout", "NaN"), trigger.UnknownBecause("nan")},
		{"missing stays missing", vector(), vector(), missing()},
		{"cannot be asked", vector("checkout", "1"), "oops", trigger.UnknownBecause("decode")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := byQuery(map[string]string{"value": tt.value, "fresh": tt.fresh})
			got := reading(t, options(srv, prom.Metric{Name: "m", Query: "value", Fresh: "fresh"}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMetricAskedOnceAService(t *testing.T) {
	srv := byQuery(map[string]string{
		`up{service="co"} > 5`:   success("vector", `[{"metric":{},"value":[1,"7"]}]`),
		`up{service="cart"} > 9`: success("vector", `[{"metric":{},"value":[1,"1"]},{"metric":{"a":"b"},"value":[1,"2"]}]`),
		`up{service="s"} > 1`:    success("scalar", `[1,"3"]`),
	})
	opt := options(srv, prom.Metric{Name: "m", Query: `up{service="${service}"} > ${vars.limit}`})
	opt.Services = []prom.Service{
		{Name: "checkout", Match: "co", Vars: map[string]string{"limit": "5"}},
		{Name: "cart", Vars: map[string]string{"limit": "9"}},
		{Name: "s", Vars: map[string]string{"limit": "1"}},
		{Name: "broken", Vars: map[string]string{"limit": "2"}},
	}
	s := open(t, opt)
	want := map[string]trigger.Reading{
		"checkout": trigger.KnownValue(7), "cart": trigger.UnknownBecause("duplicate_series"),
		"s": trigger.KnownValue(3), "broken": trigger.UnknownBecause("bad_data"),
	}
	for service, reading := range want {
		got := s.Read(t.Context(), epoch(), []string{"m"}, service)["m"]
		if diff := cmp.Diff(reading, got.Reading(service)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
	// A read for one service asks nothing of the others, and does not claim that
	// they are missing.
	answer := s.Read(t.Context(), epoch(), []string{"m"}, "checkout")["m"]
	if diff := cmp.Diff(trigger.UnknownBecause("not_asked"), answer.Reading("cart")); diff != "" {
		t.Errorf("cart (-want +got):\n%s", diff)
	}
	if got := len(srv.requests()); got != 5 {
		t.Errorf("%d requests, want 5", got)
	}
}

func TestReadOfAnUnknownMetric(t *testing.T) {
	answers := open(t, options(always(200, vector()))).Read(t.Context(), epoch(), []string{"nope"}, "checkout")
	if diff := cmp.Diff(map[string]trigger.Answer{"nope": {Err: "unknown_metric"}}, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
