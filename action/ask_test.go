package action_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/action"
)

// asked is a step that would leave a trace, with a probe and an If of a test's own.
func asked(t *testing.T, w world, beside json.RawMessage) action.Request {
	t.Helper()
	req := request(shell(t, `touch "$1"`, w.path("trace")))
	req.Probe, req.If = beside, beside
	return req
}

func TestAskingBesideAStepDoesNotRunIt(t *testing.T) {
	status := http.StatusOK
	keys := 0
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "" {
			keys++
		}
		rw.WriteHeader(status)
	})
	type answer struct{ known, yes bool }
	for name, c := range map[string]struct {
		beside     json.RawMessage
		status     int
		probe, ifs answer
		says       string
	}{
		"exit 0":      {shell(t, "echo fine"), 0, answer{true, true}, answer{true, true}, "fine"},
		"exit 1":      {shell(t, "exit 1"), 0, answer{true, false}, answer{true, false}, "exit status 1"},
		"exit 3":      {shell(t, "exit 3"), 0, answer{true, false}, answer{false, false}, "exit status 3"},
		"a signal":    {shell(t, "kill -9 $$"), 0, answer{false, false}, answer{false, false}, "signal 9"},
		"no program":  {json.RawMessage(`{"kind":"exec","argv":["no-such-program"]}`), 0, answer{false, false}, answer{false, false}, "no-such-program"},
		"200":         {json.RawMessage(`{"kind":"http","url":"` + url + `"}`), 200, answer{true, true}, answer{true, true}, "200 OK"},
		"404":         {json.RawMessage(`{"kind":"http","url":"` + url + `"}`), 404, answer{true, false}, answer{true, false}, "404"},
		"500":         {json.RawMessage(`{"kind":"http","url":"` + url + `"}`), 500, answer{true, false}, answer{false, false}, "500"},
		"nobody home": {json.RawMessage(`{"kind":"http","url":"http://127.0.0.1:1/"}`), 0, answer{false, false}, answer{false, false}, "nothing was sent"},
		"no value":    {json.RawMessage(`{"kind":"exec","argv":["x","${target_version}"]}`), 0, answer{false, false}, answer{false, false}, "is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, action.Options{})
			status = c.status
			req := asked(t, w, c.beside)
			for question, got := range map[string]action.Answer{"probe": w.AskProbe(t.Context(), req), "if": w.AskIf(t.Context(), req)} {
				want := c.probe
				if question == "if" {
					want = c.ifs
				}
				if !got.Asked || got.Known != want.known || got.Yes != want.yes {
					t.Errorf("%s: %+v, want %+v", question, got, want)
				}
				if skipped := question == "if" && c.status == 404; !skipped && !strings.Contains(got.Detail, c.says) {
					t.Errorf("%s says %q, want %q", question, got.Detail, c.says)
				}
			}
			if exists(w.path("trace")) {
				t.Error("the step itself ran")
			}
			// A real attempt afterwards is not led astray by what was asked.
			if c.ifs.yes {
				req.Probe = nil
				checkResult(t, w.Run(t.Context(), req), action.Result{State: action.Done, ExitCode: new(0)})
			}
		})
	}
	if keys > 0 {
		t.Errorf("%d questions had an Idempotency-Key: they could be given the step's own answer", keys)
	}
}

func TestThereMayBeNothingToAsk(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, "true"))
	if got := w.AskProbe(t.Context(), req); got.Asked {
		t.Errorf("a probe: %+v", got)
	}
	if got := w.AskIf(t.Context(), req); got.Asked {
		t.Errorf("an if: %+v", got)
	}
}

// A symbolic link answers for itself, and is left as it is.
func TestALinkIsItsOwnProbe(t *testing.T) {
	w := newWorld(t, action.Options{})
	for _, dir := range []string{"v1", "v2"} {
		if err := os.Mkdir(w.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(w.path("v2"), w.path("current")); err != nil {
		t.Fatal(err)
	}
	for to, yes := range map[string]bool{"v1": false, "v2": true} {
		req := request(mustJSON(t, action.Step{Kind: action.KindSymlink, Link: w.path("current"), To: w.path(to)}))
		if got := w.AskProbe(t.Context(), req); !got.Known || got.Yes != yes {
			t.Errorf("to %s: %+v, want yes %t", to, got, yes)
		}
	}
	if now, err := os.Readlink(w.path("current")); err != nil || now != w.path("v2") {
		t.Errorf("the link points to %q (%v)", now, err)
	}
}

// When the time is over the program that was asked is ended, with all its processes.
func TestAskingEndsWithItsTime(t *testing.T) {
	inTime(t, func(limit time.Duration) bool {
		w := newWorld(t, action.Options{Grace: 100 * time.Millisecond})
		req := asked(t, w, shell(t, stubborn, w.path("pid"), w.path("child")))
		req.Section = "steps"
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		got := w.AskProbe(ctx, req)
		if !exists(w.path("pid")) {
			return false
		}
		if !got.Asked || got.Known || got.Detail != "its time was over" {
			t.Errorf("%+v", got)
		}
		checkEnded(t, read(t, w.path("pid")))
		checkEnded(t, read(t, w.path("child")))
		return true
	})
}
