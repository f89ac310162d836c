package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind is what sort of thing a step does.
type Kind string

// The kinds of step.
const (
	KindExec    Kind = "exec"
	KindHTTP    Kind = "http"
	KindSymlink Kind = "symlink"
	KindWait    Kind = "wait"
	KindQuery   Kind = "query"
	// KindApproval is a wait for people. Whoever asks for steps waits for them
	// itself; Run refuses it.
	KindApproval Kind = "approval"
)

// kindsWanted names the kinds in messages.
const kindsWanted = "want exec, http, symlink, wait, query or approval"

// Step is what one step does. Only the fields of its Kind are set. It is a
// value: Expand returns a changed copy and leaves the original alone. The zero
// value is no step at all and cannot be run.
type Step struct {
	Kind Kind

	// Argv is the program and its arguments (exec). Argv[0] is a bare name that
	// is looked up on a fixed PATH, or an absolute path.
	Argv []string

	// Method is the HTTP method; empty means GET. URL is http or https, without
	// user or password. Body may be empty.
	Method, URL, Body string
	// Headers are sent as they stand. HeaderFiles are headers whose value is in
	// a file (an absolute path), read when it is needed and never shown.
	Headers, HeaderFiles map[string]string
	// Expect lists the statuses that mean done; empty means any 2xx.
	Expect []int

	// Link is the absolute path of the symbolic link to switch, To where it is
	// to point (symlink). A relative To counts from the link's directory.
	Link, To string

	// For is how long to wait (wait).
	For time.Duration

	// Expr is PromQL that must hold without interruption for Hold (query); a Hold
	// of zero means once.
	Expr string
	Hold time.Duration

	// Text is what people are asked, and Needs how many of each role must say yes
	// (approval). Both may be empty. Text is for people: nothing is filled in.
	Text  string
	Needs map[string]int
}

