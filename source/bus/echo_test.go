package bus

import (
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
)

type sinkhole struct{}

func (sinkhole) Submit(incident.Input) {}

// TestWhatGoesOutIsNeverTakenIn refuses every mapped subject that could match
// events of ours, and no other.
func TestWhatGoesOutIsNeverTakenIn(t *testing.T) {
	for subject, refused := range map[string]bool{
		"rollbackd.v1.event.*.closed": true, "rollbackd.v1.event.*.*": true, "*.*.*.*.*": true, "rollbackd.*.*.*.closed": true,
		"rollbackd.v1.journal.*":      true,
		"rollbackd.v2.event.*.closed": false, "health.*.*": false, "rollbackd.v1.deadletter.*": false, "*.*.signals.*": false, "rollbackd.v1.event.*": false,
	} {
		m := Map{Subject: subject, Kind: kindSignal}
		for range strings.Count(subject, "*") {
			m.Tokens = append(m.Tokens, "")
		}
		_, err := New(Options{URL: "nats://127.0.0.1:4222", Sink: sinkhole{}, Maps: []Map{m}})
		if (err != nil) != refused {
			t.Errorf("%s: %v, want it refused: %t", subject, err, refused)
		}
	}
}
