package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollbackd/rollbackd/test/world"
)

// The canaries: words that must be found in no artefact. The one of the
// environment is put there by TestMain. That of Prometheus has what JSON, HTML and
// URLs escape, and both signs in which the two kinds of base64 differ.
const (
	promCanary   = `canary/"prometheus"\+3Zq8>>>???`
	headerCanary = "canary-header+7/Xw=="
	envCanary    = "whsec_Y2FuYXJ5LW9mLXRoZS1lbnZpcm9ubWVudA=="
	envName      = "ROLLBACKD_E2E_HOOK_KEY"
)

// leakScript writes down all that it can find: as it is, in base64, in a URL, and
// in colours. What it says goes to both of its outputs.
const leakScript = `#!/bin/sh
key=$(tr '\0' '\n' <"/proc/$PPID/environ" | sed -n 's/^ROLLBACKD_E2E_HOOK_KEY=//p')
printf %s "$ROLLBACKD_GATE_TOKEN" >"$1/kept/gate"
printf %s "$key" >"$1/kept/env"
for secret in "$ROLLBACKD_GATE_TOKEN" "$key" "$(cat "$1/prom.key")" "$(cat "$1/hook.key")"; do
	echo "plain $secret"
	printf 'base64 %s\n' "$(printf %s "$secret" | base64 -w0)"
	printf 'json {"key":"%s"}\n' "$(printf %s "$secret" | sed 's/["\\]/\\&/g')"
	printf 'php {"key":"%s"}\n' "$(printf %s "$secret" | sed 's/["\\/]/\\&/g')"
	printf 'stripped %s\n' "$(printf %s "$secret" | base64 -w0 | tr -d = | tr +/ -_)"
	printf 'coloured %s\033[1m%s\n' "$(printf %s "$secret" | cut -c1-4)" "$(printf %s "$secret" | cut -c5-)" >&2
done
`

// sink is a receiver that keeps what it is sent, headers included.
type sink struct {
	mu  sync.Mutex
	all strings.Builder
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(&s.all, r.URL, r.Header, string(body), err)
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// TestH37SecretsAreInNoArtefact gives the daemon a secret in each place that takes
// one, lets a step write down all of them in many forms, and then looks for them
// in everything that is left: files, log, API, page, reports, messages, output.
func TestH37SecretsAreInNoArtefact(t *testing.T) {
	t.Parallel()
	w, told := leakyWorld(t)
	events := listen(t, w.Bus.Connect(t), ">")
	w.Start()
	stream := w.stream(t)
	w.AwaitWell("errors", "slow")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	held := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("held"))
	w.Inbox.Await(t, "failed", soon)
	world.Await(t, "the other receiver to be told", soon, func() (bool, string) {
		return strings.Contains(told.text(), "FAILED"), told.text()
	})
	gate, err := os.ReadFile(filepath.Join(w.Dir, "kept", "gate"))
	if err != nil || len(gate) < 16 {
		t.Fatalf("the step has seen no gate token (%q, %v): this test proves nothing", gate, err)
	}
	if env, err := os.ReadFile(filepath.Join(w.Dir, "kept", "env")); string(env) != envCanary {
		t.Fatalf("the step has not seen the daemon's environment (%q, %v): this test proves less than it says", env, err)
	}
	artefacts := w.artefacts(t, held.ID)
	artefacts["the other receiver"] = told.text()
	w.Daemon.Post(t, "/api/v1/incidents/"+held.ID+"/close", map[string]string{"reason": "done by hand"})
	awaitSubject(t, events, "rollbackd.v1.event.checkout.root_cause_analysis")
	if artefacts["GET /api/v1/events"] = stream(); !strings.Contains(artefacts["GET /api/v1/events"], held.ID) {
		t.Error("the stream of events says nothing of the incident: this test proves less than it says")
	}
	for i, m := range events.messages() {
		artefacts[fmt.Sprintf("NATS %d %s", i, m.Subject)] = fmt.Sprint(m.Header) + string(m.Data)
	}
	if n := strings.Count(artefacts["GET /api/v1/incidents/"+held.ID], `\u003csecret\u003e`); n < 10 {
		t.Errorf("the incident shows %d hidden words, want what the steps wrote: this test proves nothing", n)
	}
	for _, secret := range []string{world.Secret(), promCanary, headerCanary, envCanary, string(gate)} {
		for _, word := range forms(secret) {
			for name, text := range artefacts {
				if at := strings.Index(text, word); at >= 0 {
					t.Errorf("%s holds the secret %q as %q: …%q…", name, secret, word, text[max(0, at-80):min(len(text), at+len(word)+20)])
				}
			}
		}
	}
}

