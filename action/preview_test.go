package action_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

func TestPreviewSaysWhatAStepWouldDo(t *testing.T) {
	w := newWorld(t, action.Options{Mask: func(text string) string { return strings.ReplaceAll(text, "hunter22", "<secret>") }})
	write(t, w.path("token"), "Bearer s3cr3t-token\n")
	for name, c := range map[string]struct {
		do   string
		want []string
	}{
		"a program":           {`{"kind":"exec","argv":["deploy","--to","${target_version}","it's done",""]}`, []string{`exec deploy --to v1 'it'\''s done' ''`}},
		"the daemon's secret": {`{"kind":"exec","argv":["login","-p","hunter22"]}`, []string{"exec login -p '<secret>'"}},
		"a request": {
			`{"kind":"http","method":"POST","url":"https://lb/off?v=${target_version}","headers":{"X-Team":"shop"},"header_files":{"Authorization":"` + w.path("token") + `"},"body":"{\"token\":\"s3cr3t-token\"}\nsecond","expect":[200,204]}`,
			[]string{"http POST https://lb/off?v=v1", "Authorization: <secret>", "X-Team: shop", `{"token":"<secret>"}`, "second", "wants 200, 204"},
		},
		"a request that only says where": {`{"kind":"http","url":"https://lb/off"}`, []string{"http GET https://lb/off"}},
		"a link":                         {`{"kind":"symlink","link":"/srv/current","to":"/srv/releases/${target_version}"}`, []string{"symlink /srv/current -> /srv/releases/v1"}},
		"a wait":                         {`{"kind":"wait","for":"90s"}`, []string{"wait 1m30s"}},
		"a query":                        {`{"kind":"query","expr":"up == 1"}`, []string{"query: wait until this holds: up == 1"}},
		"a query that must hold":         {`{"kind":"query","expr":"up == 1","hold":"2m"}`, []string{"query: wait until this has held for 2m0s: up == 1"}},
		"a question":                     {`{"kind":"approval","text":"restore the database?"}`, []string{"approval: restore the database?"}},
		"a question without a text":      {`{"kind":"approval"}`, []string{"approval"}},
		"escape sequences":               {`{"kind":"exec","argv":["echo","\u001b[31mred\u001b[0m"]}`, []string{"exec echo red"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(json.RawMessage(c.do))
			req.Values = map[string]string{"target_version": "v1"}
			got, err := w.Preview(req)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got.Step.Lines()); d != "" {
				t.Errorf("lines (-want +got):\n%s", d)
			}
			for _, secret := range []string{"s3cr3t-token", "hunter22"} {
				if strings.Contains(string(got.Step.JSON()), secret) {
					t.Errorf("the secret %s is in %s", secret, got.Step.JSON())
				}
			}
		})
	}
}

func TestPreviewShowsWhatIsAskedBesideAStep(t *testing.T) {
	w := newWorld(t, action.Options{})
	req := request(json.RawMessage(`{"kind":"exec","argv":["true"]}`))
	req.Probe = json.RawMessage(`{"kind":"exec","argv":["is-done","${each}"]}`)
	req.If = json.RawMessage(`{"kind":"http","url":"https://lb/needed"}`)
	req.Unit = "web1"
	got, err := w.Preview(req)
	if err != nil {
		t.Fatal(err)
	}
	if got.Probe == nil || got.If == nil || got.Probe.Lines()[0] != "exec is-done web1" || got.If.Lines()[0] != "http GET https://lb/needed" {
		t.Errorf("beside it: %+v, %+v", got.Probe, got.If)
	}
}

func TestPreviewOfWhatCannotBeFilledIn(t *testing.T) {
	w := newWorld(t, action.Options{})
	for name, c := range map[string]struct{ do, says string }{
		"a value that is not set": {`{"kind":"exec","argv":["deploy","${target_version}"]}`, "${target_version}: is not set"},
		"no step at all":          {`{"kind":"telepathy"}`, `"telepathy" is not implemented`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.Preview(request(json.RawMessage(c.do))); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v; want it to say %q", err, c.says)
			}
		})
	}
}

// A preview is read by people: whatever a configuration holds, no line of it
// carries a control character.
func FuzzPreview(f *testing.F) {
	f.Add("deploy", "--to\x1b[2J", "https://lb/off", "{}")
	f.Add("", "\r\n", "http://h/\u202e", "\x00\x9b31m")
	runner := action.NewRunner(action.Options{Dir: f.TempDir()})
	f.Fuzz(func(t *testing.T, program, argument, url, body string) {
		for _, step := range []action.Step{
			{Kind: action.KindExec, Argv: []string{program, argument}},
			{Kind: action.KindHTTP, URL: url, Body: body},
			{Kind: action.KindSymlink, Link: program, To: argument},
			{Kind: action.KindQuery, Expr: body},
		} {
			do, err := json.Marshal(step)
			if err != nil {
				continue
			}
			shown, err := runner.Preview(request(do))
			if err != nil {
				continue
			}
			for _, line := range shown.Step.Lines() {
				if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }) {
					t.Errorf("%q", line)
				}
			}
		}
	})
}
