package prom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Errors of an answer that is not taken in.
var (
	errTooLarge      = errors.New("the answer is larger than max_body")
	errTooManySeries = errors.New("the answer has more series than max_series")
)

// maxValue bounds one value of the answer, such as one series of a range query
// of 11,000 points. Without it one endless string would be held whole.
const maxValue = 4 << 20

// Bounds of what is not series: an object of an answer has a handful of fields, a
// scalar two numbers, and what is kept of an answer is small. Beyond these it is
// no answer, however long it goes on.
const (
	maxFields  = 64
	maxScalars = 2
	maxKept    = 16 << 20
)

// trimmer copies an answer while it streams past, keeping of each series no more
// than one label and the value, and of the series only those that are wanted.
// An answer thus never costs more memory than what is used of it, however many
// bytes the server sends; client_golang then decodes the little that is left.
type trimmer struct {
	label     string                  // the label that is kept; empty keeps none
	wanted    func(value string) bool // nil: every value of the label
	maxBody   int64
	maxSeries int

	kind     string // the resultType
	in       *countingReader
	dec      *json.Decoder
	out      bytes.Buffer
	series   int      // how many the answer has
	labelled int      // how many of them have the label
	names    []string // labels of the first series, a few
	others   []string // values of the label that are not wanted, a few
}

// knownKind tells whether the answer is of a type that the decoder knows, as far
// as it was read.
func (t *trimmer) knownKind() bool {
	switch t.kind {
	case "", "vector", "matrix", "scalar":
		return true
	}
	return false
}

// trim reads the answer to its end.
func (t *trimmer) trim(r io.Reader) ([]byte, error) {
	t.in = &countingReader{r: r, max: t.maxBody, maxAhead: maxValue}
	t.dec = json.NewDecoder(t.in)
	if err := t.object(t.topLevel); err != nil {
		return nil, fmt.Errorf("read the answer after %d bytes: %w", t.in.n, noEOF(err))
	}
	return t.out.Bytes(), nil
}

// noEOF makes an answer that ends too early an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// object copies an object, its fields through field, which says whether it kept
// the one it was given.
func (t *trimmer) object(field func(key string) (bool, error)) error {
	if err := t.delim('{'); err != nil {
		return err
	}
	t.out.WriteByte('{')
	for fields := 1; t.dec.More(); fields++ {
		if fields > maxFields {
			return fmt.Errorf("more than %d fields in one object", maxFields)
		}
		start := t.out.Len()
		if t.last() != '{' {
			t.out.WriteByte(',')
		}
		token, err := t.token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		t.out.Write(name)
		t.out.WriteByte(':')
		kept, err := field(key)
		if err != nil {
			return err
		}
		if !kept {
			t.out.Truncate(start)
		}
	}
	t.out.WriteByte('}')
	return t.delim('}')
}

func (t *trimmer) topLevel(key string) (bool, error) {
	switch key {
	case "data":
		return true, t.data()
	case "status", "errorType", "error", "warnings", "infos":
		return true, t.copyValue()
	}
	_, err := t.value()
	return false, err
}

func (t *trimmer) data() error {
	return t.object(func(key string) (bool, error) {
		switch key {
		case "resultType":
			raw, err := t.value()
			if err == nil {
				err = json.Unmarshal(raw, &t.kind)
			}
			t.out.Write(raw)
			return true, err
		case "result":
			return true, t.result()
		}
		_, err := t.value()
		return false, err
	})
}

// result copies the list of series, or the pair that a scalar is.
func (t *trimmer) result() error {
	if err := t.delim('['); err != nil {
		return err
	}
	t.out.WriteByte('[')
	scalars := 0
	for t.dec.More() {
		raw, err := t.value()
		if err != nil {
			return err
		}
		switch raw[0] {
		case '{':
			if raw, err = t.oneSeries(raw); err != nil {
				return err
			}
		case 'n':
			return errors.New("a null among the series")
		default:
			if scalars++; scalars > maxScalars {
				return errors.New("neither series nor a scalar")
			}
		}
		if raw == nil {
			continue
		}
		if t.last() != '[' {
			t.out.WriteByte(',')
		}
		t.out.Write(raw)
	}
	t.out.WriteByte(']')
	return t.delim(']')
}

// point is a time and a value. The decoder further on would take a point without
// a value for zero, which is the most misleading thing it could be taken for.
type point [2]json.RawMessage

// UnmarshalJSON is json.Unmarshaler's.
func (p *point) UnmarshalJSON(raw []byte) error {
	var both []json.RawMessage
	if err := json.Unmarshal(raw, &both); err != nil {
		return err
	}
	if len(both) != 2 || both[1][0] != '"' {
		return fmt.Errorf("%.40s is not a point (want [time, \"value\"])", raw)
	}
	p[0], p[1] = both[0], both[1]
	return nil
}

// answerSeries is one series of an answer.
type answerSeries struct {
	Metric     map[string]string `json:"metric"`
	Value      *point            `json:"value,omitempty"`
	Values     []point           `json:"values,omitempty"`
	Histogram  json.RawMessage   `json:"histogram,omitempty"`
	Histograms json.RawMessage   `json:"histograms,omitempty"`
}

func (s answerSeries) empty() bool {
	return s.Value == nil && len(s.Values) == 0 && s.Histogram == nil && s.Histograms == nil
}

// oneSeries cuts a series down; nil means that nobody wants it.
func (t *trimmer) oneSeries(raw json.RawMessage) (json.RawMessage, error) {
	if t.series++; t.series > t.maxSeries {
		return nil, errTooManySeries
	}
	var s answerSeries
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.empty() {
		return nil, errors.New("a series without a value")
	}
	if t.series == 1 {
		t.names = labelNames(s.Metric)
	}
	value, labelled := s.Metric[t.label]
	s.Metric = map[string]string{}
	if t.label != "" && labelled {
		t.labelled++
		s.Metric[t.label] = value
	}
	if t.wanted != nil && !t.wanted(value) {
		if labelled && len(t.others) < maxSeen && !slices.Contains(t.others, value) {
			t.others = append(t.others, value)
		}
		return nil, nil
	}
	return json.Marshal(s)
}

func (t *trimmer) copyValue() error {
	raw, err := t.value()
	t.out.Write(raw)
	return err
}

// value reads one value whole.
func (t *trimmer) value() (json.RawMessage, error) {
	var raw json.RawMessage
	if t.out.Len() > maxKept {
		return nil, errTooLarge
	}
	t.in.consumed = t.dec.InputOffset()
	err := t.dec.Decode(&raw)
	return raw, err
}

func (t *trimmer) token() (json.Token, error) {
	t.in.consumed = t.dec.InputOffset()
	return t.dec.Token()
}

func (t *trimmer) delim(want json.Delim) error {
	token, err := t.token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("expected %v, found %v", want, token)
	}
	return nil
}

func (t *trimmer) last() byte { return t.out.Bytes()[t.out.Len()-1] }

// countingReader stops a body that is too large, as a whole or in one value.
type countingReader struct {
	r        io.Reader
	n        int64 // read
	consumed int64 // taken in by the decoder; n less this is held in memory
	max      int64
	maxAhead int64
}

// Read is io.Reader's.
func (c *countingReader) Read(p []byte) (int, error) {
	if c.n > c.max || c.n-c.consumed > c.maxAhead {
		return 0, errTooLarge
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
