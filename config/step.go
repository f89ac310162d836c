package config

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Step is one step or check of a plan.
type Step struct {
	Name, Phase string
	Timeout     time.Duration
	Retries     int
	Idempotent  bool
	// OnFailure is stop, continue or escalate.
	OnFailure string
	// Changes is false for what only waits or looks.
	Changes bool
	Do      Action
	// Probe is nil without one.
	Probe *Action

	uses []use
	at   *path
}

// Action is what a step does, in the form in which it is journalled and handed
// to whoever carries it out. Kind says which of the fields mean something.
type Action struct {
	// Kind is exec, http, symlink or wait.
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

	// headerFiles are the files as written, for printing.
	headerFiles map[string]string
}

// phases label steps and their times.
func phases() []string {
	return []string{
		"prepare", "flags", "traffic", "application", "config", "database", "infrastructure", "cache", "restore",
		"verify", "cleanup",
	}
}

// laterKinds are the kinds of step this version cannot carry out.
func laterKinds() []string {
	return []string{"nats", "systemd", "kubernetes", "argo", "swarm", "nomad", "query", "approval"}
}

func readSteps(plan *table, key string) []Step {
	var out []Step
	for i, t := range plan.list(key, "[[plans.NAME.steps]]") {
		out = append(out, readStep(t, i))
	}
	return out
}

func readStep(t *table, i int) Step {
	s := Step{
		Phase:      t.choice("phase", "", phases()...),
		Retries:    t.integer("retries", 0, 0),
		Idempotent: t.boolean("idempotent", false),
		OnFailure:  t.choice("on_failure", "stop", "stop", "continue", "escalate"),
		at:         t.path,
	}
	s.Do = t.action(&s, []string{"exec", "http", "symlink", "wait"}, laterKinds())
	s.Changes = s.Do.Kind != "wait"
	s.Name = t.stepName(s.Do.Kind, i)
	s.Timeout = t.stepTimeout(s.Do)
	if probe := t.sub("probe", "[[plans.NAME.checks]]"); probe != nil {
		a := probe.action(&s, []string{"exec", "http"}, nil)
		probe.done()
		s.Probe = &a
	}
	if s.Retries > 0 && !s.Idempotent && s.Probe == nil {
		t.errorf(t.key("retries"), "needs idempotent = true or a probe: running a step twice must be known to be safe")
	}
	t.later("if", "each", "only", "enough", "soak", "as")
	t.done()
	return s
}

// readCheck reads a check: a step that only looks.
func readCheck(t *table, i int) Step {
	s := Step{Phase: t.choice("phase", "", phases()...), OnFailure: "stop", at: t.path}
	for _, k := range []string{"symlink", "wait"} {
		if _, written := t.vals[k]; written {
			t.known[k] = true
			t.errorf(t.key(k), "a check only looks: want exec or http")
		}
	}
	s.Do = t.action(&s, []string{"exec", "http"}, laterKinds())
	s.Name = t.str("name", "")
	if s.Name == "" {
		s.Name = fmt.Sprintf("check %d", i+1)
	}
	s.Timeout = t.stepTimeout(s.Do)
	t.done()
	return s
}

func (t *table) stepName(kind string, i int) string {
	name := t.str("name", "")
	if len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		t.errorf(t.key("name"), "want at most 128 characters on one line")
	}
	if name == "" {
		return fmt.Sprintf("%s %d", kind, i+1)
	}
	return name
}

func (t *table) stepTimeout(a Action) time.Duration {
	otherwise := 5 * time.Minute
	wait, _ := parseDuration(a.For)
	if a.Kind == "wait" {
		// A wait must not run into a limit that nobody wrote.
		otherwise = max(otherwise, wait+time.Minute)
	}
	d := t.duration("timeout", otherwise)
	if a.Kind == "wait" && d <= wait {
		t.errorf(t.key("timeout"), "must be longer than the wait (%s)", durationText(wait))
	}
	return d
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
	switch written[0] {
	case "exec":
		return t.exec(s)
	case "http":
		if slices.Contains(kinds, "symlink") {
			return t.http(s, http.MethodPost)
		}
		return t.http(s, http.MethodGet)
	case "symlink":
		return t.symlink(s)
	}
	return Action{Kind: "wait", For: durationText(t.duration("wait", time.Second))}
}

func (t *table) exec(s *Step) Action {
	a := Action{Kind: "exec", Argv: t.strings("exec")}
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
			l.errorf(l.key(key), "want an absolute path, not %q", text)
		}
	}
	l.done()
	return a
}

// killsDaemon tells whether a command stops rollbackd or its host. It reads the
// words of a shell's line as well, since `sh -c` is still an argv.
func killsDaemon(argv []string) bool {
	words := strings.FieldsFunc(strings.Join(argv, " "), func(r rune) bool { return strings.ContainsRune(" \t\n;&|'\"", r) })
	if len(words) == 0 {
		return false
	}
	switch filepath.Base(words[0]) {
	case "reboot", "poweroff", "halt", "shutdown":
		return true
	}
	for i, word := range words {
		rest := words[i+1:]
		switch filepath.Base(word) {
		case "systemctl":
			if hasAny(rest, "reboot", "poweroff", "halt", "kexec", "rescue", "emergency") {
				return true
			}
			if namesDaemon(rest) && hasAny(rest, "stop", "restart", "try-restart", "reload-or-restart", "kill", "disable", "mask", "freeze") {
				return true
			}
		case "service", "rc-service":
			if namesDaemon(rest) && hasAny(rest, "stop", "restart") {
				return true
			}
		case "pkill", "killall":
			if namesDaemon(rest) {
				return true
			}
		}
	}
	return false
}

func hasAny(words []string, wanted ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(wanted, w) })
}

func namesDaemon(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		name := strings.TrimSuffix(filepath.Base(w), ".service")
		return name == "rollbackd" || strings.HasPrefix(name, "rollbackd@")
	})
}
