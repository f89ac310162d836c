package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// plug is a Prometheus that can be pulled out.
type plug struct {
	*fakePrometheus
	pulled atomic.Bool
}

// ServeHTTP is http.Handler's.
func (p *plug) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.pulled.Load() {
		panic(http.ErrAbortHandler) // hangs up
	}
	p.fakePrometheus.ServeHTTP(w, r)
}

// TestLocalScripts is TestScripts for rollbacks with the daemon stopped.
func TestLocalScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/local",
		Setup: func(env *testscript.Env) error {
			p := &plug{fakePrometheus: &fakePrometheus{values: map[string]string{}, labels: map[string]string{}}}
			server := httptest.NewServer(p)
			env.Defer(server.Close)
			env.Values["prometheus"], env.Values["plug"] = p.fakePrometheus, p
			env.Setenv("PROM", server.URL)
			env.Setenv(addressVariable, "unix:"+env.WorkDir+"/r.sock")
			env.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": code, "eventually": eventually, "expand": expand, "series": series, "signal": sendSignal,
			"offline": offline, "crash": crash, "flip": flip,
		},
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(9 * time.Minute),
	})
}

// offline N COMMAND ARGS… is code without a network: in a network namespace with
// nothing in it where this machine lets us make one, and with a Prometheus that
// hangs up in any case.
func offline(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value("plug").(*plug)
	p.pulled.Store(true)
	defer p.pulled.Store(false)
	if exec.Command("unshare", "-rn", "true").Run() == nil {
		args = append([]string{args[0], "unshare", "-rn"}, args[1:]...)
	}
	code(ts, neg, args)
}

// crash kills what runs in the background at once, as a loss of power does.
func crash(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGKILL))
	}
}

// flip FILE TEXT turns a text into capitals wherever it stands in a file.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	data := []byte(ts.ReadFile(args[0]))
	changed := bytes.ReplaceAll(data, []byte(args[1]), []byte(strings.ToUpper(args[1])))
	if bytes.Equal(changed, data) {
		ts.Fatalf("%q is not in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), changed, 0o600))
}
