package journal

import "context"

// Numbered is an entry with its place in the chain.
type Numbered struct {
	Seq   uint64
	Hash  string
	Entry []byte
}

// After returns the entries that follow a number, in order and at most limit of
// them; none where it is the newest. Each is checked against its hash, not
// against the one before it. Nothing is held once it has returned: whoever is
// slow with the entries holds up no checkpoint of the file.
func (j *Journal) After(ctx context.Context, seq uint64, limit int) ([]Numbered, error) {
	rows, err := j.read.QueryContext(ctx, j.selecting("WHERE seq > ? ORDER BY seq LIMIT ?"), seq, limit)
	if err != nil {
		return nil, j.explain(err, seq+1)
	}
	defer discard(rows)
	var found []Numbered
	for rows.Next() {
		var r row
		if err := r.scan(rows); err != nil {
			return nil, j.unreadable(err, seq+1)
		}
		if problem := r.altered(); problem != "" {
			return nil, &CorruptError{Path: j.path, Seq: r.seq, Problem: problem}
		}
		found = append(found, Numbered{Seq: r.seq, Hash: r.hash, Entry: r.whole()})
	}
	return found, j.explain(rows.Err(), seq+1)
}
