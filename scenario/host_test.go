package scenario_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// TestTheGridIsThatOfTheWallClock sets the wall clock and looks at when the
// incident is opened: at a tick, which is a multiple of the poll interval of the
// clock as it then is, and not before the window is full.
func TestTheGridIsThatOfTheWallClock(t *testing.T) {
	for _, by := range []string{"7s", "-7s", "3s", "-3s"} {
		t.Run(by, func(t *testing.T) {
			f := parse(t, fmt.Sprintf(`
[[case]]
name   = "the clock is set"
until  = "12m"
values = { "error_rate checkout" = "0.001x3 0.05x90" }
events = [
  { at = "0s", deployed = { service = "checkout", version = "v2", previous = "v1" } },
  { at = "30s", clock = { by = %q } },
]
expect = [{ end = true, rollbacks = 1 }]
`, by))
			v := f.Play(f.Cases[0])
			if len(v.Failures) > 0 {
				t.Fatal(v.Failures)
			}
			opened := entryOf(t, v.Journal, incident.KindOpened)
			if at := opened.At.Truncate(15 * time.Second); !at.Equal(opened.At) {
				t.Errorf("opened at %s, which is no tick", opened.At.Format(time.TimeOnly))
			}
			// At least two minutes of breach, at most two and two ticks, by any clock.
			since := opened.Opened.Triggers[0].Since
			if held := opened.At.Sub(since); held < 2*time.Minute || held > 2*time.Minute+30*time.Second {
				t.Errorf("opened %s after the onset, want two minutes", held)
			}
		})
	}
}

// entryOf is the first entry of a kind.
func entryOf(t *testing.T, journal [][]byte, kind incident.Kind) incident.Entry {
	t.Helper()
	for _, line := range journal {
		var e incident.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("no entry of kind %s", kind)
	return incident.Entry{}
}
