package action_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

// Nothing of one unit can be taken for another's: keys, names and files.
func TestUnitsAreToldApart(t *testing.T) {
	var keys []string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { keys = append(keys, r.Header.Get("Idempotency-Key")) })
	w := newWorld(t, action.Options{})
	units := []string{"", "web1", "web2", "a/b", "a-b", "a:b", "1", "Web1"}
	var said []string
	for _, unit := range units {
		req := request(shell(t, `echo "$ROLLBACKD_STEP"`))
		req.Unit = unit
		checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0)})
		said = append(said, strings.TrimSpace(w.Tail(req)))
		send := post(t, url)
		send.Unit, send.Run = unit, "run-2"
		checkResult(t, w.Run(context.Background(), send), action.Result{State: action.Done, Output: "200"})
	}
	want := []string{"restart", "restart/web1", "restart/web2", "restart/a/b", "restart/a-b", "restart/a:b", "restart/1", "restart/Web1"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("ROLLBACKD_STEP in each one's own output (-want +got):\n%s", diff)
	}
	want = []string{
		"inc-1/restart", "inc-1/restart/web1", "inc-1/restart/web2", "inc-1/restart/a%2Fb", "inc-1/restart/a-b", "inc-1/restart/a:b",
		"inc-1/restart/1", "inc-1/restart/Web1",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	// One directory each, none inside another: outputs are looked for one level down.
	want = []string{
		"steps-0-1", "steps-0-1-1", "steps-0-1-Web1", "steps-0-1-a-b", "steps-0-1-a:b", "steps-0-1-a~b", "steps-0-1-web1", "steps-0-1-web2",
	}
	if diff := cmp.Diff(want, names(t, filepath.Join(w.dir, "run-1"))); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}

// Two units of a step may be known at once; the same one may not.
func TestUnitsRunBesideEachOther(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, `touch "$1.$2"; while [ ! -e "$1" ]; do sleep 0.05; done`, w.path("stop"), "${each}"))
	ends := make(chan action.Result, 2)
	for _, unit := range []string{"web1", "web2"} {
		one := req
		one.Unit = unit
		go func() { ends <- w.Run(context.Background(), one) }()
	}
	eventually(t, "both units' start", func() bool { return exists(w.path("stop.web1")) && exists(w.path("stop.web2")) })
	req.Unit = "web1"
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Uncertain, Interrupted: true, Error: `step "restart" for web1: this daemon carries out attempt 1`})
	write(t, w.path("stop"), "")
	for range 2 {
		checkResult(t, <-ends, action.Result{State: action.Done, ExitCode: new(0)})
	}
}

func TestTailRefusesAUnitThatLeavesItsDirectory(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(shell(t, "echo fine"))
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, ExitCode: new(0), Output: "fine"})
	req.Unit = "/../steps-0-1"
	if got := w.Tail(req); got != "" {
		t.Errorf("tail %q of a unit that is none", got)
	}
}
