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
	w := newWorld(t, action.Options{})
	write(t, w.path("token"), "abc")
	values := map[string]string{"target_version": "v1", "running_version": "v2"}
	var plan []action.Request
	for _, step := range []action.Step{
		{Kind: action.KindSymlink, Link: filepath.Join(dir, "current"), To: dir + "/releases/${target_version}"},
		{Kind: action.KindSymlink, Link: filepath.Join(dir, "new"), To: "releases/${target_version}"},
		execStep("true", "${running_version}"),
		{Kind: action.KindHTTP, URL: "http://lb.invalid/off", HeaderFiles: map[string]string{"A": w.path("token")}},
		{Kind: action.KindWait},
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
		name, do, probe, want string
		values                map[string]string
	}{
		{name: "unset", do: `{"kind":"exec","argv":["true","${target_version}"]}`, want: "${target_version}: is not set"},
		{name: "tool", do: `{"kind":"exec","argv":["no-such-tool"]}`, want: "no-such-tool: there is no such program"},
		{name: "probe tool", do: `{"kind":"exec","argv":["true"]}`, probe: `{"kind":"exec","argv":["no-such-probe"]}`, want: "probe: no-such-probe"},
		{name: "target", do: `{"kind":"symlink","link":"` + dir + `/current","to":"releases/v0"}`, want: "what it is to point to"},
		{name: "link", do: `{"kind":"symlink","link":"` + dir + `/releases","to":"` + dir + `"}`, want: "is not a symbolic link"},
		{name: "directory", do: `{"kind":"symlink","link":"` + dir + `/nowhere/current","to":"` + dir + `"}`, want: "directory does not exist"},
		{name: "secret", do: `{"kind":"http","url":"http://lb","header_files":{"A":"/no/such/file"}}`, want: "header_files.A"},
		{name: "version", do: `{"kind":"exec","argv":["true","${running_version}"]}`, values: map[string]string{"running_version": "v2~rc1"}, want: "${running_version}: the value"},
		{name: "kind", do: `{"kind":"swarm"}`, want: "not implemented"},
	}
	var plan []action.Request
	for _, s := range steps {
		req := request(json.RawMessage(s.do))
		req.Name, req.Probe, req.Values = s.name, json.RawMessage(s.probe), s.values
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
