package action_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rollbackd/rollbackd/action"
)

// injections are values that must never reach a program.
func injections() []string {
	return []string{
		"$(touch x)", ";rm -rf /", "`id`", "--kubeconfig=/x", "-rf", "../../etc", "a/../b", "a\x00b", "a\nb", "() { :;}; touch x",
		"a b", "a'b", `a"b`, `a\b`, "a|b", "a&b", "a*", "*", "?", "a[bc]", "{a,b}", "~root", "ü", "\xff\xfe", "a\xff", strings.Repeat("a", 1<<20),
		strings.Repeat("a", 129), "/etc/passwd", ".hidden", "..", ".", "%2e%2e", "a\n", "\na", "a\r\nX: y", "\x1b[2J", "\u202ea", "${service}", "",
	}
}

// place is somewhere in a request where a value may stand.
type place struct {
	name, do, probe, condition string
	unit                       bool // the value is the request's unit, too
}

// places are all of them. Every program among them makes the file "ran".
func places(ran string) []place {
	touch := func(arg string) string {
		raw, err := json.Marshal(action.Step{Kind: action.KindExec, Argv: []string{"touch", ran, arg}})
		if err != nil {
			panic(err)
		}
		return string(raw)
	}
	const value = "${target_version}"
	good := touch("--")
	return []place{
		{name: "argv", do: touch(value)},
		{name: "inside argv", do: touch("--date=" + value)},
		{name: "program", do: `{"kind":"exec","argv":["/bin/${target_version}"]}`},
		{name: "url path", do: `{"kind":"http","url":"http://lb.invalid/${target_version}"}`},
		{name: "url query", do: `{"kind":"http","url":"http://lb.invalid/?to=${target_version}"}`},
		{name: "url host", do: `{"kind":"http","url":"http://${target_version}.invalid/"}`},
		{name: "body", do: `{"kind":"http","method":"POST","url":"http://lb.invalid/","body":"{\"to\":\"${target_version}\"}"}`},
		{name: "headers", do: `{"kind":"http","url":"http://lb.invalid/","headers":{"X":"${target_version}"}}`},
		{name: "header_files", do: `{"kind":"http","url":"http://lb.invalid/","header_files":{"X":"/run/${target_version}"}}`},
		{name: "link", do: `{"kind":"symlink","link":"` + filepath.Dir(ran) + `/${target_version}","to":"."}`},
		{name: "to", do: `{"kind":"symlink","link":"` + filepath.Dir(ran) + `/current","to":"${target_version}"}`},
		{name: "expr", do: `{"kind":"query","expr":"up{version=\"${target_version}\"}"}`},
		{name: "probe", do: good, probe: touch(value)},
		{name: "probe url", do: good, probe: `{"kind":"http","url":"http://lb.invalid/${target_version}"}`},
		{name: "if", do: good, condition: touch(value)},
		{name: "if url", do: good, condition: `{"kind":"http","url":"http://lb.invalid/${target_version}"}`},
		{name: "vars", do: touch("${vars.x}")},
		{name: "a member's version", do: touch("${versions.cart.target}")},
		{name: "each", do: touch("${each}")},
		{name: "unit", do: good, unit: true},
	}
}

// request is the one that has value in the place.
func (p place) request(value string) action.Request {
	req := request(json.RawMessage(p.do))
	req.Probe, req.If, req.ProbeFirst = json.RawMessage(p.probe), json.RawMessage(p.condition), true
	req.Values = map[string]string{"target_version": value, "vars.x": value, "versions.cart.target": value, "each": value}
	if p.unit {
		req.Unit = value
	}
	return req
}

// watched counts what leaves a Runner by the network and by its Querier.
type watched struct{ left atomic.Int64 }

