package page

import (
	"testing"

	"github.com/rollbackd/rollbackd/incident"
)

// A value that is well is not said to be beyond its threshold.
func TestLimitOf(t *testing.T) {
	for _, tt := range []struct{ truth, threshold, want string }{
		{"breach", "> 1%", "> 1%"},
		{"ok", "> 1%", "limit > 1%"},
		{"unknown", "> 1%", "limit > 1%"},
		{"ok", "", ""},
	} {
		if got := limitOf(incident.TriggerView{Truth: tt.truth, Threshold: tt.threshold}); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.truth, tt.threshold, got, tt.want)
		}
	}
}
