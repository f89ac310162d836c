package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// The kinds of errors that Prometheus's API knows, as far as queries have them.
const (
	errorBadData   = "bad_data"
	errorExecution = "execution"
	errorTimeout   = "timeout"
	errorCanceled  = "canceled"
	errorInternal  = "internal"
)

// statusCanceled is what Prometheus answers a client that is gone.
const statusCanceled = 499

// maxNotes is how many warnings, and how many infos, an answer has at most.
const maxNotes = 10

// answer is one answer of the API in the making.
type answer struct {
	form  url.Values
	limit int

	errorType       string
	err             error
	data            []byte // resultType and result, as JSON
	warnings, infos []string
}

func (a *answer) failed() bool { return a.err != nil }

// fail makes the answer an error. The first one stays.
func (a *answer) fail(errorType string, err error) {
	if a.err == nil {
		a.errorType, a.err = errorType, err
	}
}

func (a *answer) invalid(parameter string, err error) {
	a.fail(errorBadData, fmt.Errorf("invalid parameter %q: %w", parameter, err))
}

// take takes over what a query gave, before its memory is given back.
func (a *answer) take(result *promql.Result) {
	// Prometheus adds notes in any order; here the same query gives the same bytes.
	a.warnings, a.infos = result.Warnings.AsStrings(a.query(), maxNotes, maxNotes)
	slices.Sort(a.warnings)
	slices.Sort(a.infos)
	if result.Err != nil {
		a.fail(kindOf(result.Err), result.Err)
		return
	}
	var err error
	if a.data, err = a.encodeValue(result.Value); err != nil {
		a.fail(errorExecution, err)
	}
}

// kindOf is the kind of an error that came of evaluating.
func kindOf(err error) string {
	_, canceled := errors.AsType[promql.ErrQueryCanceled](err)
	_, late := errors.AsType[promql.ErrQueryTimeout](err)
	_, stored := errors.AsType[promql.ErrStorage](err)
	switch {
	case canceled, errors.Is(err, context.Canceled):
		return errorCanceled
	case late:
		return errorTimeout
	case stored:
		return errorInternal
	}
	return errorExecution
}

// encode is the answer's status and body.
func (a *answer) encode() (status int, body []byte) {
	notes := func(b []byte) []byte {
		for _, n := range []struct {
			name  string
			texts []string
		}{{"warnings", a.warnings}, {"infos", a.infos}} {
			if len(n.texts) > 0 {
				b = appendString(append(b, ','), n.name)
				b = append(b, ':')
				b = appendList(b, len(n.texts), func(b []byte, i int) []byte { return appendString(b, n.texts[i]) })
			}
		}
		return append(b, '}')
	}
	if a.err == nil {
		return http.StatusOK, notes(slices.Concat([]byte(`{"status":"success","data":`), a.data))
	}
	b := appendString([]byte(`{"status":"error","errorType":`), a.errorType)
	b = appendString(append(b, `,"error":`...), a.err.Error())
	return statusOf(a.errorType), append(b, '}')
}

func statusOf(errorType string) int {
	switch errorType {
	case errorBadData:
		return http.StatusBadRequest
	case errorExecution:
		return http.StatusUnprocessableEntity
	case errorTimeout:
		return http.StatusServiceUnavailable
	case errorCanceled:
		return statusCanceled
	}
	return http.StatusInternalServerError
}

const truncated = "results truncated due to limit"

// encodeValue is the data of an answer.
func (a *answer) encodeValue(value any) ([]byte, error) {
	head := func(kind string) []byte { return []byte(`{"resultType":"` + kind + `","result":`) }
	var b []byte
	switch v := value.(type) {
	case promql.Vector:
		if slices.ContainsFunc(v, func(s promql.Sample) bool { return s.H != nil }) {
			return nil, errHistogram
		}
		v = limited(a, v)
		b = appendList(head("vector"), len(v), func(b []byte, i int) []byte {
			b = append(appendLabels(b, v[i].Metric), `,"value":`...)
			return append(appendPoint(b, v[i].T, v[i].F), '}')
		})
	case promql.Matrix:
		if slices.ContainsFunc(v, func(s promql.Series) bool { return len(s.Histograms) > 0 }) {
			return nil, errHistogram
		}
		v = limited(a, v)
		b = appendList(head("matrix"), len(v), func(b []byte, i int) []byte {
			b = append(appendLabels(b, v[i].Metric), `,"values":`...)
			b = appendList(b, len(v[i].Floats), func(b []byte, j int) []byte {
				return appendPoint(b, v[i].Floats[j].T, v[i].Floats[j].F)
			})
			return append(b, '}')
		})
	case promql.Scalar:
		b = appendPoint(head("scalar"), v.T, v.V)
	case promql.String:
		b = appendString(append(appendTime(append(head("string"), '['), v.T), ','), v.V)
		b = append(b, ']')
	default:
		return nil, fmt.Errorf("the result is a %T, of which nothing is known", value)
	}
	return append(b, '}'), nil
}

// limited cuts a result to the limit that was asked for.
func limited[S ~[]E, E any](a *answer, all S) S {
	if a.limit <= 0 || len(all) <= a.limit {
		return all
	}
	a.warnings = append(a.warnings, truncated)
	return all[:a.limit]
}

func appendList(b []byte, n int, element func(b []byte, i int) []byte) []byte {
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, i)
	}
	return append(b, ']')
}

// appendLabels begins the object of one series.
func appendLabels(b []byte, ls labels.Labels) []byte {
	b = append(b, `{"metric":{`...)
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(append(appendString(b, l.Name), ':'), l.Value)
	})
	return append(b, '}')
}

func appendPoint(b []byte, at int64, v float64) []byte {
	b = append(appendTime(append(b, '['), at), `,"`...)
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return append(strconv.AppendFloat(b, v, format, -1, 64), `"]`...)
}

// appendTime writes milliseconds as seconds.
func appendTime(b []byte, at int64) []byte {
	if at < 0 {
		b, at = append(b, '-'), -at
	}
	b = strconv.AppendInt(b, at/1000, 10)
	if rest := at % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return b
}

// appendString writes a JSON string.
func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, err := json.Marshal(text)
			if err != nil {
				quoted = []byte(`""`) // a string always marshals
			}
			return append(b, quoted...)
		}
	}
	b = append(append(b, '"'), text...)
	return append(b, '"')
}
