package backtest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rollbackd/rollbackd/source/prom"
)

// patience is after how many pages in a row that failed for good nothing more is
// asked.
const patience = 5

var errSpent = errors.New("the queries that may be sent are spent")

// outage remembers which parts of the pages fail, one page after the other: to go on
// asking a server that does not answer helps nobody.
type outage struct {
	mu sync.Mutex
	// streaks are the pages in a row that failed, by part; given are the reasons why
	// a part is asked no more.
	streaks map[string]int
	given   map[string]string
	// all is why nothing is asked any more; empty while it is.
	all  string
	down int
	said map[string]bool
}

// part is what came of one part of a page that was asked for.
type part struct{ name, reason string }

func newOutage() *outage {
	return &outage{streaks: map[string]int{}, given: map[string]string{}, said: map[string]bool{}}
}

// stopped says why a part is asked no more; empty while it is.
func (o *outage) stopped(name string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all != "" {
		return o.all
	}
	return o.given[name]
}

// stop ends all asking, and tells whether that is news.
func (o *outage) stop(reason string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all != "" {
		return false
	}
	o.all = reason
	return true
}

// once tells whether a text was not said before.
func (o *outage) once(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	again := o.said[text]
	o.said[text] = true
	return !again
}

// take takes in what was asked of one page, and gives what is asked no more from
// here on: nothing of all under the empty name, else parts by name.
func (o *outage) take(parts []part) map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all != "" || len(parts) == 0 {
		return nil
	}
	failed, reason := 0, ""
	stops := map[string]string{}
	for _, p := range parts {
		if p.reason == "" || !prom.MayPass(p.reason) {
			o.streaks[p.name] = 0
			continue
		}
		failed, reason = failed+1, p.reason
		if o.streaks[p.name]++; o.streaks[p.name] >= patience {
			stops[p.name] = givenUp(p.reason)
			o.given[p.name] = stops[p.name]
		}
	}
	if failed < len(parts) {
		o.down = 0
		return stops
	}
	if o.down++; o.down < patience {
		return stops
	}
	o.all = givenUp(reason)
	return map[string]string{"": o.all}
}

func givenUp(reason string) string {
	return fmt.Sprintf("not asked for any more: %d pages in a row failed (%s)", patience, reason)
}
