package responder_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

// TestSummariesAreWrittenWithTheEntries has the real brain roll back: the summary
// that came with the newest entry is what all entries together say.
func TestSummariesAreWrittenWithTheEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		r, stop := begin(t, w.real(t, time.Minute))
		rollBack(t, r)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		stop()
		var own []incident.Entry
		var written incident.Summary
		changes := 0
		for n, e := range w.entries {
			if e.Incident != "" {
				own = append(own, e)
			}
			row := w.metas[n].Summary
			if row == nil {
				continue
			}
			changes++
			if err := json.Unmarshal(row.Document, &written); err != nil {
				t.Fatal(err)
			}
			if row.Incident != written.ID || row.Service != "checkout" || !row.Opened.Equal(written.OpenedAt) || !row.Closed.Equal(written.ClosedAt) {
				t.Errorf("with %s: the row %+v does not fit %+v", e.Kind, row, written)
			}
		}
		if len(own) == 0 || changes < 3 || changes >= len(own) {
			t.Fatalf("%d summaries with %d entries: %v", changes, len(own), w.kinds())
		}
		if diff := cmp.Diff(incident.Fold(own).Summary(), written); diff != "" {
			t.Errorf("(-entries +written):\n%s", diff)
		}
	})
}
