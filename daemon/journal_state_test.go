package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
)

func TestSinces(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	var s sinces
	s.replayed(incident.Entry{Kind: incident.KindDiskLow, At: at})
	s.replayed(incident.Entry{Kind: incident.KindDeployment, At: at.Add(time.Minute)})
	type pair struct{ low, failing time.Time }
	var got []pair
	for i, now := range []struct{ low, failing bool }{{true, false}, {true, true}, {true, true}, {false, false}, {true, false}} {
		low, failing := s.seen(at.Add(time.Duration(i+1)*time.Hour), now.low, now.failing)
		got = append(got, pair{low, failing})
	}
	want := []pair{
		{low: at}, {at, at.Add(2 * time.Hour)}, {at, at.Add(2 * time.Hour)}, {}, {low: at.Add(5 * time.Hour)},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.replayed(incident.Entry{Kind: incident.KindDiskOK, At: at})
	if low, _ := s.seen(at, true, false); !low.Equal(at) {
		t.Errorf("low since %v after there was room: want now", low)
	}
}
