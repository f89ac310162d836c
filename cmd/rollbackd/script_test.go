package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollbackd": main})
}

// patience of a script for something that is to happen.
const scriptPatience = 2 * time.Minute

// TestScripts runs the real command line as people do, a file a matter.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			p := &fakePrometheus{values: map[string]string{}, labels: map[string]string{}}
			server := httptest.NewServer(p)
			env.Defer(server.Close)
			env.Values["prometheus"] = p
			env.Setenv("PROM", server.URL)
			env.Setenv(addressVariable, "unix:"+env.WorkDir+"/r.sock")
			env.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code":       code,
			"eventually": eventually,
			"expand":     expand,
			"freeport":   freePort,
			"remember":   remember,
			"series":     series,
			"signal":     sendSignal,
		},
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(9 * time.Minute),
	})
}

// code N COMMAND ARGS… runs a command that must exit with N.
func code(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%q exited with %d, want %d", args[1:], got, want)
	}
}

// eventually PATTERN COMMAND ARGS… runs a command until it exits with 0 and its
// stdout matches. That stdout is what the script looks at next: a run more might
// print something else by then.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN COMMAND ARGS…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		cmd := exec.CommandContext(ctx, args[1], args[2:]...)
		cmd.Env = append(os.Environ(), addressVariable+"="+ts.Getenv(addressVariable))
		cmd.Dir = ts.MkAbs(".")
		out, err := cmd.Output() // it may fail until it does not
		if err == nil && pattern.Match(out) {
			show(ts, out)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = ts.Exec(args[1], args[2:]...)
			ts.Fatalf("%q did not come to print %q within %s", args[1:], args[0], scriptPatience)
		}
	}
}

// show makes a text the stdout that the script looks at.
func show(ts *testscript.TestScript, text []byte) {
	file := ts.MkAbs(".shown")
	ts.Check(os.WriteFile(file, text, 0o600))
	ts.Check(ts.Exec("cat", file))
	ts.Check(os.Remove(file))
}

// freeport sets LISTEN to a TCP address that is the script's own, and TCP to it as
// --web.address takes it.
func freePort(ts *testscript.TestScript, _ bool, _ []string) {
	// A socket that is bound and does not listen keeps the port from those who take
	// any, and not from those who ask for it, where both say SO_REUSEADDR, as Go does.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	ts.Check(err)
	ts.Defer(func() { _ = syscall.Close(fd) })
	ts.Check(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	ts.Check(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(fd)
	ts.Check(err)
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	ts.Setenv("LISTEN", address)
	ts.Setenv("TCP", "http://"+address)
}

// remember NAME keeps the output of the last command in a variable.
func remember(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: remember NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// expand FILE… replaces $NAME in files by the environment's values. $$ is one $.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), func(key string) string {
			if key == "$" {
				return "$"
			}
			return ts.Getenv(key)
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// sendSignal TERM|HUP sends a signal to what runs in the background; testscript's
// own kill knows neither.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal TERM|HUP")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

// series QUERY VALUE [LABEL=VALUE] makes Prometheus answer a query with a series of
// that label, or of the service checkout; a value of "-" makes it answer without a
// series, and "refused" refuse the query.
func series(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: series QUERY VALUE [LABEL=VALUE]")
	}
	p := ts.Value("prometheus").(*fakePrometheus)
	p.set(args[0], args[1])
	label, value := "service", "checkout"
	if len(args) == 3 {
		label, value, _ = strings.Cut(args[2], "=")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.labels[args[0]] = fmt.Sprintf("{%q:%q}", label, value)
}

// fakePrometheus answers instant queries with one series, and knows no past.
type fakePrometheus struct {
	mu     sync.Mutex
	values map[string]string // by query
	labels map[string]string // by query, as JSON
}

func (p *fakePrometheus) set(query, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.values[query] = value
}

func (p *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/api/v1/query" {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
		return
	}
	p.mu.Lock()
	value, ok := p.values[r.FormValue("query")]
	labels := cmp.Or(p.labels[r.FormValue("query")], `{"service":"checkout"}`)
	p.mu.Unlock()
	if value == "refused" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"no such function"}`)
		return
	}
	if !ok || value == "-" {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
		return
	}
	at := r.FormValue("time")
	if at == "" {
		at = "0"
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":%s,"value":[%s,%q]}]}}`, labels, at, value)
}
