package journal_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/journal"
)

func TestAfterGivesWhatFollows(t *testing.T) {
	j, _ := fresh(t)
	fill(t, j, 10)
	head, hash := j.Head()
	for _, c := range []struct {
		after uint64
		limit int
		want  []uint64
	}{
		{after: 0, limit: 3, want: []uint64{1, 2, 3}},
		{after: 7, limit: 100, want: []uint64{8, 9, 10}},
		{after: 10, limit: 100},
		{after: 4711, limit: 100},
	} {
		found, err := j.After(t.Context(), c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, one := range found {
			got = append(got, one.Seq)
			if one.Seq == head && one.Hash != hash {
				t.Errorf("entry %d has hash %s, the head says %s", one.Seq, one.Hash, hash)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("after %d, at most %d (-want +got):\n%s", c.after, c.limit, diff)
		}
	}
}

func TestAfterRefusesWhatWasAltered(t *testing.T) {
	path := sealed(t, 600) // more than Open checks
	tamper(t, path, "DROP TRIGGER entries_are_final", "UPDATE entries SET entry = x'7b7d' WHERE seq = 5")
	j, err := journal.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if found, err := j.After(t.Context(), 0, 4); err != nil || len(found) != 4 {
		t.Errorf("before the altered entry: %d entries, %v", len(found), err)
	}
	if _, err := j.After(t.Context(), 0, 10); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("with the altered entry: %v, want ErrCorrupt", err)
	}
}
