package version_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/version"
)

// Next must tell of a history what a Watcher tells of the same answers live.
func TestNextTellsWhatAWatcherTells(t *testing.T) {
	for _, answers := range [][]string{
		{"v1×4", "v1×4", "v1×3 v2×1", "v1×2 v2×2", "v1×2 v2×2", "v2×3 v1×1", "v1×2 v2×2", "v2×4"},
		{"v1×2 v2×2", "", "v2×1"},
		{"v1×4", "v2×2 v3×2 v1×1", "-rf×3", "v3×3"},
	} {
		live := census(t, answers...)
		var last incident.VersionSeen
		var told []string
		for i, answer := range answers {
			a := &asker{labels: map[string]bool{}, answers: map[string][]string{"q": {answer}}}
			found, err := a.Census(t.Context(), time.Time{}, "q", "")
			if err != nil {
				t.Fatal(err)
			}
			seen, news, err := version.Next(last, "s", time.Unix(int64(i), 0), found)
			if err == nil && news {
				told = append(told, say(seen.Census))
				last = seen
			}
		}
		if diff := cmp.Diff(live.censuses, told); diff != "" {
			t.Errorf("%s (-watcher +next):\n%s", strings.Join(answers, ", "), diff)
		}
	}
}
