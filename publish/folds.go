package publish

import (
	"bytes"
	"context"

	"github.com/rollbackd/rollbackd/incident"
)

// maxFolds is how many incidents are remembered between two of their entries.
const maxFolds = 32

// folds are the entries so far of the incidents that were published last, so that
// each entry goes out with its incident as it was then, and not as it is now.
type folds struct {
	journal Journal
	known   map[string]folded
}

// folded are an incident's entries up to one of them.
type folded struct {
	seq     uint64
	entries []incident.Entry
}

func newFolds(j Journal) *folds { return &folds{journal: j, known: map[string]folded{}} }

// after is the incident that an entry is about, as the entry left it; nil for an
// entry that is about none. raw is the entry as the journal has it. Entries are
// to be given in order; one that is given again changes nothing.
func (fs *folds) after(ctx context.Context, f fact, raw []byte) (*incident.Incident, error) {
	if f.Incident == "" {
		return nil, nil //nolint:nilnil // an entry of a service alone is as good as any
	}
	so, ok := fs.known[f.Incident]
	switch {
	case !ok:
		var err error
		if so.entries, err = fs.upTo(ctx, f.Incident, raw); err != nil {
			return nil, err
		}
	case so.seq < f.seq:
		so.entries = append(so.entries, f.Entry)
	}
	so.seq = f.seq
	if len(fs.known) >= maxFolds && !ok {
		clear(fs.known)
	}
	fs.known[f.Incident] = so
	return incident.Fold(so.entries), nil
}

// upTo reads an incident's entries up to the one that reads like raw. No two do:
// each has its time to the nanosecond.
func (fs *folds) upTo(ctx context.Context, id string, raw []byte) ([]incident.Entry, error) {
	all, err := fs.journal.Entries(ctx, id)
	if err != nil {
		return nil, err
	}
	var entries []incident.Entry
	for _, one := range all {
		e, err := decode(one)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		if bytes.Equal(one, raw) {
			break
		}
	}
	return entries, nil
}
