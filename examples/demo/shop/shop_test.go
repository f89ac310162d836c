package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func get(t *testing.T, handler http.Handler, path string) (int, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder.Code, recorder.Body.String()
}

func TestShopFailsItsShareAndCountsIt(t *testing.T) {
	shop := newShop(release{Version: "v2", FailShare: 0.08})
	failed := 0
	for range 100 {
		code, body := get(t, shop, "/")
		switch code {
		case http.StatusOK:
			if body != "v2\n" {
				t.Fatalf("body = %q", body)
			}
		case http.StatusInternalServerError:
			failed++
		default:
			t.Fatalf("status %d", code)
		}
	}
	if failed != 8 {
		t.Errorf("%d of 100 requests failed, want 8", failed)
	}
	_, metrics := get(t, shop, "/metrics")
	for _, line := range []string{
		`http_requests_total{service="shop",code="200"} 92`,
		`http_requests_total{service="shop",code="500"} 8`,
		`http_request_duration_seconds_bucket{service="shop",le="+Inf"} 100`,
		`http_request_duration_seconds_count{service="shop"} 100`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("metrics lack %s:\n%s", line, metrics)
		}
	}
}

func TestShopThatNeverFailedHasNoErrorSeries(t *testing.T) {
	shop := newShop(release{Version: "v1"})
	if code, body := get(t, shop, "/"); code != http.StatusOK || body != "v1\n" {
		t.Errorf("answer = %d %q", code, body)
	}
	if _, metrics := get(t, shop, "/metrics"); strings.Contains(metrics, `code="500"`) {
		t.Errorf("there is an error series before the first error:\n%s", metrics)
	}
	if code, body := get(t, shop, "/-/ready"); code != http.StatusOK || body != "v1\n" {
		t.Errorf("ready = %d %q", code, body)
	}
}

func TestReadRelease(t *testing.T) {
	tests := []struct {
		name, text string
		want       release
		bad        bool
	}{
		{name: "good", text: `{"version":"v1","fail_share":0.5}`, want: release{"v1", 0.5}},
		{name: "no version", text: `{"fail_share":0.5}`, bad: true},
		{name: "more than all", text: `{"version":"v1","fail_share":1.5}`, bad: true},
		{name: "not JSON", text: `v1`, bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "release.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readRelease(path)
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("readRelease = %v, %v; want %v, error: %v", got, err, tt.want, tt.bad)
			}
		})
	}
}
