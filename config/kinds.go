package config

import (
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Action is what a step does, in the form in which it is journalled and handed
// to whoever carries it out. Kind says which of the fields mean something.
type Action struct {
	// Kind is exec, http, symlink, wait, query or approval.
	Kind string `json:"kind"`
	// Argv is that of an exec; never a shell's line.
	Argv []string `json:"argv,omitempty"`
	// Method to Expect are those of an http; no Expect means any 2xx.
	// HeaderFiles name absolute files that hold a header's value. Credentials in
	// URL and Headers are refused by their names; nobody can tell one in Body, or
	// in Argv, from other text: there it is printed and journalled as it stands.
	Method      string            `json:"method,omitempty"`
	URL         string            `json:"url,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	HeaderFiles map[string]string `json:"header_files,omitempty"`
	Body        string            `json:"body,omitempty"`
	Expect      []int             `json:"expect,omitempty"`
	// Link is made to point at To.
	Link string `json:"link,omitempty"`
	To   string `json:"to,omitempty"`
	// For is how long a wait takes.
	For string `json:"for,omitempty"`
	// Expr is the PromQL of a query, which must hold for Hold without a break;
	// empty means once.
	Expr string `json:"expr,omitempty"`
	Hold string `json:"hold,omitempty"`
	// Text is what an approval asks; Needs is how many people of each role must
	// say yes, and nil leaves that to [decide] approvals.
	Text  string         `json:"text,omitempty"`
	Needs map[string]int `json:"needs,omitempty"`

	// headerFiles are the files as written, for printing.
	headerFiles map[string]string
	// wait is For or Hold as a duration.
	wait time.Duration
	// at is where a query's PromQL or an approval's roles stand.
	at *path
}

// action reads the one kind a step has.
func (t *table) action(s *Step, kinds, later []string) Action {
	t.later(later...)
	var written []string
	for _, k := range kinds {
		if t.has(k) {
			written = append(written, k)
		}
	}
	notYet := false
	for _, k := range later {
		notYet = notYet || t.has(k)
	}
	switch {
	case len(written) == 0 && !notYet:
		t.errorf(t.path, "does nothing: want one of %s", orList(kinds))
	case len(written) > 1 || len(written) == 1 && notYet:
		t.errorf(t.path, "does more than one thing (%s): make it several steps", strings.Join(written, ", "))
	}
	if len(written) == 0 {
		return Action{Kind: kinds[0]}
	}
	if t.sketch != nil {
		for _, kind := range kinds[1:] {
			t.work(s, kind, kinds)
		}
	}
	return t.work(s, written[0], kinds)
}

// work reads what a step does, of one of the kinds that it may have.
func (t *table) work(s *Step, kind string, kinds []string) Action {
	switch kind {
	case "exec":
		return t.exec(s)
	case "http":
		if slices.Contains(kinds, "symlink") {
			return t.http(s, http.MethodPost)
		}
		return t.http(s, http.MethodGet)
	case "symlink":
		return t.symlink(s)
	case "query":
		return t.query(s)
	case "approval":
		return t.approval()
	}
	wait := t.duration("wait", time.Second)
	t.withoutDefault("wait")
	return Action{Kind: "wait", For: stepDuration(wait), wait: wait}
}

func (t *table) exec(s *Step) Action {
	a := Action{Kind: "exec", Argv: t.strings("exec")}
	t.says("exec", object{"minItems": 1, "description": "the program and its arguments, never a shell's line"})
	at := t.key("exec")
	if len(a.Argv) == 0 {
		if _, isArray := t.vals["exec"].([]any); isArray {
			t.errorf(at, "must name a program")
		}
		return a
	}
	for i, arg := range a.Argv {
		if strings.Contains(arg, "\x00") {
			t.errorf(at.index(i), "holds a NUL")
		}
		s.uses = append(s.uses, t.checkPlaceholders(at.index(i), arg)...)
	}
	if a.Argv[0] == "" || strings.Contains(a.Argv[0], "${") {
		t.errorf(at.index(0), "the program must be written out")
	}
	if strings.Contains(a.Argv[0], "/") && !filepath.IsAbs(a.Argv[0]) {
		t.errorf(at.index(0), "want an absolute path, or a name that is on the path, not %q", a.Argv[0])
	}
	if killsDaemon(a.Argv) {
		t.errorf(at, "this would kill the daemon that runs it: a plan must leave rollbackd and its host running")
	}
	return a
}

// http reads an HTTP request; method is the one it has if none is written.
func (t *table) http(s *Step, method string) Action {
	h := t.sub("http", "[plans.NAME.steps.http]")
	if h == nil {
		return Action{Kind: "http"}
	}
	a := Action{
		Kind:    "http",
		Method:  h.choice("method", method, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
		URL:     h.required("url"),
		Headers: h.headers("headers"),
		Body:    h.text("body", ""),
		Expect:  h.statuses("expect"),
	}
	a.headerFiles = h.headers("header_files")
	for name, file := range a.headerFiles {
		if a.HeaderFiles == nil {
			a.HeaderFiles = map[string]string{}
		}
		a.HeaderFiles[name] = resolveFile(h.dirOf(h.path), file)
	}
	if a.URL != "" {
		// ${…} is no part of an address, but any word may stand in its place.
		h.checkURL(h.key("url"), placeholder().ReplaceAllString(a.URL, "x"), "http", "https")
		h.checkParameters(h.key("url"), a.URL)
	}
	s.uses = append(s.uses, h.checkPlaceholders(h.key("url"), a.URL)...)
	s.uses = append(s.uses, h.checkPlaceholders(h.key("body"), a.Body)...)
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		at := h.key("headers").key(name)
		if secretHeader(name) {
			h.errorf(at, "a secret may not stand in the file: write header_files = { %s = \"file\" }", name)
		}
		s.uses = append(s.uses, h.checkPlaceholders(at, a.Headers[name])...)
	}
	h.done()
	return a
}

// headers reads a table of strings by header name.
func (t *table) headers(key string) map[string]string {
	sub := t.sub(key, "")
	if sub == nil {
		return nil
	}
	sub.each(object{"type": "string"})
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(sub.vals)) {
		if !bareKey(name) {
			sub.errorf(sub.key(name), "is not a header's name")
		}
		out[name] = sub.text(name, "")
		if strings.ContainsAny(out[name], "\r\n\x00") {
			sub.errorf(sub.key(name), "must be one line")
		}
	}
	return out
}

// statuses reads one HTTP status or an array of them.
func (t *table) statuses(key string) []int {
	status := object{"type": "integer", "minimum": 100, "maximum": 599}
	t.says(key, object{"type": "array", "items": status})
	t.or(key, status)
	raw, ok := t.get(key)
	if !ok {
		return nil
	}
	list, ok := raw.([]any)
	if !ok {
		list = []any{raw}
	}
	var out []int
	for _, v := range list {
		n, ok := v.(int64)
		if !ok || n < 100 || n > 599 {
			t.errorf(t.key(key), "want HTTP statuses, for example [200, 204]")
			return nil
		}
		out = append(out, int(n))
	}
	return out
}

func (t *table) symlink(s *Step) Action {
	l := t.sub("symlink", "[plans.NAME.steps.symlink]")
	if l == nil {
		return Action{Kind: "symlink"}
	}
	a := Action{Kind: "symlink", Link: l.required("link"), To: l.required("to")}
	for key, text := range map[string]string{"link": a.Link, "to": a.To} {
		s.uses = append(s.uses, l.checkPlaceholders(l.key(key), text)...)
		if text != "" && !filepath.IsAbs(text) {
			l.errorf(l.key(key), `want an absolute path, not %q: it must begin with "/" before any ${…}, as /srv/${vars.env}/current does`, text)
		}
	}
	l.done()
	return a
}

// payload is the action as JSON. Strings, numbers and maps of strings always
// have one.
func (a Action) payload() json.RawMessage {
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}
