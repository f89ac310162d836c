package prom

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// Every timeout that is sent can be read by Prometheus, the default of half a
// poll of 15 s among them.
func TestTimeoutsArePrometheusDurations(t *testing.T) {
	for _, d := range []time.Duration{
		7500 * time.Millisecond, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond, 90 * time.Second, time.Hour + 90*time.Second,
		30 * time.Second, 1234567 * time.Nanosecond, 10 * time.Nanosecond,
	} {
		sent := readable(d)
		if _, err := model.ParseDuration(sent.String()); err != nil {
			t.Errorf("%v is sent as %q: %v", d, sent, err)
		}
		if sent > d && sent != time.Millisecond {
			t.Errorf("%v became longer: %v", d, sent)
		}
	}
}
