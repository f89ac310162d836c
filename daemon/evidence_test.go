package daemon

import (
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/notify"
)

// What a mail shows is drawn from the message alone, which may have waited over a restart.
func TestTheEvidenceOfAMessageIsDrawn(t *testing.T) {
	for _, m := range notify.Samples() {
		svg, drawn := drawEvidence(m)
		if about := m.Incident != ""; drawn != about {
			t.Errorf("%s: drawn %v, want %v", m.Event, drawn, about)
		}
		if drawn && (!strings.Contains(string(svg), "<svg") || !strings.Contains(string(svg), "checkout: errors")) {
			t.Errorf("%s: %s", m.Event, svg)
		}
	}
	if _, drawn := drawEvidence(notify.Message{Body: []byte(`{"triggers": 1}`)}); drawn {
		t.Error("drawn from nothing")
	}
}