// forms are a secret as it may be found.
func forms(secret string) []string {
	raw := []byte(secret)
	quoted, _ := json.Marshal(secret)
	plain := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
	inJSON, _ := json.Marshal(plain) // JSON in JSON: what a step wrote, in an answer of the API
	all := []string{
		plain, string(quoted[1 : len(quoted)-1]), string(inJSON[1 : len(inJSON)-1]), strings.ReplaceAll(plain, "/", `\/`), html.EscapeString(secret), html.EscapeString(plain),
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
	slices.Sort(all)
	return slices.Compact(all)
}

type leaky struct{ *world.World }

// leakyWorld is a world with secrets in all places, and a plan that gives them away.
func leakyWorld(t *testing.T) (leaky, *sink) {
	t.Helper()
	told := &sink{}
	receiver := httptest.NewServer(told)
	t.Cleanup(receiver.Close)
	echo := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Fprintf(rw, "refused %s %s %s", r.Header.Get("Authorization"), token, url.QueryEscape(token))
	}))
	t.Cleanup(echo.Close)
	w := world.New(t, world.Options{
		Program: program, Bus: true,
		Triggers: `
errors = { when = "error_rate > 1% for 4s", severity = "critical" }
slow   = { when = "latency_p99 > 500ms for 4s", severity = "high", warm_up = "1s" }
`,
		Steps: `
[[services.checkout.rollback.steps]]
name = "leak"
exec = ["/bin/sh", "%DIR/leak.sh", "%DIR"]
[[services.checkout.rollback.steps]]
name = "refused"
http = { method = "POST", url = "` + echo.URL + `/off", header_files = { Authorization = "%DIR/header.key" } }
`,
		More: `
[prometheus.http.authorization]
credentials_file = "%DIR/prom.key"
[receivers.other]
webhook = { url = "` + receiver.URL + `/hook", secret_env = "` + envName + `" }
`,
	})
	if err := os.Mkdir(filepath.Join(w.Dir, "kept"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"prom.key": promCanary, "header.key": "Bearer " + headerCanary, "leak.sh": leakScript} {
		if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return leaky{w}, told
}

// stream listens to the events of the API from now on; what it gives is what came so far.
func (w leaky) stream(t *testing.T) func() string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(w.Address(), "unix:"))
	}}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://rollbackd/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	var mu sync.Mutex
	var text strings.Builder
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := answer.Body.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

// artefacts are all that the daemon has left, by where it was found.
func (w leaky) artefacts(t *testing.T, id string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, path := range []string{
		"/api/v1/incidents", "/api/v1/incidents/" + id, "/api/v1/services", "/api/v1/services/checkout", "/api/v1/config", "/api/v1/stats",
		"/api/v1/incidents/" + id + "/report?format=json", "/api/v1/incidents/" + id + "/report?format=markdown",
		"/api/v1/incidents/" + id + "/report?format=html", "/api/v1/incidents/" + id + "/report?format=failures", "/", "/incidents/" + id, "/services/checkout", "/history", "/metrics",
	} {
		_, body := w.Daemon.Page(t, path)
		found["GET "+path] = body
	}
	for _, args := range [][]string{{"show", id}, {"why", "checkout"}, {"incidents"}, {"status"}, {"show", id, "-o", "json"}} {
		// Whatever it exits with: what it says is looked at.
		out, _ := exec.CommandContext(t.Context(), program, append(args, "--web.address", w.Address())...).CombinedOutput()
		found["rollbackd "+strings.Join(args, " ")] = string(out)
	}
	for _, m := range w.Inbox.Deliveries("") {
		found["message "+m.ID] = fmt.Sprint(m)
	}
	own := []string{"prom.key", "header.key", "hook.key", "kept", "leak.sh", "s"}
	w.checkRaw(t)
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		switch name, _, _ := strings.Cut(strings.TrimPrefix(path, w.Dir+"/"), "/"); {
		case err != nil || slices.Contains(own, name) || !d.Type().IsRegular():
			return err
		case name == "runs" && d.Name() == "output":
			return nil // looked at by checkRaw
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the daemon goes on: one that it only wrote to rename it is gone by now
		}
		found[strings.TrimPrefix(path, w.Dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// checkRaw looks at what the steps themselves wrote into their outputs, which the
// daemon only reads: they are hidden from everybody but the daemon's own user.
func (w leaky) checkRaw(t *testing.T) {
	t.Helper()
	raw, err := filepath.Glob(filepath.Join(w.Dir, "runs", "*", "*", "output"))
	if err != nil || len(raw) == 0 {
		t.Fatalf("no outputs (%v): this test proves nothing", err)
	}
	for _, path := range append(raw, filepath.Join(w.Dir, "runs")) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if others := info.Mode().Perm() & 0o077; others != 0 {
			t.Errorf("%s is open to others: %s", strings.TrimPrefix(path, w.Dir+"/"), info.Mode())
		}
	}
}