func (w *watched) RoundTrip(*http.Request) (*http.Response, error) {
	w.left.Add(1)
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func (w *watched) Holds(context.Context, string) (bool, string, error) {
	w.left.Add(1)
	return true, "", nil
}

// checkRefused fails unless a bad value was refused with nothing done at all.
func checkRefused(t *testing.T, p place, value string) {
	t.Helper()
	seen := &watched{}
	w := newWorld(t, action.Options{HTTP: seen, Querier: seen})
	req := p.request(value)
	got := w.Run(context.Background(), req)
	if got.State != action.Failed || !got.NothingChanged || got.Skipped || got.Output != "" || got.Error == "" {
		t.Errorf("%s with %.40q: %+v; want it refused", p.name, value, got)
	}
	if len(got.Error) > 1024 || strings.ContainsFunc(got.Error, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Errorf("%s with %.40q: the error is no harmless line: %.200q", p.name, value, got.Error)
	}
	if err := w.Prepare(context.Background(), []action.Request{req}); err == nil {
		t.Errorf("%s with %.40q: the plan's check let it pass", p.name, value)
	}
	// What an earlier daemon cannot have begun is not begun by a later one either.
	req.Resume = true
	if got := w.Run(context.Background(), req); got.State != action.Uncertain || !got.Interrupted {
		t.Errorf("%s with %.40q: resumed: %+v", p.name, value, got)
	}
	if n := seen.left.Load(); n != 0 {
		t.Errorf("%s with %.40q: %d requests were sent", p.name, value, n)
	}
	for _, dir := range []string{w.dir, w.scratch} {
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("%s with %.40q: it left %v in %s", p.name, value, left, dir)
		}
	}
}

// Wherever it stands, a bad value is refused before anything is started, sent,
// asked or written.
func TestInjectionDoesNothing(t *testing.T) {
	marks := t.TempDir()
	ran := filepath.Join(marks, "ran")
	for _, p := range places(ran) {
		t.Run(p.name, func(t *testing.T) {
			for _, bad := range injections() {
				if p.unit && bad == "" {
					continue // is no unit at all
				}
				checkRefused(t, p, bad)
				if left := names(t, marks); len(left) != 0 {
					t.Fatalf("%.40q: a program was started or a link made: %v", bad, left)
				}
			}
		})
	}
}

// The places are real ones: with a good value something happens in each.
func TestTheSamePlacesWithAGoodValue(t *testing.T) {
	for _, p := range places("") {
		t.Run(p.name, func(t *testing.T) {
			marks := t.TempDir()
			seen := &watched{}
			w := newWorld(t, action.Options{HTTP: seen, Querier: seen})
			for _, good := range places(filepath.Join(marks, "ran")) {
				if good.name == p.name {
					p = good
				}
			}
			value := "2026-01-02"
			if p.name == "program" {
				value = "true"
			}
			got := w.Run(context.Background(), p.request(value))
			switch p.name {
			case "header_files", "to": // the file is not there, which is all that is wrong
				if got.State != action.Failed || !strings.Contains(got.Error, "no such file") {
					t.Errorf("%+v", got)
				}
				return
			case "program":
				checkResult(t, got, action.Result{State: action.Done, ExitCode: new(0)})
				return
			}
			if got.State != action.Done {
				t.Errorf("%+v", got)
			}
			if len(names(t, marks)) == 0 && seen.left.Load() == 0 {
				t.Error("nothing was done")
			}
		})
	}
}

// A bad version stands in no environment either; there it refuses nothing, so that
// the strangest version can be left.
func TestInjectionInTheEnvironment(t *testing.T) {
	for _, bad := range injections() {
		w := newWorld(t, action.Options{})
		req := request(shell(t, `env -0 | tr '\0' '\n' > "$1"`, w.path("env")))
		req.Values = map[string]string{"severity": bad, "trigger": bad, "vars.x": bad, "each": bad}
		req.Reason = bad
		if strings.ContainsAny(bad, " \n\r\x00\x1b") || len(bad) > 128 {
			req.Values["running_version"], req.Values["target_version"] = bad, bad
		}
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0)})
		lines := strings.Split(read(t, w.path("env")), "\n")
		if len(lines) < 13 || len(lines) > 16 { // the shell adds PWD, OLDPWD and SHLVL
			t.Errorf("%.40q: %d variables: %.400q", bad, len(lines), lines)
		}
		for _, line := range lines {
			name, value, ok := strings.Cut(line, "=")
			if !ok || len(value) > 1024 || strings.HasPrefix(value, "()") || strings.HasSuffix(name, "_VERSION") && value != "" {
				t.Errorf("%.40q: the environment holds %.200q", bad, line)
			}
		}
	}
}

// No value that the rule refuses gets anywhere, from any place.
func FuzzInjection(f *testing.F) {
	for i, value := range injections() {
		f.Add(uint8(i), value)
	}
	marks := f.TempDir()
	all := places(filepath.Join(marks, "ran"))
	f.Fuzz(func(t *testing.T, at uint8, value string) {
		p := all[int(at)%len(all)]
		if action.CheckValue(value) == nil || p.unit && value == "" {
			return
		}
		checkRefused(t, p, value)
		if left, err := os.ReadDir(marks); err != nil || len(left) != 0 {
			t.Fatalf("a program was started or a link made: %v %v", left, err)
		}
	})
}