// stepJSON is a Step as it stands in the journal.
type stepJSON struct {
	Kind        Kind              `json:"kind"`
	Argv        []string          `json:"argv,omitempty"`
	Method      string            `json:"method,omitempty"`
	URL         string            `json:"url,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	HeaderFiles map[string]string `json:"header_files,omitempty"`
	Body        string            `json:"body,omitempty"`
	Expect      []int             `json:"expect,omitempty"`
	Link        string            `json:"link,omitempty"`
	To          string            `json:"to,omitempty"`
	For         string            `json:"for,omitempty"`
	Expr        string            `json:"expr,omitempty"`
	Hold        string            `json:"hold,omitempty"`
	Text        string            `json:"text,omitempty"`
	Needs       map[string]int    `json:"needs,omitempty"`
}

// MarshalJSON writes the form that Decode reads.
func (s Step) MarshalJSON() ([]byte, error) {
	j := stepJSON{
		Kind: s.Kind, Argv: s.Argv, Method: s.Method, URL: s.URL, Headers: s.Headers, HeaderFiles: s.HeaderFiles,
		Body: s.Body, Expect: s.Expect, Link: s.Link, To: s.To, Expr: s.Expr, Text: s.Text, Needs: s.Needs,
	}
	if s.Kind == KindWait {
		j.For = s.For.String()
	}
	if s.Hold != 0 {
		j.Hold = s.Hold.String()
	}
	return json.Marshal(j)
}

// Decode reads a step. It is strict: a key that the step's kind does not have, a
// missing one and a kind that this version cannot do are errors. Texts may hold
// `${…}`; Expand fills them.
func Decode(do json.RawMessage) (Step, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(do, &keys); err != nil {
		return Step{}, fmt.Errorf("step: want a JSON object with a kind: %w", err)
	}
	var kind Kind
	if err := json.Unmarshal(keys["kind"], &kind); err != nil || kind == "" {
		return Step{}, errors.New("step: kind is missing; " + kindsWanted)
	}
	if err := checkKeys(kind, keys); err != nil {
		return Step{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(do))
	dec.DisallowUnknownFields()
	var j stepJSON
	if err := dec.Decode(&j); err != nil {
		return Step{}, fmt.Errorf("%s step: %w", kind, err)
	}
	s := Step{
		Kind: j.Kind, Argv: j.Argv, Method: j.Method, URL: j.URL, Headers: j.Headers, HeaderFiles: j.HeaderFiles,
		Body: j.Body, Expect: j.Expect, Link: j.Link, To: j.To, Expr: j.Expr, Text: j.Text, Needs: j.Needs,
	}
	var err error
	if kind == KindWait {
		if s.For, err = duration(j.For); err != nil {
			return Step{}, fmt.Errorf("wait step: for: %w", err)
		}
	}
	if j.Hold != "" {
		if s.Hold, err = duration(j.Hold); err != nil {
			return Step{}, fmt.Errorf("query step: hold: %w", err)
		}
	}
	if err := s.validate(); err != nil {
		return Step{}, err
	}
	return s, nil
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf(`%q is not a duration (try "30s")`, text)
	}
	return d, nil
}

// keysOf lists the keys of a kind, required ones first; ok is false for a kind
// that this version cannot do.
func keysOf(kind Kind) (required, optional []string, ok bool) {
	switch kind {
	case KindExec:
		return []string{"argv"}, nil, true
	case KindHTTP:
		return []string{"url"}, []string{"method", "headers", "header_files", "body", "expect"}, true
	case KindSymlink:
		return []string{"link", "to"}, nil, true
	case KindWait:
		return []string{"for"}, nil, true
	case KindQuery:
		return []string{"expr"}, []string{"hold"}, true
	case KindApproval:
		return nil, []string{"text", "needs"}, true
	default:
		return nil, nil, false
	}
}

func checkKeys(kind Kind, keys map[string]json.RawMessage) error {
	required, optional, ok := keysOf(kind)
	if !ok {
		return fmt.Errorf("step: kind %q is not implemented in this version; %s", kind, kindsWanted)
	}
	var problems []error
	for _, k := range required {
		if _, there := keys[k]; !there {
			problems = append(problems, fmt.Errorf("%s step: %s is missing", kind, k))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if k != "kind" && !slices.Contains(required, k) && !slices.Contains(optional, k) {
			problems = append(problems, fmt.Errorf("%s step: unknown key %q; it has %s", kind, k,
				strings.Join(append(slices.Clone(required), optional...), ", ")))
		}
	}
	return errors.Join(problems...)
}

// Variables lists the names that stand in `${…}` in the step, sorted, each once.
func (s Step) Variables() []string {
	var names []string
	s.mapTexts(func(_, text string) string {
		for part := range parts(text) {
			if part.variable {
				names = append(names, part.text)
			}
		}
		return text
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Changes tells whether the step may change something. A wait, a query and an
// approval do not, and may be cut short.
func (s Step) Changes() bool {
	return s.Kind != KindWait && s.Kind != KindQuery && s.Kind != KindApproval
}

// mapTexts returns a copy of the step in which every text that may hold `${…}`
// went through fn, always in the same order. The first argument of fn is the
// field's name for messages.
func (s Step) mapTexts(fn func(field, text string) string) Step {
	if s.Argv != nil {
		s.Argv = slices.Clone(s.Argv)
		for i, arg := range s.Argv {
			s.Argv[i] = fn(fmt.Sprintf("argv[%d]", i), arg)
		}
	}
	s.URL = fn("url", s.URL)
	s.Body = fn("body", s.Body)
	s.Headers = mapValues("headers", s.Headers, fn)
	s.HeaderFiles = mapValues("header_files", s.HeaderFiles, fn)
	s.Link = fn("link", s.Link)
	s.To = fn("to", s.To)
	s.Expr = fn("expr", s.Expr)
	return s
}

func mapValues(field string, m map[string]string, fn func(field, text string) string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[k] = fn(field+"."+k, m[k])
	}
	return out
}
