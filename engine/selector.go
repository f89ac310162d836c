package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// ParseSeries reads the name of one series, as promtool's test files write it:
// http_requests_total{service="checkout",code="200"}.
func ParseSeries(text string) (Labels, error) {
	ls, err := parser.NewParser(parser.Options{}).ParseMetric(text)
	if err != nil {
		return nil, fmt.Errorf("%w (want one series: name{label=\"value\"})", err)
	}
	if name, twice := ls.HasDuplicateLabelNames(); twice {
		return nil, fmt.Errorf("the label %q is there twice", name)
	}
	if ls.Get(model.MetricNameLabel) == "" {
		return nil, errors.New(`the series has no name (want name{label="value"})`)
	}
	return ls.Map(), nil
}

// Query is a query of the language, looked at but not evaluated.
type Query struct {
	selectors [][]*labels.Matcher
	own       bool
}

// ParseQuery reads a query. Its error is that of one that cannot be evaluated.
func ParseQuery(text string) (Query, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return Query{}, err
	}
	q := Query{selectors: parser.ExtractSelectors(expr), own: true}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			q.own = q.own && ownTime(n.Timestamp, n.StartOrEnd, n.OriginalOffset)
		case *parser.SubqueryExpr:
			q.own = q.own && ownTime(n.Timestamp, n.StartOrEnd, n.OriginalOffset)
		}
		return nil
	})
	return q, nil
}

// ownTime tells whether a selector goes by the time that is evaluated, and never
// beyond it.
func ownTime(at *int64, edge parser.ItemType, offset time.Duration) bool {
	return at == nil && edge == 0 && offset >= 0
}

// Selects tells whether the query reads a series.
func (q Query) Selects(of Labels) bool {
	for _, matchers := range q.selectors {
		if matches(of, matchers) {
			return true
		}
	}
	return false
}

// OwnTime tells whether the query reads nothing from after its time: it has no @
// and no negative offset. A point of a range query is then what the query gives at
// that instant, whatever samples are there already of the time after.
func (q Query) OwnTime() bool { return q.own }

func matches(of Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(of[m.Name]) {
			return false
		}
	}
	return true
}
