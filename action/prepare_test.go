package action_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/action"
)

func TestPrepareAcceptsAPlanThatCanRun(t *testing.T) {
	dir := releases(t)
	w := newWorld(t, action.Options{Querier: &answers{left: "!"}}) // which must not be asked
	write(t, w.path("token"), "abc")
	values := map[string]string{"target_version": "v1", "running_version": "v2"}
	var plan []action.Request
	for _, step := range []action.Step{
		{Kind: action.KindSymlink, Link: filepath.Join(dir, "current"), To: dir + "/releases/${target_version}"},
		{Kind: action.KindSymlink, Link: filepath.Join(dir, "new"), To: "releases/${target_version}"},
		execStep("true", "${running_version}"),
		{Kind: action.KindHTTP, URL: "http://lb.invalid/off", HeaderFiles: map[string]string{"A": w.path("token")}},
		{Kind: action.KindWait},
		{Kind: action.KindQuery, Expr: `up{version="${target_version}"}`},
		{Kind: action.KindApproval, Text: "really?"},
	} {
		req := request(mustJSON(t, step))
		req.Values = values
		plan = append(plan, req)
	}
	if err := w.Prepare(context.Background(), plan); err != nil {
		t.Error(err)
	}
	if got := names(t, w.dir); len(got) != 0 {
		t.Errorf("it left files: %v", got)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("it changed the releases: %v", got)
	}
}

func TestPrepareReportsEveryProblem(t *testing.T) {
	dir := releases(t)
	w := newWorld(t, action.Options{})
	steps := []struct {
		name, do, probe, condition, want string
		values                           map[string]string
	}{
		{name: "unset", do: `{"kind":"exec","argv":["true","${target_version}"]}`, want: "${target_version}: is not set"},
		{name: "tool", do: `{"kind":"exec","argv":["no-such-tool"]}`, want: "no-such-tool: there is no such program"},
		{name: "probe tool", do: `{"kind":"exec","argv":["true"]}`, probe: `{"kind":"exec","argv":["no-such-probe"]}`, want: "probe: no-such-probe"},
		{name: "target", do: `{"kind":"symlink","link":"` + dir + `/current","to":"releases/v0"}`, want: "what it is to point to"},
		{name: "link", do: `{"kind":"symlink","link":"` + dir + `/releases","to":"` + dir + `"}`, want: "is not a symbolic link"},
		{name: "directory", do: `{"kind":"symlink","link":"` + dir + `/nowhere/current","to":"` + dir + `"}`, want: "directory does not exist"},
		{name: "secret", do: `{"kind":"http","url":"http://lb","header_files":{"A":"/no/such/file"}}`, want: "header_files.A"},
		{name: "version", do: `{"kind":"exec","argv":["true","${running_version}"]}`, values: map[string]string{"running_version": "v2~rc1"}, want: "${running_version}: the value"},
		{name: "if tool", do: `{"kind":"exec","argv":["true"]}`, condition: `{"kind":"exec","argv":["no-such-if"]}`, want: "if: no-such-if"},
		{name: "if secret", do: `{"kind":"exec","argv":["true"]}`, condition: `{"kind":"http","url":"http://lb","header_files":{"A":"/no/such/file"}}`, want: "if: header_files.A"},
		{name: "if value", do: `{"kind":"exec","argv":["true"]}`, condition: `{"kind":"exec","argv":["${target_version}"]}`, want: "if: exec step: argv[0]: ${target_version}"},
		{name: "query", do: `{"kind":"query","expr":"up"}`, want: "Prometheus is not configured"},
		{name: "member", do: `{"kind":"exec","argv":["true","${versions.cart.target}"]}`, want: "${versions.cart.target}: is not set"},
		{name: "kind", do: `{"kind":"swarm"}`, want: "not implemented"},
	}
	var plan []action.Request
	for _, s := range steps {
		req := request(json.RawMessage(s.do))
		req.Name, req.Probe, req.If, req.Values = s.name, json.RawMessage(s.probe), json.RawMessage(s.condition), s.values
		plan = append(plan, req)
	}
	err := w.Prepare(context.Background(), plan)
	if err == nil {
		t.Fatal("no problem was found")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(steps) {
		t.Fatalf("%d lines; want one for each of %d steps:\n%v", len(lines), len(steps), err)
	}
	for i, s := range steps {
		if !strings.HasPrefix(lines[i], `steps step "`+s.name+`": `) || !strings.Contains(lines[i], s.want) {
			t.Errorf("line %q; want step %q with %q", lines[i], s.name, s.want)
		}
	}
}

func TestPrepareStopsWithTheDaemon(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := newWorld(t, action.Options{})
	if err := w.Prepare(ctx, []action.Request{request(mustJSON(t, execStep("true")))}); err == nil || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("error %v; want one that says that the check was not finished", err)
	}
}

// Each unit is a request of its own, and each one's problem is reported by its name.
func TestPrepareOfEachUnit(t *testing.T) {
	dir := releases(t)
	w := newWorld(t, action.Options{})
	var plan []action.Request
	for _, unit := range []string{"v1", "v3", "we*", "v2"} {
		req := request(mustJSON(t, action.Step{Kind: action.KindSymlink, Link: filepath.Join(dir, "current"), To: "releases/${each}"}))
		req.Unit, req.Values = unit, map[string]string{"each": unit}
		plan = append(plan, req)
	}
	err := w.Prepare(context.Background(), plan)
	if err == nil {
		t.Fatal("no problem was found")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `steps step "restart" for v3: `) || !strings.Contains(lines[1], `the value "we*" is refused`) {
		t.Errorf("want a line for v3 and one for we*:\n%v", err)
	}
}

// An If may ask just whether there is something to point to.
func TestPrepareLeavesPlacesToTheIf(t *testing.T) {
	dir := releases(t)
	w := newWorld(t, action.Options{})
	req := request(mustJSON(t, action.Step{Kind: action.KindSymlink, Link: filepath.Join(dir, "current"), To: "releases/v0"}))
	req.If = mustJSON(t, execStep("test", "-e", dir+"/releases/v0"))
	if err := w.Prepare(context.Background(), []action.Request{req}); err != nil {
		t.Error(err)
	}
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Skipped: true, NothingChanged: true})
	req.If = nil
	if err := w.Prepare(context.Background(), []action.Request{req}); err == nil {
		t.Error("without an if nothing was wrong")
	}
}
