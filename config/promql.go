package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// query is what has to be known of a PromQL expression. This file alone imports
// Prometheus's parser.
type query struct {
	// lookBack is how far behind its evaluation the expression reads: ranges,
	// offsets and subqueries added up. It is zero without a range.
	lookBack time.Duration
	// ranges are the ranges of its range selectors.
	ranges []time.Duration
	// bareRatio tells that it divides by something, with a filter above the
	// line that is not below it and no `or`: without a single error the series
	// above the line does not exist, and the ratio is missing instead of 0.
	bareRatio bool
}

// parseQuery checks an expression as Prometheus itself does. The result must be
// an instant vector or a scalar.
func parseQuery(text string) (query, error) {
	if strings.TrimSpace(text) == "" {
		return query{}, fmt.Errorf("the query is empty")
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return query{}, fmt.Errorf("PromQL: %w", err)
	}
	switch expr.Type() {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
	case parser.ValueTypeMatrix:
		return query{}, fmt.Errorf("PromQL: the result is a range vector (want an instant vector: put rate(), avg_over_time() or the like around it)")
	case parser.ValueTypeString, parser.ValueTypeNone:
		return query{}, fmt.Errorf("PromQL: the result is a %s (want an instant vector or a scalar)", expr.Type())
	}
	q := query{lookBack: lookBack(expr)}
	inspect(expr, func(n parser.Node) {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			q.ranges = append(q.ranges, n.Range)
		case *parser.BinaryExpr:
			q.bareRatio = q.bareRatio || bareRatio(n)
		}
	})
	return q, nil
}

// inspect visits every node of an expression.
func inspect(n parser.Node, visit func(parser.Node)) {
	parser.Inspect(n, func(n parser.Node, _ []parser.Node) error {
		if n != nil {
			visit(n)
		}
		return nil
	})
}

// lookBack adds up ranges and offsets on the way down and takes the longest way.
func lookBack(n parser.Node) time.Duration {
	var own time.Duration
	switch n := n.(type) {
	case *parser.VectorSelector:
		// A negative offset reads the future: nothing to wait for.
		return max(n.OriginalOffset, 0)
	case *parser.MatrixSelector:
		return n.Range + lookBack(n.VectorSelector)
	case *parser.SubqueryExpr:
		own = n.Range + max(n.OriginalOffset, 0)
	}
	var longest time.Duration
	for child := range parser.ChildrenIter(n) {
		longest = max(longest, lookBack(child))
	}
	return own + longest
}

func bareRatio(b *parser.BinaryExpr) bool {
	if b.Op != parser.DIV {
		return false
	}
	below := filters(b.RHS)
	if len(below) == 0 && !hasSelector(b.RHS) {
		return false
	}
	for f := range filters(b.LHS) {
		if !below[f] {
			return !hasOr(b.LHS)
		}
	}
	return false
}

// filters are the label matchers of an expression, names of metrics left out.
func filters(e parser.Expr) map[string]bool {
	found := map[string]bool{}
	inspect(e, func(n parser.Node) {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return
		}
		for _, m := range v.LabelMatchers {
			if m.Name != "__name__" {
				found[m.String()] = true
			}
		}
	})
	return found
}

func hasSelector(e parser.Expr) (found bool) {
	inspect(e, func(n parser.Node) {
		_, is := n.(*parser.VectorSelector)
		found = found || is
	})
	return found
}

func hasOr(e parser.Expr) (found bool) {
	inspect(e, func(n parser.Node) {
		b, is := n.(*parser.BinaryExpr)
		found = found || is && b.Op == parser.LOR
	})
	return found
}
