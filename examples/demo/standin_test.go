package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// fill gives a stand-in a minute of scrapes: 92 good and 8 bad requests a
// second, all of them in the second bucket.
func fill(s *standIn) {
	for second := range 60 {
		n := float64(second)
		s.scrapes.add(scrape{at: at(n), values: map[string]float64{
			`http_requests_total{service="shop",code="200"}`:                        92 * n,
			`http_requests_total{service="shop",code="500"}`:                        8 * n,
			`http_request_duration_seconds_bucket{service="shop",le="0.005"}`:       0,
			`http_request_duration_seconds_bucket{service="shop",le="0.01"}`:        100 * n,
			`http_request_duration_seconds_bucket{service="shop",le="+Inf"}`:        100 * n,
			`http_request_duration_seconds_count{service="shop"}`:                   100 * n,
			`http_request_duration_seconds_sum{service="shop"}`:                     0.8 * n,
			`http_requests_total_of_another_metric{service="shop",code="500",x=""}`: 1000 * n,
		}})
	}
}

func TestStandInAnswers(t *testing.T) {
	s := &standIn{}
	fill(s)
	server := httptest.NewServer(s.handler())
	defer server.Close()
	now := fmt.Sprint(at(50).Unix())
	tests := []struct {
		name, path string
		form       url.Values
		code       int
		want       string
	}{
		{
			name: "bad", path: "query", form: url.Values{"query": {badQuery}, "time": {now}}, code: 200,
			want: `{"data":{"result":[{"metric":{"service":"shop"},"value":[1800000050,"8"]}],"resultType":"vector"},"status":"success"}`,
		},
		{
			name: "total", path: "query", form: url.Values{"query": {totalQuery}, "time": {now}}, code: 200,
			want: `{"data":{"result":[{"metric":{"service":"shop"},"value":[1800000050,"100"]}],"resultType":"vector"},"status":"success"}`,
		},
		{
			name: "latency", path: "query", form: url.Values{"query": {latencyQuery}, "time": {now}}, code: 200,
			want: `{"data":{"result":[{"metric":{"service":"shop"},"value":[1800000050,"0.00995"]}],"resultType":"vector"},"status":"success"}`,
		},
		{
			name: "before the first scrape there is no series", path: "query", form: url.Values{"query": {totalQuery}, "time": {"1"}}, code: 200,
			want: `{"data":{"result":[],"resultType":"vector"},"status":"success"}`,
		},
		{
			name: "range", path: "query_range", code: 200,
			form: url.Values{"query": {badQuery}, "start": {"1800000040"}, "end": {"1800000042"}, "step": {"1"}},
			want: `{"data":{"result":[{"metric":{"service":"shop"},"values":[[1800000040,"8"],[1800000041,"8"],[1800000042,"8"]]}],"resultType":"matrix"},"status":"success"}`,
		},
		{
			name: "a query it does not know", path: "query", form: url.Values{"query": {"up"}}, code: 400,
			want: `{"error":"the demo's stand-in for Prometheus does not know the query \"up\"","errorType":"bad_data","status":"error"}`,
		},
		{
			name: "a time that is none", path: "query", form: url.Values{"query": {badQuery}, "time": {"noon"}}, code: 400,
			want: `{"error":"cannot read time=\"noon\": want Unix seconds or RFC 3339","errorType":"bad_data","status":"error"}`,
		},
		{
			name: "a step of nothing", path: "query_range", form: url.Values{"query": {badQuery}, "step": {"0"}}, code: 400,
			want: `{"error":"cannot use step \"0\": a number of seconds, at most 11000 points","errorType":"bad_data","status":"error"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, err := http.PostForm(server.URL+"/api/v1/"+tt.path, tt.form)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(string(body)); got != tt.want || response.StatusCode != tt.code {
				t.Errorf("%d %s\nwant %d %s", response.StatusCode, got, tt.code, tt.want)
			}
		})
	}
}

// The stand-in can only answer what the configuration really asks.
func TestConfigurationAsksWhatTheStandInKnows(t *testing.T) {
	for _, query := range []string{badQuery, totalQuery, latencyQuery} {
		if !strings.Contains(configuration, "'"+query+"'") {
			t.Errorf("rollbackd.toml does not ask %s", query)
		}
	}
	if got := strings.Count(configuration, "rate("); got != 3 {
		t.Errorf("rollbackd.toml asks %d queries with a rate, the stand-in knows 3", got)
	}
}
