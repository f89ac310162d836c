package daemon

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestTheHeadIsShownAsTwoNumbers(t *testing.T) {
	for _, tt := range []struct {
		seq        uint64
		hash, want string
	}{
		{412, "00fffffffffe" + strings.Repeat("a", 52), "1.099511627774e+12"},
		{7, "fffffffffffe" + strings.Repeat("a", 52), "2.81474976710654e+14"},
		{0, "", "0"},
	} {
		m := newHeadMetrics(func() (uint64, string) { return tt.seq, tt.hash })
		if got := testutil.CollectAndCount(m); got != 2 {
			t.Errorf("%d metrics, want 2", got)
		}
		err := testutil.CollectAndCompare(m, strings.NewReader(`# HELP rollbackd_journal_head_hash The first 48 bits of the newest journal entry's hash, as a number: 12 hexadecimal digits of it.
# TYPE rollbackd_journal_head_hash gauge
rollbackd_journal_head_hash `+tt.want+"\n"), "rollbackd_journal_head_hash")
		if err != nil {
			t.Error(err)
		}
	}
}
