package prom_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

func TestCensus(t *testing.T) {
	of := func(pairs ...string) string {
		return strings.ReplaceAll(vector(pairs...), `"service"`, `"version"`)
	}
	tests := []struct{ name, body, want string }{
		{"counted", of("v1", "1", "v2", "3"), "v2×3 v1×1"},
		{"one series an instance", of("v1", "1", "v2", "1", "v1", "1"), "v1×2 v2×1"},
		{"level", of("v2", "2", "v1", "2"), "v1×2 v2×2"},
		{"nothing", of(), ""},
		{"counts of nothing", of("v1", "0", "v2", "NaN", "v3", "-1", "", "7"), ""},
		{"infinitely many", of("v1", "+Inf", "v2", "3"), "v1×2147483647 v2×3"},
		{"a part of one", of("v1", "6.5", "v2", "0.1"), "v1×7 v2×1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := open(t, options(always(200, tt.body))).Census(t.Context(), epoch(), "q", "version")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, say(got)); diff != "" {
				t.Errorf("census (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := open(t, options(always(500, ""))).Census(t.Context(), epoch(), "q", "version"); err == nil || !strings.Contains(err.Error(), "http_5xx") {
		t.Errorf("error %v, want one that says http_5xx", err)
	}
}

// say writes a census as "v1×4 v2×1".
func say(census []incident.VersionCount) string {
	var words []string
	for _, c := range census {
		words = append(words, fmt.Sprintf("%s×%d", c.Version, c.Units))
	}
	return strings.Join(words, " ")
}
