package engine

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// Labels are the labels of a series; its name is the label __name__.
type Labels map[string]string

// Store holds series and their samples. It is safe for concurrent use: a query
// sees each series as it was when the query selected it.
type Store struct {
	mu sync.RWMutex
	// series in the order of their making, and those of each name.
	series []*Series
	named  map[string][]*Series
	known  map[string]*Series // by the labels as Prometheus writes them
}

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{named: map[string][]*Series{}, known: map[string]*Series{}}
}

// Series is one series of a store.
type Series struct {
	store   *Store
	of      Labels
	labels  labels.Labels // the same, as Prometheus has them
	samples []sample
}

// sample is a value at a time in milliseconds since the Unix epoch.
type sample struct {
	at    int64
	value float64
}

// Series is the series with these labels, made if it is not there yet. A series
// without samples is in no answer.
func (s *Store) Series(of Labels) *Series {
	ls := labels.FromMap(of)
	key := ls.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, there := s.known[key]; there {
		return known
	}
	made := &Series{store: s, of: maps.Clone(of), labels: ls}
	s.series = append(s.series, made)
	name := ls.Get(model.MetricNameLabel)
	s.named[name] = append(s.named[name], made)
	s.known[key] = made
	return made
}

// Append adds a sample. One at the time of the newest takes its place; one from
// before it is refused. Times are kept to the millisecond.
func (s *Series) Append(t time.Time, v float64) error {
	if math.IsNaN(v) {
		v = math.Float64frombits(value.NormalNaN) // never taken for the marker
	}
	return s.append(t, v)
}

// Stale marks the series as ended, as Prometheus does when a target is gone: it is
// in no answer from t on, until a sample comes again.
func (s *Series) Stale(t time.Time) error {
	return s.append(t, math.Float64frombits(value.StaleNaN))
}

func (s *Series) append(t time.Time, v float64) error {
	at := t.UnixMilli()
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if n := len(s.samples); n > 0 {
		switch newest := s.samples[n-1].at; {
		case at < newest:
			return fmt.Errorf("%s: a sample at %s comes after one at %s (want them in the order of time)",
				s.labels, t.UTC().Format(time.RFC3339Nano), time.UnixMilli(newest).UTC().Format(time.RFC3339Nano))
		case at == newest:
			// A query may still read the one that was there: it keeps its own.
			s.samples = slices.Clone(s.samples[:n-1])
		}
	}
	s.samples = append(s.samples, sample{at: at, value: v})
	return nil
}

// Cut drops the samples from t on.
func (s *Series) Cut(t time.Time) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	end, _ := slices.BinarySearchFunc(s.samples, t.UnixMilli(), func(a sample, t int64) int { return cmp.Compare(a.at, t) })
	// A query may still read what was behind it.
	s.samples = s.samples[:end:end]
}

// between are the samples from one time up to another, both included. The store
// must be locked.
func (s *Series) between(from, to int64) []sample {
	start, _ := slices.BinarySearchFunc(s.samples, from, func(a sample, t int64) int { return cmp.Compare(a.at, t) })
	rest := s.samples[start:]
	end, _ := slices.BinarySearchFunc(rest, to, func(a sample, t int64) int {
		if a.at <= t {
			return -1
		}
		return 1
	})
	return rest[:end:end]
}
