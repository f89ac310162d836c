package scenario

import (
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// PlayKilled plays a case in which the daemon is killed right after its journal
// has that many entries, and starts again after down.
func (f *File) PlayKilled(c *Case, after int, down time.Duration) Verdict {
	w := newWorld(c)
	w.killAfter, w.killDown = after, down
	w.play()
	return f.verdict(w)
}

// PlayBroken plays a case and, at 30s, lets something be asked of the world that
// no brain should ask.
func (f *File) PlayBroken(c *Case, do func(incident.Carrier)) Verdict {
	w := newWorld(c)
	w.queue.push(30*time.Second, rankEvent, func() { do(w) })
	w.play()
	return f.verdict(w)
}

// PlayForgetful plays a case in which the journal loses its last line at 30s.
func (f *File) PlayForgetful(c *Case) Verdict {
	w := newWorld(c)
	w.queue.push(30*time.Second, rankEvent, func() { w.journal.lines = w.journal.lines[:len(w.journal.lines)-1] })
	w.play()
	return f.verdict(w)
}

// PlayRestless plays a case in which, from 30s on, each thing that happens makes
// another happen at the same time.
func (f *File) PlayRestless(c *Case) Verdict {
	w := newWorld(c)
	var again func()
	again = func() { w.queue.push(w.now, rankEffect, again) }
	w.queue.push(30*time.Second, rankEvent, again)
	w.play()
	return f.verdict(w)
}

// SeriesAt are the first n samples of a series; the second slice tells which
// are there.
func SeriesAt(text string, n int) ([]float64, []bool, error) {
	s, err := parseSeries(text, time.Second)
	if err != nil {
		return nil, nil, err
	}
	values, there := make([]float64, n), make([]bool, n)
	for i := range n {
		sample := s.at(time.Duration(i) * time.Second)
		values[i], there[i] = sample.value, sample.kind == present
	}
	return values, there, nil
}

// SeriesLength is how many samples a series has.
func SeriesLength(text string) (int, error) {
	s, err := parseSeries(text, time.Second)
	return int(s.length() / time.Second), err
}

// LinesOf is the line of each path of a file.
func LinesOf(text string) map[string]int { return scanLines(text) }

// PathOf is the path of a key given part by part.
func PathOf(keys ...string) string {
	path := ""
	for _, key := range keys {
		path = keyPath(path, key)
	}
	return path
}
