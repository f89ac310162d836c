package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Preview is what a step would do, with every value filled in and every secret
// hidden. Only the fields of its kind are set.
type Preview struct {
	Kind    Kind              `json:"kind"`
	Argv    []string          `json:"argv,omitempty"`
	Method  string            `json:"method,omitempty"`
	URL     string            `json:"url,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Expect  []int             `json:"expect,omitempty"`
	Link    string            `json:"link,omitempty"`
	To      string            `json:"to,omitempty"`
	For     string            `json:"for,omitempty"`
	Expr    string            `json:"expr,omitempty"`
	Hold    string            `json:"hold,omitempty"`
	Text    string            `json:"text,omitempty"`
	Needs   map[string]int    `json:"needs,omitempty"`
}

// Previews are those of a request: of the step itself, and of what would be asked
// before it. Probe and If are nil where there is none.
type Previews struct {
	Step      Preview
	Probe, If *Preview
}

// Preview says what a request would do. It reads the files of secrets, so that it
// can hide what is in them, and nothing else. Its error is a value that cannot be
// filled in, or a step that cannot be read; it holds no secret.
func (r *Runner) Preview(req Request) (Previews, error) {
	a := &attempt{req: req, mask: newMask(r.o.Mask)}
	a.mask.add(req.Values["gate_token"])
	if err := a.prepare(); err != nil {
		return Previews{}, fmt.Errorf("%s", a.mask.line(err.Error()))
	}
	shown := Previews{Step: a.preview(a.step)}
	if a.probe != nil {
		shown.Probe = new(a.preview(*a.probe))
	}
	if a.condition != nil {
		shown.If = new(a.preview(*a.condition))
	}
	return shown, nil
}

// preview shows a step through the mask. What comes out of a file is never shown.
func (a *attempt) preview(s Step) Preview {
	for _, path := range s.HeaderFiles {
		if secret, err := readSecret(path); err == nil { // one that cannot be read is found by Prepare
			a.mask.add(secret)
		}
	}
	p := Preview{
		Kind: s.Kind, URL: a.mask.clean(s.URL), Body: a.mask.tail(s.Body), Expect: s.Expect, Link: a.mask.clean(s.Link), To: a.mask.clean(s.To),
		Expr: a.mask.clean(s.Expr), Text: a.mask.clean(s.Text), Needs: s.Needs,
	}
	for _, arg := range s.Argv {
		p.Argv = append(p.Argv, a.mask.clean(arg))
	}
	if s.Kind == KindHTTP {
		if p.Method = s.Method; p.Method == "" {
			p.Method = http.MethodGet
		}
	}
	if len(s.Headers)+len(s.HeaderFiles) > 0 {
		p.Headers = map[string]string{}
	}
	for name, value := range s.Headers {
		p.Headers[name] = a.mask.clean(value)
	}
	for name := range s.HeaderFiles {
		p.Headers[name] = hidden
	}
	if s.Kind == KindWait {
		p.For = s.For.String()
	}
	if s.Hold > 0 {
		p.Hold = s.Hold.String()
	}
	return p
}

// Lines is the preview for people, the first line enough to know it by.
func (p Preview) Lines() []string {
	switch p.Kind {
	case KindExec:
		return []string{"exec " + quoted(p.Argv)}
	case KindHTTP:
		return p.request()
	case KindSymlink:
		return []string{fmt.Sprintf("symlink %s -> %s", p.Link, p.To)}
	case KindWait:
		return []string{"wait " + p.For}
	case KindQuery:
		if p.Hold == "" {
			return []string{"query: wait until this holds: " + p.Expr}
		}
		return []string{fmt.Sprintf("query: wait until this has held for %s: %s", p.Hold, p.Expr)}
	case KindApproval:
		return []string{strings.TrimSuffix("approval: "+p.Text, ": ")}
	}
	return []string{string(p.Kind)}
}

func (p Preview) request() []string {
	lines := []string{fmt.Sprintf("http %s %s", p.Method, p.URL)}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		lines = append(lines, name+": "+p.Headers[name])
	}
	if p.Body != "" {
		lines = append(lines, strings.Split(p.Body, "\n")...)
	}
	if len(p.Expect) > 0 {
		words := make([]string, len(p.Expect))
		for i, status := range p.Expect {
			words[i] = strconv.Itoa(status)
		}
		lines = append(lines, "wants "+strings.Join(words, ", "))
	}
	return lines
}

// JSON is the preview for programs.
func (p Preview) JSON() json.RawMessage {
	text, err := json.Marshal(p)
	if err != nil {
		return nil // words and numbers marshal
	}
	return text
}

// quoted writes an argv so that each argument can be told from the next. No shell
// is ever asked; the form is the one that people can read and copy.
func quoted(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'\\$`|&;<>()*?[]#~{}!") {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
