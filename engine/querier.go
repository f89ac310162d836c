package engine

import (
	"context"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Querier is storage.Queryable's.
func (s *Store) Querier(from, to int64) (storage.Querier, error) {
	return &querier{store: s, from: from, to: to}, nil
}

// querier selects from a store between two times in milliseconds.
type querier struct {
	store    *Store
	from, to int64
}

// Select is storage.Querier's.
func (q *querier) Select(_ context.Context, inOrder bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	from, to := q.from, q.to
	if hints != nil {
		from, to = hints.Start, hints.End
	}
	q.store.mu.RLock()
	defer q.store.mu.RUnlock()
	found := &set{next: -1}
	for _, series := range q.store.candidates(matchers) {
		if !matches(series.of, matchers) {
			continue
		}
		if samples := series.between(from, to); len(samples) > 0 {
			found.series = append(found.series, &selected{labels: series.labels, samples: samples})
		}
	}
	if inOrder {
		slices.SortFunc(found.series, func(a, b *selected) int { return labels.Compare(a.labels, b.labels) })
	}
	return found
}

// candidates are the series of the name that is asked for, if it is asked for.
func (s *Store) candidates(matchers []*labels.Matcher) []*Series {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return s.named[m.Value]
		}
	}
	return s.series
}

// LabelValues is storage.Querier's. PromQL does not ask for it.
func (*querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotHere
}

// LabelNames is storage.Querier's. PromQL does not ask for it.
func (*querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNotHere
}

// Close is storage.Querier's.
func (*querier) Close() error { return nil }

// set is the answer to one selection. It implements storage.SeriesSet.
type set struct {
	series []*selected
	next   int
}

// Next is storage.SeriesSet's.
func (s *set) Next() bool {
	s.next++
	return s.next < len(s.series)
}

// At is storage.SeriesSet's.
func (s *set) At() storage.Series { return s.series[s.next] }

// Err is storage.SeriesSet's.
func (*set) Err() error { return nil }

// Warnings is storage.SeriesSet's.
func (*set) Warnings() annotations.Annotations { return nil }

// selected is a series as it was when it was selected.
type selected struct {
	labels  labels.Labels
	samples []sample
}

// Labels is storage.Series's.
func (s *selected) Labels() labels.Labels { return s.labels }

// Iterator is storage.Series's.
func (s *selected) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(points(s.samples))
}

// points are samples as Prometheus walks over them.
type points []sample

// Get is storage.Samples's.
func (p points) Get(i int) chunks.Sample { return &p[i] }

// Len is storage.Samples's.
func (p points) Len() int { return len(p) }

// T is chunks.Sample's.
func (s *sample) T() int64 { return s.at }

// ST is chunks.Sample's: start timestamps are not kept.
func (*sample) ST() int64 { return 0 }

// F is chunks.Sample's.
func (s *sample) F() float64 { return s.value }

// H is chunks.Sample's; there is none.
func (*sample) H() *histogram.Histogram { return nil }

// FH is chunks.Sample's; there is none.
func (*sample) FH() *histogram.FloatHistogram { return nil }

// Type is chunks.Sample's.
func (*sample) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// Copy is chunks.Sample's.
func (s *sample) Copy() chunks.Sample {
	c := *s
	return &c
}
